"""`fwrkit images build`: the images, from the sources of this fwrkit."""

from __future__ import annotations

from dataclasses import dataclass

from fwrkit.host.adapters import base_image, context, images
from fwrkit.host.adapters.machine import Machine


@dataclass(frozen=True)
class Built:
    """The tags of the images, the base they stand on, and the hash of what they were built from."""

    base: str
    server: str
    client: str
    context: str


def build(machine: Machine, base: str | None = None) -> Built:
    """Given how to get the base image (None: ``$FWRKIT_BASE`` or auto), build base, server and client; Docker's cache makes repeating quick.

    Raise FwrError: USAGE, NOT_FOUND if the sources are not at hand, FAILED if a step fails.
    """
    preference = base_image.preference(base)
    files = context.load()
    made = images.build(machine.engine, files, preference, machine.report)
    return Built(made.base, made.tags["server"], made.tags["client"], files.identity)
