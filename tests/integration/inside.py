"""A program on a node's machine that works on the world as editors, PHP and people do. Runs inside a container: standard library only.

Reads one request a line from standard input (JSON: ``verb`` and its arguments) and answers each with one line (``{"answer": …}``). What it
replaces or deletes it takes aside in one step (RENAME_EXCHANGE) and reads there: so it can say of each act exactly which content its author
had before their eyes. An act is ``{"op", "path", "before", "after"}``, contents as SHA-256 in hex, None for none.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import itertools
import json
import os
import random
import shutil
import sys
import time
from typing import Any

WORLD = b"/srv/fwr/world"
ASIDE = b"/srv/fwr/aside"  # beside the world, on its filesystem; nobody looks there
_NOREPLACE, _EXCHANGE = 1, 2
_AT_FDCWD = -100
_CHUNK = 1 << 20

_libc = ctypes.CDLL(None, use_errno=True)
_serial = itertools.count()

Act = dict[str, Any]


class Obstructed(Exception):
    """Something else stands where the act should take place: it does not take place."""


def rename(source: bytes, target: bytes, flags: int) -> None:
    if _libc.renameat2(_AT_FDCWD, ctypes.c_char_p(source), _AT_FDCWD, ctypes.c_char_p(target), ctypes.c_uint(flags)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), target)


def full(path: str) -> bytes:
    return os.path.join(WORLD, os.fsencode(path))


def aside() -> bytes:
    return os.path.join(ASIDE, f"{os.getpid()}-{next(_serial)}".encode())


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def state_of(path: bytes) -> str | None:
    """Return a file's content as a hash, None if there is none."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None


def write(path: bytes, content: bytes) -> None:
    with open(path, "xb") as file:
        file.write(content)


# single acts


def replace(path: str, text: str) -> Act:
    """Put a new file at a path by one rename, as careful editors do."""
    content = text.encode()
    temporary, target = aside(), full(path)
    write(temporary, content)
    for _ in range(100):
        try:
            rename(temporary, target, _EXCHANGE)
        except FileNotFoundError:
            with contextlib.suppress(FileExistsError):
                os.makedirs(os.path.dirname(target), exist_ok=True)
            try:
                rename(temporary, target, _NOREPLACE)
            except (FileExistsError, FileNotFoundError):
                continue
            return {"op": "add", "path": path, "before": None, "after": digest(content)}
        except NotADirectoryError:
            break
        if os.path.isdir(temporary):
            rename(temporary, target, _EXCHANGE)
            break
        before = state_of(temporary)
        os.unlink(temporary)
        return {"op": "modify", "path": path, "before": before, "after": digest(content)}
    os.unlink(temporary)
    raise Obstructed(path)


def in_place(path: str, text: str, keep_time: bool = False) -> Act:
    """Truncate a file and write it anew, as careless editors do; ``keep_time``: give it its old time again."""
    content = text.encode()
    try:
        fd = os.open(full(path), os.O_RDWR)
    except FileNotFoundError:
        return replace(path, text)
    except (IsADirectoryError, NotADirectoryError) as error:
        raise Obstructed(path) from error
    try:
        status = os.fstat(fd)
        before = digest(os.pread(fd, 1 << 30, 0))
        os.ftruncate(fd, 0)
        os.pwrite(fd, content, 0)
        if keep_time:
            os.utime(fd, ns=(status.st_atime_ns, status.st_mtime_ns))
    finally:
        os.close(fd)
    return {"op": "modify", "path": path, "before": before, "after": digest(content)}


def delete(path: str) -> Act:
    """Delete a file."""
    name = aside()
    try:
        rename(full(path), name, _NOREPLACE)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Obstructed(path) from error
    if os.path.isdir(name):
        rename(name, full(path), _NOREPLACE)
        raise Obstructed(path)
    before = state_of(name)
    os.unlink(name)
    return {"op": "delete", "path": path, "before": before, "after": None}


def move(path: str, to: str) -> Act:
    """Give a file or directory another name, if that is free."""
    try:
        os.makedirs(os.path.dirname(full(to)), exist_ok=True)
        rename(full(path), full(to), _NOREPLACE)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.EINVAL, errno.ENOTEMPTY):
            raise
        raise Obstructed(path) from error
    return {"op": "move", "path": path, "to": to, "before": None, "after": None}


def remove_tree(path: str) -> list[Act]:
    """Remove a directory as ``rm -rf`` does: file by file."""
    acts = []
    for directory, _, names in os.walk(full(path), topdown=False):
        for name in names:
            with contextlib.suppress(Obstructed):
                acts.append(delete(os.fsdecode(os.path.relpath(os.path.join(directory, name), WORLD))))
        with contextlib.suppress(OSError):
            os.rmdir(directory)
    return acts


