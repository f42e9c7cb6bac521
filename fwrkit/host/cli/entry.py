"""What the console script starts: from its first moment to its last, Ctrl-C is one sentence, also while the rest is still being imported."""

from __future__ import annotations

import sys

from fwrkit.core import interrupts


def main() -> None:
    """Run the command line; exit with a code of :class:`fwrkit.core.errors.ExitCode`, or the status of an executed command."""
    try:
        interrupts.listen()
        from fwrkit.host.cli.main import run

        status = run()
    except KeyboardInterrupt:
        interrupts.ignore()
        sys.stderr.write("Interrupted.\n")
        status = 130
    interrupts.ignore()  # it is over: what was done is told by the status
    sys.exit(status)
