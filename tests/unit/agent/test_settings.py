"""Who the agent is, from its environment."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from fwrkit.agent.settings import Places, Settings, from_environment
from fwrkit.core.errors import ExitCode, FwrError

LEAST = {"FWRKIT_ROLE": "client", "FWRKIT_NODE": "alice", "FWRKIT_NODE_ID": "0123456789ab"}


def test_the_least_that_has_to_be_said() -> None:
    node = from_environment(LEAST)
    assert (node.role, node.name, node.node_id, node.citizen) == ("client", "alice", "0123456789ab", "")
    assert node.world_name == "alice"
    assert node.owner == (2011, 2011)
    assert node.settings == Settings()


def test_all_that_can_be_said() -> None:
    more = {
        "FWRKIT_ROLE": "server", "FWRKIT_CITIZEN": "ada", "FWRKIT_TEMPLATE": "dokuwiki", "FWRKIT_WORLD_NAME": "Utopia",
        "FWRKIT_WORLD_UID": "1000", "FWRKIT_WORLD_GID": "1001", "FWRKIT_SETTINGS": '{"inline_limit": 5, "settle_quiet": 0.5}',
    }  # fmt: skip
    node = from_environment({**LEAST, **more})
    assert (node.role, node.citizen, node.template, node.world_name, node.owner) == ("server", "ada", "dokuwiki", "Utopia", (1000, 1001))
    assert node.settings == Settings(inline_limit=5, settle_quiet=0.5)


@pytest.mark.parametrize("missing", sorted(LEAST))
def test_what_is_missing_is_said(missing: str) -> None:
    with pytest.raises(FwrError) as raised:
        from_environment({name: value for name, value in LEAST.items() if name != missing})
    assert raised.value.code == ExitCode.USAGE
    assert missing in raised.value.message


@pytest.mark.parametrize(
    "more",
    [
        {"FWRKIT_WORLD_UID": "root"},
        {"FWRKIT_WORLD_GID": "1.5"},
        {"FWRKIT_SETTINGS": "{"},
        {"FWRKIT_SETTINGS": "7"},
        {"FWRKIT_SETTINGS": "null"},
        {"FWRKIT_SETTINGS": '"inline_limit"'},
        {"FWRKIT_SETTINGS": '{"inline_limits": 5}'},
    ],
)
def test_what_is_malformed_is_refused(more: dict[str, str]) -> None:
    with pytest.raises(FwrError) as raised:
        from_environment({**LEAST, **more})
    assert raised.value.code == ExitCode.USAGE


@pytest.mark.parametrize("value", ["much", None, [1], {"a": 1}])
def test_a_setting_that_is_no_number_is_refused(value: object) -> None:
    """Found at the start, not hours later in a comparison."""
    for item in dataclasses.fields(Settings):
        with pytest.raises(FwrError) as raised:
            from_environment({**LEAST, "FWRKIT_SETTINGS": json.dumps({item.name: value})})
        assert raised.value.code == ExitCode.USAGE


def test_an_unset_setting_is_as_none() -> None:
    assert from_environment({**LEAST, "FWRKIT_SETTINGS": ""}).settings == Settings()


def test_places_lie_where_the_architecture_says() -> None:
    places = Places()
    assert places.world == Path("/srv/fwr/world")
    assert places.private == Path("/srv/fwr/private")
    assert {places.control, places.stream, places.enrol} == {
        Path("/run/fwrkit") / f"{name}.sock" for name in ("control", "stream", "enrol")
    }
    assert not places.private.is_relative_to(places.world), "the private directory never travels"