def make_directory(path: str) -> list[Act]:
    os.makedirs(full(path), exist_ok=True)
    return []


def save_like_vim(path: str, text: str) -> Act:
    """The old file becomes a backup, a new one is written at its place, the backup goes."""
    target, content = full(path), text.encode()
    os.rename(target, target + b"~")
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    os.write(fd, content)
    os.fsync(fd)
    os.close(fd)
    before = state_of(target + b"~")
    os.unlink(target + b"~")
    return {"op": "modify", "path": path, "before": before, "after": digest(content)}


def save_like_emacs(path: str, text: str) -> Act:
    """A copy is kept as backup, the new content is written to a temporary file beside it and renamed over."""
    target, content = full(path), text.encode()
    shutil.copy2(target, target + b"~")
    lock = os.path.join(os.path.dirname(target), b".#" + os.path.basename(target))
    os.symlink(b"somebody@somewhere.1234", lock)
    temporary = os.path.join(os.path.dirname(target), b"tmp-" + os.path.basename(target) + b"~")
    write(temporary, content)
    rename(temporary, target, _EXCHANGE)
    before = state_of(temporary)
    os.unlink(temporary)
    os.unlink(lock)
    return {"op": "modify", "path": path, "before": before, "after": digest(content)}


def save_slowly(path: str, pieces: list[str], seconds: float) -> Act:
    """Truncate a file and write it in pieces, keeping it open all the time."""
    with open(full(path), "r+b", buffering=0) as file:
        before = digest(file.read())
        file.seek(0)
        file.truncate()
        for piece in pieces:
            file.write(piece.encode())
            time.sleep(seconds / len(pieces))
    return {"op": "modify", "path": path, "before": before, "after": digest("".join(pieces).encode())}


_SINGLE: dict[str, Any] = {
    "replace": replace, "in_place": in_place, "delete": delete, "move": move, "remove_tree": remove_tree, "make_directory": make_directory,
    "save_like_vim": save_like_vim, "save_like_emacs": save_like_emacs, "save_slowly": save_slowly,
}  # fmt: skip


def many(acts: list[dict[str, Any]], at: float | None = None) -> list[Act]:
    """Do acts one after the other, beginning at a moment of the monotonic clock; what is obstructed is left out."""
    while at is not None and time.monotonic() < at:
        pass
    done: list[Act] = []
    for act in acts:
        how = act.pop("do")
        with contextlib.suppress(Obstructed):
            result = _SINGLE[how](**act)
            done.extend(result if isinstance(result, list) else [result])
    return done


# looking


def read(path: str) -> str | None:
    return state_of(full(path))


def content(path: str) -> str:
    with open(full(path), "rb") as file:
        return file.read().decode("utf-8", "surrogateescape")


def wait(path: str, state: str | None, seconds: float, size: int | None = None) -> float | None:
    """Look at a path over and over until it is in a state; return when (monotonic), None if it was not in time."""
    deadline = time.monotonic() + seconds
    while (now := time.monotonic()) < deadline:
        is_whole = size is None or (os.path.exists(full(path)) and os.path.getsize(full(path)) == size)
        if is_whole and state_of(full(path)) == state:
            return now
        time.sleep(0.001 if size is None else 0.02)
    return None


def sample(path: str, last: str, seconds: float) -> list[str]:
    """Read a file over and over until a certain content is there; return the hashes of all that was read."""
    seen: dict[str, None] = {}
    deadline = time.monotonic() + seconds
    while last not in seen and time.monotonic() < deadline:
        state = state_of(full(path))
        if state is not None:
            seen[state] = None
        time.sleep(0.0005)
    return list(seen)


def count(path: str) -> int:
    """Return how many files lie beneath a directory."""
    return sum(len(names) for _, _, names in os.walk(full(path)))


def wait_for_count(path: str, number: int, seconds: float) -> float | None:
    """Wait until a directory holds so many files; return when (monotonic), None if it was not in time."""
    deadline = time.monotonic() + seconds
    while (now := time.monotonic()) < deadline:
        if count(path) >= number:
            return now
        time.sleep(0.1)
    return None


def lines(prefix: str) -> list[str]:
    """Return all lines of all files of a directory whose names begin with a prefix."""
    directory, name = os.path.split(full(prefix))
    found: list[str] = []
    for item in os.listdir(directory):
        if item.startswith(name) and os.path.isfile(os.path.join(directory, item)):
            with open(os.path.join(directory, item), "rb") as file:
                found += file.read().decode("utf-8", "surrogateescape").splitlines()
    return found


