"""The one error that people see, and the exit codes that programs see."""

from __future__ import annotations

import enum


class ExitCode(enum.IntEnum):
    """What a fwrkit process says with its exit status. The README's table is checked against this."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    TAKEN = 4
    UNREACHABLE = 5
    REFUSED = 6
    NO_ENGINE = 7
    HELD = 8
    TIMED_OUT = 9
    NO_SPACE = 10
    INTERRUPTED = 130


class FwrError(Exception):
    """A failure that a person can act on: one sentence that says what is wrong, one hint that says what to do next.

    ``message`` ends with a full stop and holds no line break; ``hint`` names the next command to type where there is one.
    """

    def __init__(self, code: ExitCode, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

    def to_json(self) -> dict[str, dict[str, str]]:
        """Return the object that ``fwrkit-agent`` prints in place of its result."""
        return {"error": {"code": self.code.name, "message": self.message, "hint": self.hint}}

    @classmethod
    def from_json(cls, data: dict[str, str]) -> FwrError:
        """Given the inner object of :meth:`to_json`, return the error. An unknown code is read as ``FAILED``."""
        name = data.get("code", "FAILED")
        code = ExitCode[name] if name in ExitCode.__members__ else ExitCode.FAILED
        return cls(code, data.get("message", "The agent failed without a word."), data.get("hint", ""))
