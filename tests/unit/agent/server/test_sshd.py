"""sshd's configuration: what must be there, and nothing twice (sshd takes the first)."""

from __future__ import annotations

from pathlib import Path

import pytest

from fwrkit.agent.server.enrolment import GATE
from fwrkit.agent.server.sshd import PORT, configuration


def parsed() -> dict[str, dict[str, str]]:
    """Return the configuration as sshd reads it: by section, keyword to arguments, keywords in any case."""
    sections: dict[str, dict[str, str]] = {"": {}}
    section = ""
    for line in configuration(Path("/keys"), Path("/state"), 5).splitlines():
        words = line.split("#")[0].split(None, 1)
        if not words:
            continue
        keyword, arguments = words[0].lower(), words[1]
        if keyword == "match":
            section = arguments
            sections[section] = {}
            continue
        assert keyword not in sections[section], f"{keyword} stands twice"
        sections[section][keyword] = arguments
    return sections


@pytest.mark.parametrize(
    ("keyword", "arguments"),
    [
        ("port", str(PORT)),
        ("hostkey", "/keys/host"),
        ("hostcertificate", "/keys/host-cert.pub"),
        ("trustedusercakeys", "/keys/authorities.pub"),
        ("revokedkeys", "/state/enrol/revoked_keys"),
        ("usepam", "no"),
        ("setenv", "FWRKIT_FILE_LIMIT=5"),
        ("acceptenv", "NOTHING"),
        ("passwordauthentication", "no"),
        ("kbdinteractiveauthentication", "no"),
        ("hostbasedauthentication", "no"),
        ("permitrootlogin", "no"),
        ("authorizedkeysfile", "none"),
        ("authorizedprincipalsfile", "none"),
        ("authenticationmethods", "publickey"),
        ("allowusers", "c-* enrol request"),
        ("disableforwarding", "yes"),
        ("permittty", "no"),
        ("permituserrc", "no"),
        ("permituserenvironment", "no"),
        ("strictmodes", "yes"),
        ("persourcepenalties", "no"),
    ],
)
def test_nobody_gets_in_but_by_a_certificate_or_an_invite(keyword: str, arguments: str) -> None:
    assert parsed()[""][keyword] == arguments


def test_every_account_meets_the_gate_or_can_only_enrol() -> None:
    sections = parsed()
    assert set(sections) == {"", "User enrol", "User request", "User c-*"}
    assert sections["User c-*"] == {"forcecommand": GATE}
    assert sections["User request"] == {
        "authorizedkeyscommand": "/usr/lib/fwrkit/any-key %t %k",
        "authorizedkeyscommanduser": "enrol",
        "maxsessions": "1",
    }
    assert sections["User enrol"] == {"authorizedkeysfile": "/state/enrol/authorized_keys", "maxsessions": "1"}


def test_a_broken_connection_is_noticed() -> None:
    words = parsed()[""]
    assert int(words["clientaliveinterval"]) * int(words["clientalivecountmax"]) <= 15
    assert int(words["logingracetime"]) > 0
