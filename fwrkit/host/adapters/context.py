"""The build context: where it is, which files are in it, and the tar that Docker gets."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import fwrkit
from fwrkit.core.errors import ExitCode, FwrError

_HASH_LENGTH = 12
_PACKAGE = Path(fwrkit.__file__).parent


@dataclass(frozen=True)
class BuildContext:
    """The files that images are made from: nothing but these reaches Docker. ``files`` maps the path in the tar to the content."""

    files: dict[str, bytes]

    @property
    def identity(self) -> str:
        """The hash that images made from it carry in their tag."""
        total = hashlib.sha256()
        for name, content in sorted(self.files.items()):
            total.update(f"{name}\0{len(content)}\0".encode() + content)
        return total.hexdigest()[:_HASH_LENGTH]

    def part(self, *prefixes: str) -> BuildContext:
        """Given beginnings of paths, return the context of those files only."""
        return BuildContext({name: content for name, content in self.files.items() if name.startswith(prefixes)})

    def tar(self) -> bytes:
        """Return the context as a tar that is the same for the same files: sorted, no times, no owners, modes by content."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for name, content in sorted(self.files.items()):
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                # wheels and checkouts may have lost the executable bit; a script says by itself what it is
                entry.mode = 0o755 if content.startswith(b"#!") else 0o644
                archive.addfile(entry, io.BytesIO(content))
        return buffer.getvalue()


def support_directory(name: str) -> Path:
    """Given ``compose`` or ``images``, return that directory of the checkout or, installed from a wheel, of the package.

    Raise FwrError (NOT_FOUND) if neither is there.
    """
    is_checkout = (_PACKAGE.parent / "pyproject.toml").is_file()
    directory = (_PACKAGE.parent if is_checkout else _PACKAGE / "_context") / name
    if directory.is_dir() and any(directory.iterdir()):
        return directory
    raise FwrError(
        ExitCode.NOT_FOUND, f"The directory '{name}' of fwrkit is missing.", "Install fwrkit again, or run it from its checkout."
    )


def load() -> BuildContext:
    """Return the build context of this fwrkit. Raise FwrError (NOT_FOUND) if it is not at hand."""
    images = support_directory("images")
    files = {f"images/{path.relative_to(images).as_posix()}": path.read_bytes() for path in _files(images)}
    for part in ("core", "agent"):
        files.update({f"fwrkit/{path.relative_to(_PACKAGE).as_posix()}": path.read_bytes() for path in _files(_PACKAGE / part)})
    files["fwrkit/__init__.py"] = (_PACKAGE / "__init__.py").read_bytes()
    return BuildContext(files)


def _files(directory: Path) -> Iterator[Path]:
    for path in sorted(directory.rglob("*")):
        if path.is_file() and not path.is_symlink() and "__pycache__" not in path.parts and path.suffix != ".pyc":
            yield path
