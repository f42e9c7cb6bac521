"""The system calls that Python does not offer: openat2, renameat2, syncfs, leases.

Sources: openat2(2), rename(2), syncfs(2), fcntl(2). Everything raises OSError with the kernel's errno.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import signal
import struct

AT_FDCWD = -100  # stands for a directory: a path is then what it is to everybody
RENAME_NOREPLACE = 1
RENAME_EXCHANGE = 2

_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_NO_SYMLINKS = 0x04
_RESOLVE_BENEATH = 0x08
_OPENAT2 = 437  # the same number on every architecture
_F_SETLEASE = 1024
_F_GETLEASE = 1025

_libc = ctypes.CDLL(None, use_errno=True)


def open_beneath(directory_fd: int, path: bytes, flags: int, mode: int = 0) -> int:
    """Open a path below a directory, following no link on the way and never leaving it; return the descriptor.

    ``path`` is relative; empty bytes stand for the directory itself. A link on the way raises ELOOP, a way out EXDEV.
    """
    how = struct.pack("=QQQ", flags | os.O_CLOEXEC, mode, _RESOLVE_BENEATH | _RESOLVE_NO_SYMLINKS | _RESOLVE_NO_MAGICLINKS)
    buffer = ctypes.create_string_buffer(how, len(how))
    while True:
        fd = _libc.syscall(_OPENAT2, directory_fd, ctypes.c_char_p(path or b"."), buffer, ctypes.c_size_t(len(how)))
        if fd >= 0:
            return int(fd)
        number = ctypes.get_errno()
        if number not in (errno.EAGAIN, errno.EINTR):  # EAGAIN: a rename elsewhere raced with the look-up
            raise OSError(number, os.strerror(number), path)


def rename(source_fd: int, source: bytes, target_fd: int, target: bytes, flags: int) -> None:
    """Rename between two directories with RENAME_NOREPLACE or RENAME_EXCHANGE: one step, nothing is ever overwritten."""
    if _libc.renameat2(source_fd, ctypes.c_char_p(source), target_fd, ctypes.c_char_p(target), ctypes.c_uint(flags)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), target)


def syncfs(fd: int) -> None:
    """Bring everything of a descriptor's filesystem to the disk."""
    if _libc.syncfs(fd) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def ignore_lease_breaks() -> None:
    """Have the signal of a broken lease ignored: :func:`is_lease_kept` asks instead. Call once, in the main thread."""
    signal.signal(signal.SIGIO, signal.SIG_IGN)


def take_read_lease(fd: int) -> bool:
    """Given a descriptor opened for reading, take a read lease; return False if somebody has the file open for writing.

    While the lease is held, whoever opens the file for writing waits, at most the kernel's lease-break-time.
    Raise OSError (EACCES, EINVAL, …) where leases are not to be had: another owner, some filesystems.
    """
    try:
        fcntl.fcntl(fd, _F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EWOULDBLOCK):
            return False
        raise
    return True


def is_lease_kept(fd: int) -> bool:
    """Say whether a read lease still stands: False as soon as a writer waits for it."""
    return fcntl.fcntl(fd, _F_GETLEASE) == fcntl.F_RDLCK


def release_lease(fd: int) -> None:
    """Give a lease back (closing the descriptor does the same)."""
    fcntl.fcntl(fd, _F_SETLEASE, fcntl.F_UNLCK)
