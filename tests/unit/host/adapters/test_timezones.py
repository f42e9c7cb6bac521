"""The machine's time zone, wherever it says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters import timezones


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An /etc, and a tz database that knows three zones."""
    database = tmp_path / "zoneinfo"
    for name in ("Europe/Berlin", "America/Argentina/Ushuaia", "UTC"):
        (database / name).parent.mkdir(parents=True, exist_ok=True)
        (database / name).touch()
    monkeypatch.setattr(timezones, "_DATABASE", database)
    (tmp_path / "etc").mkdir()
    return tmp_path / "etc"


@pytest.mark.parametrize("text", ["Europe/Berlin", ":Europe/Berlin", "/usr/share/zoneinfo/Europe/Berlin", " Europe/Berlin\n"])
def test_the_environment_says_it_first(etc: Path, text: str) -> None:
    (etc / "timezone").write_text("America/Argentina/Ushuaia\n")
    assert timezones.of_machine({"TZ": text}, etc) == "Europe/Berlin"


def test_then_the_file_then_the_link(etc: Path) -> None:
    (etc / "localtime").symlink_to("../usr/share/zoneinfo/posix/Europe/Berlin")
    assert timezones.of_machine({}, etc) == "Europe/Berlin"
    (etc / "timezone").write_text("America/Argentina/Ushuaia\n")
    assert timezones.of_machine({"TZ": ""}, etc) == "America/Argentina/Ushuaia"


@pytest.mark.parametrize("text", ["CET-1CEST,M3.5.0,M10.5.0/3", "Middle-earth/Shire", "../../etc/passwd", "a b", "Etc/\x00", ""])
def test_what_is_no_name_is_passed_over(etc: Path, text: str) -> None:
    (etc / "timezone").write_text(text)
    assert timezones.of_machine({"TZ": text}, etc) == "UTC"
    (etc / "localtime").write_bytes(b"TZif2")  # a copy, and no link
    assert timezones.of_machine({}, etc) == "UTC"


def test_what_people_type_is_looked_up(etc: Path) -> None:
    assert timezones.check("Europe/Berlin") == "Europe/Berlin"
    for text in ("Europe/Berlinn", "Europe", "../zoneinfo/UTC", "UTC\n", "", "$HOME"):
        with pytest.raises(FwrError) as raised:
            timezones.check(text)
        assert raised.value.code is ExitCode.USAGE


def test_a_machine_without_a_database_takes_what_looks_like_a_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(timezones, "_DATABASE", tmp_path / "none")
    assert timezones.check("Europe/Berlin") == "Europe/Berlin"
    with pytest.raises(FwrError):
        timezones.check("no zone")
