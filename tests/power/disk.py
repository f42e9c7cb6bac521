"""A disk in a file: what has not been written to it when it is copied is lost, as when the power goes.

The filesystem writes to the loop device what a program has synced, and the rest when it likes; within the seconds of a test that is
never. A copy of the backing file, taken while nobody runs, is thus what a disk would hold after a power cut at this moment.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

_SIZE = 96 * 1024 * 1024  # bytes


def why_not() -> str:
    """Return why there are no such disks here, empty if there are."""
    if subprocess.run(["id", "-u"], capture_output=True, check=True).stdout.strip() != b"0":
        return "only root may mount"
    if shutil.which("mkfs.ext4") is None:
        return "mkfs.ext4 is missing"
    if subprocess.run(["losetup", "--find"], capture_output=True, check=False).returncode != 0:
        return "there is no loop device"
    return ""


class Disk:
    """A filesystem in a file, mounted at a directory."""

    def __init__(self, image: Path, place: Path) -> None:
        self.image = image
        self.place = place

    @classmethod
    def fresh(cls, directory: Path, name: str) -> Disk:
        """Make a disk and mount it."""
        image = directory / f"{name}.img"
        with image.open("wb") as file:
            file.truncate(_SIZE)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True)
        disk = cls(image, directory / name)
        disk.mount()
        return disk

    def mount(self) -> None:
        """Mount it; what the journal has is done first. Its own thread writes nothing for ten minutes."""
        self.place.mkdir(exist_ok=True)
        subprocess.run(["mount", "-o", "loop,commit=600,noatime", self.image, self.place], check=True)

    def unmount(self) -> None:
        """Unmount it."""
        subprocess.run(["umount", self.place], check=True)

    def cut(self, directory: Path, name: str) -> Disk:
        """Return what is on the disk at this moment, as another disk that is not mounted."""
        image = directory / f"{name}.img"
        subprocess.run(["cp", "--sparse=always", self.image, image], check=True)
        return Disk(image, directory / name)
