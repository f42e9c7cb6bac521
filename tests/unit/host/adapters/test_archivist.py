"""The agent's program in a container: what it is told, and what comes of what it says."""

from __future__ import annotations

import json
import sys

import pytest

from fwrkit.core.backups import FORMAT, Header, Made
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters.archivist import Archivist

HEADER = Header(FORMAT, "0.1.0", 5, "client", "alice", "0" * 12, "alice", "w1", "world", "static", "", False, {"name": "alice"})
MADE = Made(1, 4, 0, 0, [], [])
LOCK = {"passphrase": "secret"}

_BACKUP = f"""
import json, sys
request = json.loads(sys.stdin.readline())
assert sys.argv[1:] == ["fwrkit-agent", "backup"] and request["lock"] == {LOCK!r} and request["is_alone"] and not request["is_compressed"]
sys.stdout.buffer.write(b"data"); sys.stdout.flush()
print("a word", file=sys.stderr); print({json.dumps({"made": MADE.to_json()})!r}, file=sys.stderr)
"""
_FED = """
import json, sys
request, rest = json.loads(sys.stdin.buffer.readline()), sys.stdin.buffer.read()
print("Container created"); print(json.dumps({"error": {"code": "TAKEN", "message": f"{request} {len(rest)}.", "hint": ""}})); sys.exit(4)
"""


def archivist(code: str) -> Archivist:
    return Archivist("alice", [sys.executable, "-c", code])


def back_up(code: str) -> tuple[bytes, Made]:
    pieces: list[bytes] = []
    made = archivist(code).backup(HEADER, LOCK, pieces.append, is_compressed=False, is_alone=True)
    return b"".join(pieces), made


def test_a_backup_and_what_is_in_it() -> None:
    assert back_up(_BACKUP) == (b"data", MADE)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("""import sys; sys.exit('{"error": {"code": "NO_SPACE", "message": "Full.", "hint": ""}}')""", (ExitCode.NO_SPACE, "Full.")),
        ("import sys; sys.exit('killed')", (ExitCode.FAILED, "The backup of node 'alice' ended too early: killed.")),
        ("print('half')", (ExitCode.FAILED, "The backup of node 'alice' ended too early: exit status 0.")),
    ],
)
def test_one_that_ends_too_early_is_none(code: str, expected: tuple[ExitCode, str]) -> None:
    with pytest.raises(FwrError) as raised:
        back_up(code)
    assert (raised.value.code, raised.value.message) == expected


def test_what_is_fed_and_what_is_answered() -> None:
    for act in (archivist(_FED).check, lambda lock, pieces: archivist(_FED).restore(lock, [1], pieces)):
        with pytest.raises(FwrError) as raised:
            act(LOCK, [b"x" * 1000] * 3)
        assert (raised.value.code, "secret" in raised.value.message, " 3000." in raised.value.message) == (ExitCode.TAKEN, True, True)
