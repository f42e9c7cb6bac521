"""Scenario 20: the ground that a world stands on: bad ground is refused before anything is made, and a world whose disk is not there is held."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.republic import Node, Republic, wait_until

REFUSED, HELD = 6, 8
EINVAL, ENOSYS = 22, 38


@pytest.fixture(scope="module")
def server(republic: Republic) -> Node:
    return republic.up_server("--template", "static")


@contextmanager
def mounted(place: Path, *options: str) -> Iterator[None]:
    """Have a small filesystem in a place for the time of a block."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(("size=64m,mode=0755", *options)), "tmpfs", place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def listing(republic: Republic) -> list[str]:
    """Return containers, volumes and nodes of the home: of the engine's others, tests beside this one make some."""
    identity = f"label=org.fwrkit.home={republic.identity}"
    found = [
        subprocess.run(["docker", *words, "--filter", identity], capture_output=True, check=True).stdout.decode()
        for words in (("ps", "-aq"), ("volume", "ls", "-q"))
    ]
    return found + sorted(path.name for path in (republic.home / "nodes").iterdir())


def test_a_directory_in_which_nothing_can_be_written_is_refused(republic: Republic, server: Node, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    with mounted(place, "ro", "uid=1000,gid=1000"):
        before = listing(republic)
        for words in (("join", "server", "--name", "alice"), ("up", "server", "--name", "second"), ("fork", "server", "mine")):
            done = republic.fwrkit(*words, "--world", str(place), "--json", check=False)
            error = json.loads(done.stdout)["data"]
            assert (done.returncode, "may not write" in error["message"]) == (REFUSED, True), error
        assert listing(republic) == before, "nothing was made"


def image_of(node: Node) -> str:
    return node.docker("inspect", "--format", "{{.Config.Image}}", f"{node.project}-sync").stdout.decode().strip()


def looked(node: Node, tmp_path: Path, *rules: dict[str, object]) -> dict[str, object]:
    """Return what the agent says of the ground where some system calls end in another way, as on other filesystems and kernels."""
    profile = tmp_path / "profile.json"
    profile.write_text(
        json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"action": "SCMP_ACT_ERRNO", **rule} for rule in rules]})
    )
    closed = ("--rm", "--network", "none", "--security-opt", f"seccomp={profile}", "--user", "2011:2011", "--volume", "/srv/fwr")
    answer: dict[str, object] = json.loads(
        node.docker("run", *closed, image_of(node), "fwrkit-agent", "ground", "/srv/fwr", check=False).stdout
    )
    return answer


@pytest.mark.parametrize("flag", [1, 2], ids=["RENAME_NOREPLACE", "RENAME_EXCHANGE"])
def test_field_F13_where_renameat2_lacks_a_flag_the_agent_refuses(server: Node, tmp_path: Path, flag: int) -> None:
    rule = {"names": ["renameat2"], "errnoRet": EINVAL, "args": [{"index": 4, "value": flag, "op": "SCMP_CMP_EQ"}]}
    error = looked(server, tmp_path, rule)["error"]
    assert isinstance(error, dict) and (error["code"], "does not exchange files" in error["message"]) == ("REFUSED", True), error


def test_field_F13_where_each_file_counts_as_being_written_the_agent_refuses(server: Node, tmp_path: Path) -> None:
    rule = {"names": ["fcntl"], "errnoRet": 11, "args": [{"index": 1, "value": 1024, "op": "SCMP_CMP_EQ"}]}  # F_SETLEASE: EAGAIN, as on NFS
    error = looked(server, tmp_path, rule)["error"]
    assert isinstance(error, dict) and (error["code"], "nothing would travel" in error["message"]) == ("REFUSED", True), error


