"""Why a path can not be read or written, in words for the person whose path it is."""

from __future__ import annotations

import errno
import os
import stat

from fwrkit.agent.files.tree import Tree
from fwrkit.agent.paths import ancestors, parent, shown

BEING_WRITTEN = "a program is writing it"
NOT_REGULAR = "it is no regular file any more"
CHANGED = "it was changed while it was sent"

_OTHER_FILESYSTEM = "another filesystem is mounted there, and the agent can not move files into it. Put the world on one filesystem"


def why_unread(tree: Tree, path: bytes, error: OSError) -> str:
    """Given a path of a tree and why it could not be read, return that as a sentence; with owner and mode where these are the reason."""
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"the agent may not read it: {permissions(tree, path)}"
    return f"the agent can not read it: {words(error)}"


def why_unwritten(tree: Tree, path: bytes, error: OSError) -> str:
    """Given a path of a tree and why nothing could be placed there, return that as a sentence."""
    if error.errno == errno.EXDEV:
        return _OTHER_FILESYSTEM
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"the agent may not write there ({words(error)}): {permissions(tree, parent(path) or path)}"
    blocker = _blocker(tree, path)
    if blocker is not None and error.errno in (errno.ENOTDIR, errno.ELOOP, errno.EEXIST, errno.EISDIR, errno.ENOTEMPTY, errno.ENXIO):
        return f"{kind(blocker[1].st_mode)} is in the way at {shown(blocker[0])!r}, which does not travel. Move it away"
    return f"the agent can not write there: {words(error)}"


def _blocker(tree: Tree, path: bytes) -> tuple[bytes, os.stat_result] | None:
    """Return the first thing on the way to a path, or at it, that is neither a file nor a directory."""
    for place in (*ancestors(path), path):
        status = tree.status(place)
        if status is None:
            return None
        if not stat.S_ISDIR(status.st_mode) and not stat.S_ISREG(status.st_mode):
            return place, status
    return None


def kind(mode: int) -> str:
    """Given the mode of what is neither a file nor a directory, return what it is."""
    kinds = ((stat.S_ISLNK, "a symbolic link"), (stat.S_ISFIFO, "a FIFO"), (stat.S_ISSOCK, "a socket"))
    return next((name for test, name in kinds if test(mode)), "a device")


def too_large(limit: int) -> str:
    """Given the most bytes of one file that a server takes, return why a larger one does not travel, and what to do."""
    return f"it is larger than the server takes ({limit / 1024**3:g} GiB). Make it smaller, or keep it outside of the world."


def permissions(tree: Tree, path: bytes) -> str:
    """Return whose the closest thing on the way to a path is that keeps the agent out, its mode, and what ends that."""
    place = closed_at(tree, path) or path
    try:
        status = tree.status_of_root() if not place else tree.status(place)
    except PermissionError:
        return "a directory on the way to it is closed. Open it (chmod a+rx)"
    if status is None:
        return "it is gone by now"
    name = f"{shown(place)!r} belongs" if place != path else "it belongs"
    way = "x" if stat.S_ISDIR(status.st_mode) else ""
    end = f"Give it to uid {os.geteuid()} (chown {os.geteuid()}), or open it to everybody (chmod a+r{way})"
    return f"{name} to uid {status.st_uid} and has mode {stat.S_IMODE(status.st_mode):04o}. {end}"


def closed_at(tree: Tree, path: bytes) -> bytes | None:
    """Return the outermost directory above a path (or the path, if it is one) that the agent may not look into, None if there is none."""
    for above in (*ancestors(path), path):
        try:
            with tree.directory(above) as fd:
                if not os.access(".", os.X_OK | os.R_OK, dir_fd=fd, effective_ids=True):
                    return above
        except PermissionError:
            return above
        except OSError:
            return None
    return None


def words(error: OSError) -> str:
    """Return an error's own sentence, without its number."""
    return error.strerror or os.strerror(error.errno or 0)
