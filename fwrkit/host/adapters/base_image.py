"""The base image: Debian stable, pulled from a registry or made from a Debian mirror."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, get_args

from fwrkit.core import commands
from fwrkit.core.commands import Command
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters import space
from fwrkit.host.adapters.engine import Engine

Preference = Literal["auto", "pull", "mirror"]
SUITE = "trixie"
PULLED = ("debian", f"{SUITE}-slim")
MADE = ("fwrkit-debian", SUITE)

_PULL_TIMEOUT = 15.0  # seconds of silence: a registry that cannot be reached must not hold up a machine that has a mirror
_MAKE_TIMEOUT = 900.0
_APT_TIMEOUT = 30.0
_APT_SOURCES = Command(["apt-get", "indextargets", "--format", "$(LABEL)|$(REPO_URI)", "Created-By: Packages", "Origin: Debian"])
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def preference(asked: str | None = None) -> Preference:
    """Given what the option said (else ``$FWRKIT_BASE``, else auto), return the preference. Raise FwrError (USAGE) if it is none."""
    text = asked or os.environ.get("FWRKIT_BASE") or "auto"
    for known in get_args(Preference):
        if text == known:
            return text  # type: ignore[return-value]  # it is one of the literals
    raise FwrError(ExitCode.USAGE, f"'{text}' is not a way to get a base image.", f"Use one of: {', '.join(get_args(Preference))}.")


def find_or_make(engine: Engine, wanted: Preference, report: Callable[[str], None]) -> str:
    """Given a preference, return the tag of a base image; ``auto`` takes what is here, else pulls, else makes one.

    Raise FwrError: UNREACHABLE if ``pull`` fails, NOT_FOUND if mmdebstrap is needed and missing.
    """
    pulled, made = ":".join(PULLED), ":".join(MADE)
    if wanted != "mirror" and engine.has_image(pulled):
        return pulled
    if wanted != "pull" and engine.has_image(made):
        return made
    if wanted != "mirror":
        report(f"Pulling {pulled}")
        if engine.pull(*PULLED, timeout=_PULL_TIMEOUT):
            return pulled
        if wanted == "pull":
            raise FwrError(ExitCode.UNREACHABLE, f"{pulled} cannot be pulled.", "Try: fwrkit images build --base mirror")
    report(f"Making {made} from a Debian mirror (about half a minute)")
    _make(engine)
    return made


def _make(engine: Engine) -> None:
    with tempfile.TemporaryDirectory(prefix="fwrkit-base-") as directory:
        tree = Path(directory) / "base.tar"
        with space.told(directory):
            commands.check(debootstrap(tree, mirrors()), _MAKE_TIMEOUT)
            with open(tree, "rb") as file:
                engine.import_image(file, *MADE)


def mirrors() -> list[str]:
    """Return where mmdebstrap gets packages: ``$FWRKIT_MIRROR``, else the mirrors of this machine's apt, else nothing (its own default)."""
    chosen = os.environ.get("FWRKIT_MIRROR")
    if chosen:
        return [chosen]
    try:
        return sources(commands.run(_APT_SOURCES, _APT_TIMEOUT).stdout.decode(errors="replace"))
    except FwrError:  # no apt here
        return []


def sources(listing: str) -> list[str]:
    """Given apt's sources as lines of label and address, return those of Debian as one-line sources of the suite; none on another system."""
    found: dict[str, str] = {}
    for line in listing.splitlines():
        label, _, address = line.partition("|")
        found.setdefault(label, address.rstrip("/"))
    if "Debian" not in found:
        return []
    lines = [f"deb {found['Debian']} {SUITE} main", f"deb {found['Debian']} {SUITE}-updates main"]
    return lines + ([f"deb {found['Debian-Security']} {SUITE}-security main"] if "Debian-Security" in found else [])


def debootstrap(target: Path, mirrors: Sequence[str]) -> Command:
    """Given the tar to write, and mirrors or none for the tool's default, return the command that makes Debian's minimal system."""
    keyring = [f"--keyring={_KEYRING}"] if Path(_KEYRING).exists() else []
    left_out = ("man", "locale", "doc")
    slim = [f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in left_out]
    slim += [
        "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        '--customize-hook=rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin',
    ]
    return Command(["mmdebstrap", "--variant=minbase", *keyring, *slim, SUITE, str(target), *mirrors])