def test_field_F14_without_landlock_up_and_status_say_so(republic: Republic, server: Node, tmp_path: Path) -> None:
    profile = tmp_path / "profile.json"
    names = ["landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"]
    rule = {"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS}
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}))
    republic.join("walter")
    walter = republic.nodes["walter"]
    override = republic.home / "nodes" / "walter" / "compose.override.yaml"
    try:
        override.write_text(f'services: {{sync: {{security_opt: ["seccomp={profile}"]}}}}\n')
        said = republic.fwrkit("up", "walter")
        assert b"The kernel has no Landlock" in said.stderr, said
        assert any("no Landlock" in alert for alert in walter.status()["alerts"])
        assert b"no Landlock" in republic.fwrkit("status", "walter").stdout
        walter.write("www/small.html", "small things travel all the same")
        wait_until(lambda: server.has("www/small.html", "small things travel all the same"), "it arrives")
        override.unlink()
        said = republic.fwrkit("up", "walter")
        assert b"Landlock" not in said.stderr, "and no word where there is one"
    finally:
        override.unlink(missing_ok=True)
        republic.fwrkit("rm", "walter", "--volumes", "--yes")
        del republic.nodes["walter"]


def status(node: Node, path: str) -> int:
    """Return what a node's web server answers, 0 while it is being started anew."""
    try:
        return node.address.get(path).status
    except OSError:
        return 0


def test_field_F06_a_world_whose_disk_is_not_there_is_held_and_goes_on(republic: Republic, server: Node, tmp_path: Path) -> None:
    place = tmp_path / "disk"
    place.mkdir()
    os.chown(place, 2011, 2011)
    # the disk, in a place of its own, so that what is on it stays while it is not mounted
    disk = tmp_path / "kept"
    disk.mkdir()
    os.chown(disk, 2011, 2011)
    subprocess.run(["mount", "--bind", disk, place], check=True)
    is_mounted = True
    try:
        republic.json("join", "server", "--name", "erin", "--world", str(place))
        erin = Node(republic, "erin")
        erin.wait_in_sync()
        erin.write("www/on-the-disk.html", "written before the machine was switched off")
        erin.wait_in_sync()
        # the machine is switched off and on: the engine starts the containers, and the disk is not mounted yet
        erin.docker("stop", f"{erin.project}-sync", f"{erin.project}-web")
        subprocess.run(["umount", place], check=True)
        is_mounted = False
        (disk / "world" / "www" / "edited-elsewhere.html").write_text("written while the disk was in another machine")
        os.chown(disk / "world" / "www" / "edited-elsewhere.html", 2011, 2011)
        erin.docker("start", f"{erin.project}-sync", f"{erin.project}-web")
        log = f"{erin.project}-sync"
        wait_until(
            lambda: b"is not where it was" in erin.docker("logs", "--tail", "3", log).stdout, "the agent says why it does not start", 30
        )
        assert list(place.iterdir()) == [], "nothing is fetched below the mount point"
        done = republic.fwrkit("up", "erin", "--json", check=False)
        error = json.loads(done.stdout)["data"]
        assert (done.returncode, str(place) in error["message"], "not where it was" in error["message"]) == (HELD, True, True), error
        wait_until(lambda: republic.fwrkit("status", "erin", check=False).returncode == HELD, "status says it, too", 30)
        assert b"is not where it was" in republic.fwrkit("doctor", check=False).stdout.replace(b"\n", b" ")
        # the disk comes: nobody types anything
        subprocess.run(["mount", "--bind", disk, place], check=True)
        is_mounted = True
        erin.agree(150)
        text = "written while the disk was in another machine"
        wait_until(lambda: server.has("www/edited-elsewhere.html", text), "what was edited on the disk is an edit", 60)
        assert not [path for path in erin.tree() if "conflict" in path]
        wait_until(lambda: status(erin, "/fwr/on-the-disk.html") == 200, "its web server has the disk, too", 90)
        republic.written.clear()
    finally:
        republic.fwrkit("rm", "erin", "--volumes", "--yes", check=False)
        if is_mounted:
            subprocess.run(["umount", "--lazy", place], check=True)
