"""Where Debian comes from."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters import base_image
from fwrkit.host.adapters.base_image import Preference
from fwrkit.host.adapters.engine import Engine

PULLED, MADE = "debian:trixie-slim", "fwrkit-debian:trixie"


class Registry:
    """An engine with some images, and a registry that answers or not."""

    def __init__(self, *images: str, answers: bool) -> None:
        self.images = set(images)
        self.answers = answers

    def has_image(self, tag: str) -> bool:
        return tag in self.images

    def pull(self, repository: str, tag: str, timeout: float) -> bool:
        if self.answers:
            self.images.add(f"{repository}:{tag}")
        return self.answers


def chosen(registry: Registry, wanted: Preference, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(base_image, "_make", lambda engine: registry.images.add(MADE))
    tag = base_image.find_or_make(cast(Engine, registry), wanted, lambda _: None)
    assert tag in registry.images
    return tag


@pytest.mark.parametrize(
    ("images", "answers", "wanted", "tag"),
    [
        ((), True, "auto", PULLED),
        ((), False, "auto", MADE),
        ((PULLED,), False, "auto", PULLED),
        ((MADE,), True, "auto", MADE),  # what is there is taken: no look at a registry
        ((), True, "mirror", MADE),
        ((PULLED,), True, "mirror", MADE),
        ((MADE,), True, "pull", PULLED),
    ],
)
def test_what_is_there_then_the_registry_then_a_mirror(
    images: tuple[str, ...], answers: bool, wanted: Preference, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert chosen(Registry(*images, answers=answers), wanted, monkeypatch) == tag


def test_pull_means_pull(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FwrError) as raised:
        chosen(Registry(MADE, answers=False), "pull", monkeypatch)
    assert (raised.value.code, "--base mirror" in raised.value.hint) == (ExitCode.UNREACHABLE, True)


def test_the_option_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FWRKIT_BASE", raising=False)
    assert base_image.preference() == "auto"
    monkeypatch.setenv("FWRKIT_BASE", "mirror")
    assert base_image.preference() == "mirror"
    assert base_image.preference("pull") == "pull"
    with pytest.raises(FwrError) as raised:
        base_image.preference("steal")
    assert raised.value.code == ExitCode.USAGE


def test_the_machines_own_mirrors() -> None:
    listing = "Debian|http://ftp.de.debian.org/debian/\nDebian|http://other/debian/\nDebian-Security|http://security.debian.org/\n"
    assert base_image.sources(listing) == [
        "deb http://ftp.de.debian.org/debian trixie main",
        "deb http://ftp.de.debian.org/debian trixie-updates main",
        "deb http://security.debian.org trixie-security main",
    ]
    assert base_image.sources("Ubuntu|http://archive.ubuntu.com/ubuntu/\n") == []
    assert base_image.sources("") == []


def test_a_mirror_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FWRKIT_MIRROR", "http://mirror.example.org/debian")
    assert base_image.mirrors() == ["http://mirror.example.org/debian"]
    argv = base_image.debootstrap(Path("/tmp/x.tar"), base_image.mirrors()).argv
    assert list(argv[-3:]) == ["trixie", "/tmp/x.tar", "http://mirror.example.org/debian"]