def times(path: str) -> int:
    return os.stat(full(path)).st_mtime_ns


# larger works


def append(path: str, texts: list[str], pause: float) -> str | None:
    """Append lines to a file that is kept open, as a server's log is; return what the file was in the end."""
    with open(full(path), "a+b", buffering=0) as file:
        for text in texts:
            file.write(text.encode())
            time.sleep(pause)
        file.seek(0)
        return digest(file.read())


def drop(path: str, number: int, size: int, seed: int) -> list[Act]:
    """Move a directory of new files into the world at once."""
    source, prepared, acts = random.Random(seed), aside(), []
    for position in range(number):
        inner = f"{position // 100:03}/{position}.bin"
        os.makedirs(os.path.join(prepared, inner[:3].encode()), exist_ok=True)
        made = source.randbytes(size)
        write(os.path.join(prepared, inner.encode()), made)
        acts.append({"op": "add", "path": f"{path}/{inner}", "before": None, "after": digest(made)})
    os.rename(prepared, full(path))
    return acts


def fill(path: str, size: int) -> Act:
    """Write a large file of random bytes where it is to be."""
    done, left = hashlib.sha256(), size
    with open(full(path), "wb") as file:
        while left:
            made = os.urandom(min(left, _CHUNK))
            file.write(made)
            done.update(made)
            left -= len(made)
    return {"op": "add", "path": path, "before": None, "after": done.hexdigest()}


def set_time(path: str, when: int) -> None:
    os.utime(full(path), ns=(when, when))


def fuzz(
    seed: int, seconds: float, root: str, author: str, pause: float, weights: dict[str, int], large: float = 0.0, names: int = 12
) -> list[Act]:
    """Do random things beneath a directory. ``pause``: mean seconds between two acts; ``large``: share of new contents of 1 to 3 MiB."""
    dice, log = random.Random(seed), []
    deadline = time.monotonic() + seconds
    kinds, shares = list(weights), list(weights.values())

    def text() -> str:
        line = f"{author} {seed} {next(_serial)} {dice.getrandbits(64):016x}"
        return line + "x" * dice.randrange(1 << 20, 3 << 20) if dice.random() < large else line

    def somewhere(directories: list[str]) -> str:
        directory = dice.choice([root, *directories])
        if directory.count("/") - root.count("/") < 3 and dice.random() < 0.2:
            directory += f"/d{dice.randrange(4)}"
        return directory

    while time.monotonic() < deadline:
        kind = dice.choices(kinds, shares)[0]
        directories, files = listing(root)
        act: Act | list[Act] | None = None
        with contextlib.suppress(Obstructed):
            if kind == "add":
                act = replace(f"{somewhere(directories)}/f{dice.randrange(names)}.bin", text())
            elif kind == "pause":
                time.sleep(dice.random() * 20 * pause)
            elif kind == "modify" and files:
                act = dice.choice([replace, in_place])(dice.choice(files), text())
            elif kind == "delete" and files:
                act = delete(dice.choice(files))
            elif kind == "move" and files:
                act = move(dice.choice(files), f"{somewhere(directories)}/f{dice.randrange(names)}.bin")
            elif kind == "remove_directory" and directories:
                act = remove_tree(dice.choice(directories))
            elif kind == "move_directory" and directories:
                act = move(dice.choice(directories), f"{somewhere(directories)}/d{dice.randrange(4)}")
        if act:
            log.extend(act if isinstance(act, list) else [act])
        time.sleep(dice.random() * 2 * pause)
    return log


def listing(root: str) -> tuple[list[str], list[str]]:
    """Return all directories and all files beneath a directory, in an order that depends on the names only."""
    directories, files = [], []
    for directory, names, inner in os.walk(full(root)):
        here = os.fsdecode(os.path.relpath(directory, WORLD))
        directories += [f"{here}/{os.fsdecode(name)}" for name in names]
        files += [f"{here}/{os.fsdecode(name)}" for name in inner if not name.endswith(b"~")]
    return sorted(directories), sorted(files)


_VERBS: dict[str, Any] = {
    function.__name__: function
    for function in (
        many,
        read,
        content,
        wait,
        sample,
        count,
        wait_for_count,
        lines,
        times,
        append,
        drop,
        fill,
        set_time,
        fuzz,
        remove_tree,
    )
}


def main() -> None:
    """Answer requests until the input ends."""
    os.makedirs(ASIDE, exist_ok=True)
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps({"answer": _VERBS[request.pop("verb")](**request)}), flush=True)


if __name__ == "__main__":
    main()
