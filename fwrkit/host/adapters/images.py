"""The images: their tags, and building them from the build context."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import fwrkit
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters import base_image, context, labels, space
from fwrkit.host.adapters.context import BuildContext
from fwrkit.host.adapters.engine import Engine
from fwrkit.host.adapters.nodes import Role

Report = Callable[[str], None]
ROLES: tuple[Role, ...] = ("server", "client")
_BASE_PARTS = ("images/base/", "images/versions.env")


@dataclass(frozen=True)
class BuiltImages:
    """The tags of the images of one build context, and the base they stand on."""

    base: str
    tags: dict[Role, str]


def tag_of(name: str, identity: str) -> str:
    """Given ``base``, ``server`` or ``client`` and the hash of what it is built from, return the image's tag."""
    return f"fwrkit-{name}:{fwrkit.__version__}-{identity}"


def ensure(engine: Engine, role: Role, previous: str, report: Report) -> str:
    """Given a role and the image that the node ran with before, return the image to run: built now if it is missing.

    Raise FwrError (NOT_FOUND) if it is missing and cannot be built here.
    """
    try:
        files = context.load()
    except FwrError:
        if previous and engine.has_image(previous):
            return previous
        raise FwrError(
            ExitCode.NOT_FOUND,
            f"The image for a {role} is missing, and its sources are not at hand.",
            "Install fwrkit again, or: make setup",
        ) from None
    tag = tag_of(role, files.identity)
    if not engine.has_image(tag):
        build(engine, files, base_image.preference(), report)
    return tag


def build(engine: Engine, files: BuildContext, preference: base_image.Preference, report: Report) -> BuiltImages:
    """Given the build context, build base, server and client, and return their tags. What Docker's cache holds takes no time.

    Raise FwrError: FAILED if a step fails, NO_SPACE if the disk is full, and what getting Debian's base raises.
    """
    debian = base_image.find_or_make(engine, preference, report)
    tar = files.tar()
    # The base is named and labelled by what goes into it alone: a label that changed with every edit of the agent would make it another image
    # each time, and everything above it would be installed anew.
    identity = files.part(*_BASE_PARTS).identity
    below = tag_of("base", identity)
    _build_one(engine, tar, "base", below, {"BASE": debian}, report, identity)
    for role in ROLES:
        _build_one(engine, tar, role, tag_of(role, files.identity), {"FROM_IMAGE": below}, report, files.identity)
    return BuiltImages(debian, {role: tag_of(role, files.identity) for role in ROLES})


def _build_one(engine: Engine, tar: bytes, name: str, tag: str, arguments: dict[str, str], report: Report, identity: str) -> None:
    marks = {labels.VERSION: fwrkit.__version__, labels.CONTEXT: identity}
    report(f"Building {tag}")
    with space.told():
        for line in engine.build(tar, f"images/{name}/Dockerfile", tag, arguments, marks):
            if line.strip():
                report(f"{name}: {line.strip()}")
