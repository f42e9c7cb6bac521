"""What the console script starts: from its first moment on, Ctrl-C is one sentence, also while the rest is still being imported."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; exit with a code of :class:`fwrkit.core.errors.ExitCode`, or the status of an executed command."""
    try:
        from fwrkit.host.cli.main import run

        status = run()
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        status = 130
    sys.exit(status)
