"""Scenario 8: the command line on the real thing: joining from another machine, what it says when something is wrong, and that nothing changes then."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from fwrkit.core.invites import decode
from tests.integration.republic import CHECKOUT, FWRKIT, Failed, Node, Republic, wait_until

USAGE, NOT_FOUND, TAKEN, UNREACHABLE, REFUSED, NO_ENGINE, HELD, NO_SPACE = 2, 3, 4, 5, 6, 7, 8, 10


@pytest.fixture(scope="module")
def server(republic: Republic, host: str) -> Node:
    return republic.up_server("--template", "static", "--address", host, "--citizen", "olga")


def refused(republic: Republic, status: int, *words: str, stdin: bytes = b"", **environment: str) -> tuple[str, str]:
    """Run a command that has to fail; return its sentence and its hint, after looking that nothing has changed and no traceback is shown."""
    before = listing(republic)
    given = {**os.environ, "FWRKIT_HOME": str(republic.home), **environment}
    done = subprocess.run([FWRKIT, *words, "--json"], input=stdin, capture_output=True, timeout=120, env=given, check=False)
    assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
    error = json.loads(done.stdout)["data"]
    assert re.fullmatch(r"[^\n]+[.:?]?", error["message"]), error
    assert error["hint"], words
    assert b"Traceback" not in done.stderr
    assert listing(republic) == before, f"{words} has changed something"
    return error["message"], error["hint"]


def listing(republic: Republic) -> list[str]:
    """Return containers, volumes and nodes of a home."""
    identity = f"label=org.fwrkit.home={republic.identity}"
    found = []
    for words in (("ps", "-a", "--format", "{{.Names}} {{.Image}}"), ("volume", "ls", "-q")):
        found += subprocess.run(["docker", *words, "--filter", identity], capture_output=True, check=True).stdout.decode().splitlines()
    nodes = republic.home / "nodes"
    return sorted(found) + (sorted(path.name for path in nodes.iterdir()) if nodes.exists() else [])


def test_joining_from_another_machine(republic: Republic, elsewhere: Republic, server: Node) -> None:
    line = republic.json("invite", "bob")["invite"]
    joined = elsewhere.json("join", line, "--name", "laptop")
    assert (joined["citizen"], joined["is_joined"], joined["world"]) == ("bob", True, "world")
    laptop = elsewhere.nodes["laptop"] = Node(elsewhere, "laptop")
    laptop.wait_in_sync()
    laptop.write("www/from-far.html", "written on another machine")
    republic.written.update(elsewhere.written)
    wait_until(lambda: server.has("www/from-far.html", "written on another machine"), "it reaches the server")
    # again is harmless; on a third machine the line is used up, and leaves nothing behind
    assert elsewhere.json("join", line, "--name", "laptop")["is_new"] is False
    message, _ = refused(elsewhere, TAKEN, "join", line, "--name", "thief")
    assert "used already" in message
    republic.check_invariants()


def test_who_asks_at_a_host_is_admitted_by_hand(republic: Republic, elsewhere: Republic, server: Node, host: str) -> None:
    port = republic.json("up", "server")["ssh_port"]
    done = elsewhere.fwrkit("join", f"{host}:{port}", "--name", "newcomer", check=False)
    assert done.returncode == HELD
    assert b"SHA256:" in done.stdout
    assert b"fwrkit admit newcomer" in done.stdout + done.stderr
    [asked] = republic.json("requests")["requests"]
    assert asked["name"] == "newcomer" and asked["fingerprint"].encode() in done.stdout
    assert republic.json("admit", "newcomer")["fingerprint"] == asked["fingerprint"]
    assert elsewhere.json("join", f"{host}:{port}", "--name", "newcomer")["is_joined"] is True
    Node(elsewhere, "newcomer").wait_in_sync()
    elsewhere.fwrkit("rm", "newcomer", "--volumes", "--yes")


def test_where_nobody_may_ask_an_invite_is_left(republic: Republic, elsewhere: Republic, server: Node, host: str) -> None:
    port = republic.json("up", "server")["ssh_port"]
    republic.fwrkit("requests", "close")
    done = elsewhere.fwrkit("request", f"{host}:{port}", "--name", "nina", check=False)
    assert done.returncode == HELD
    assert b"ssh-ed25519 " in done.stdout
    assert b"fwrkit invite" in done.stdout + done.stderr
    line = republic.json("invite", "nina", "--uses", "2")["invite"]
    assert elsewhere.json("join", line, "--name", "nina")["citizen"] == "nina"
    Node(elsewhere, "nina").wait_in_sync()
    elsewhere.fwrkit("rm", "nina", "--volumes", "--yes")
    republic.fwrkit("requests", "open")


def test_invites_that_do_not_work(republic: Republic, elsewhere: Republic, server: Node) -> None:
    line = republic.json("invite", "carol")["invite"]
    assert "malformed" in refused(elsewhere, USAGE, "join", line[:-9], "--name", "x")[0]
    refused(republic, USAGE, "invite", "dave", "--expires", "0")
    expired = republic.json("invite", "dave", "--expires", "0.00002")["invite"]
    over = decode(expired).expires + 1  # before that, it would let somebody in
    wait_until(lambda: time.time() > over, "the invite expires")
    assert "expired" in refused(elsewhere, REFUSED, "join", expired, "--name", "x")[0]


def test_an_invite_of_another_world_does_not_take_a_node_over(republic: Republic, elsewhere: Republic, server: Node, host: str) -> None:
    republic.json("up", "server", "--name", "other", "--template", "static", "--address", host)
    try:
        line = republic.json("invite", "bob", "--server", "other")["invite"]
        refused(elsewhere, TAKEN, "join", line, "--name", "laptop")
    finally:
        republic.fwrkit("rm", "other", "--volumes", "--yes")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (USAGE, ("join", "server", "--name", "Bad Name")),
        (USAGE, ("join", "server", "--name", "server")),
        (TAKEN, ("join", "server", "--name", "olga")),
        (NOT_FOUND, ("join", "nowhere")),
        (UNREACHABLE, ("join", "127.0.0.1:1", "--name", "far")),
        (UNREACHABLE, ("join", "nowhere.invalid", "--name", "far")),
        (TAKEN, ("up", "server", "--template", "php")),
        (USAGE, ("up", "server", "--name", "second", "--template", "nonsense")),
        (USAGE, ("up", "server", "--name", "UPPER")),
        (USAGE, ("up", "server", "--name", "second", "--address", "no host")),
        (NOT_FOUND, ("up", "nobody")),
        (NOT_FOUND, ("status", "nobody")),
        (USAGE, ("invite", "Not A Name")),
        (TAKEN, ("invite", "olga")),
        (USAGE, ("rm", "server")),
        (USAGE, ("frobnicate",)),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else str(value),
)
def test_bad_input_is_one_sentence_and_changes_nothing(republic: Republic, server: Node, status: int, words: tuple[str, ...]) -> None:
    refused(republic, status, *words)


def test_a_port_in_use(republic: Republic, server: Node) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert port in refused(republic, TAKEN, "join", "server", "--name", "alice", "--http-port", port)[0]
        assert port in refused(republic, TAKEN, "up", "server", "--name", "second", "--ssh-port", port)[0]


def test_docker_does_not_run_or_is_not_permitted(republic: Republic, server: Node, tmp_path: Path) -> None:
    for words in (("join", "server", "--name", "alice"), ("up", "server", "--name", "second"), ("status", "server")):
        refused(republic, NO_ENGINE, *words, DOCKER_HOST=f"unix://{tmp_path}/nothing.sock")


def test_a_server_of_another_version_is_refused_and_says_so(republic: Republic, server: Node) -> None:
    code = (
        "import json, sys, fwrkit; fwrkit.__version__ = '9.9.9'; from fwrkit.agent import joining; joining.__version__ = '9.9.9';"
        "from fwrkit.agent.main import main; sys.argv = ['fwrkit-agent', 'enrol']; sys.exit(main())"
    )
    answer = republic.json("invite", "zoe")["invite"]
    republic.json("join", "server", "--name", "versed")
    node = Node(republic, "versed")
    done = node.docker(
        "exec", "-i", "-e", "PYTHONPATH=/usr/lib/fwrkit/python", f"{node.project}-sync", "python3", "-c", code, check=False, stdin=answer.encode() + b"\n"
    )  # fmt: skip
    assert b"9.9.9" in done.stdout
    assert b"REFUSED" in done.stdout
    republic.fwrkit("rm", "versed", "--volumes", "--yes")


def test_a_world_directory_that_vanished(republic: Republic, server: Node, tmp_path: Path) -> None:
    place = tmp_path / "world"
    place.mkdir()
    republic.json("join", "server", "--name", "erin", "--world", str(place))
    erin = Node(republic, "erin")
    erin.wait_in_sync()
    assert (place / "world" / "www" / "index.html").exists()
    republic.fwrkit("down", "erin")
    place.rename(tmp_path / "away")
    refused(republic, NOT_FOUND, "up", "erin")
    assert not place.exists(), "an empty directory in its place would be a world in which everything is deleted"
    (tmp_path / "away").rename(place)
    republic.fwrkit("up", "erin")
    erin.wait_in_sync()
    republic.fwrkit("rm", "erin", "--volumes", "--yes")
    assert (place / "world" / "www" / "index.html").exists(), "a directory of the host is never removed"


def test_a_full_disk_is_said_and_healed_by_room(republic: Republic, server: Node, tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m,mode=0755", "tmpfs", place], check=True)
    try:
        republic.json("join", "server", "--name", "frank", "--world", str(place))
        frank = republic.nodes["frank"] = Node(republic, "frank")
        frank.wait_in_sync()
        fill = place / "ballast"
        fill.write_bytes(b"x" * (4 << 20))
        body = "y" * 3_000_000
        server.write("www/too-large.txt", body)
        wait_until(lambda: frank.status()["state"] != "in sync", "frank is behind", 30)
        server.write("www/small-enough.txt", "others go on")
        wait_until(lambda: frank.has("www/small-enough.txt", "others go on"), "small things still arrive", 30)
        wait_until(lambda: any("room" in item["reason"] for item in frank.status()["refused"]), "frank says that there is no room", 30)
        fill.unlink()
        wait_until(lambda: frank.has("www/too-large.txt", body), "it arrives as soon as there is room", 60)
        republic.check_invariants()
    finally:
        republic.nodes.pop("frank", None)
        republic.fwrkit("rm", "frank", "--volumes", "--yes", check=False)
        subprocess.run(["umount", "--lazy", place], check=True)


def interrupted(republic: Republic, after: float, *words: str) -> bool:
    """Type Ctrl-C some seconds after a command began, as a terminal does: all of its group hear it. Return whether it came before the end."""
    environment = {**os.environ, "FWRKIT_HOME": str(republic.home)}
    process = subprocess.Popen(
        [str(FWRKIT), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, start_new_session=True
    )  # fmt: skip
    time.sleep(after)  # whatever it is doing then
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode in (130, 0), (words, after, process.returncode, said)
    assert b"Traceback" not in said
    assert process.returncode == 0 or said.count(b"Interrupted.") == 1, (words, after, said)
    assert b"gave no answer" not in said
    return process.returncode == 130


@pytest.mark.parametrize("after", [0.3, 0.8, 1.5, 2.2, 3.0])
def test_ctrl_c_in_the_middle_and_a_second_call_finishes(republic: Republic, server: Node, after: float) -> None:
    interrupted(republic, after, "join", "server", "--name", "grace")
    republic.json("join", "server", "--name", "grace")
    Node(republic, "grace").wait_in_sync()
    republic.fwrkit("rm", "grace", "--volumes", "--yes")


def test_ctrl_c_in_each_long_command(republic: Republic, server: Node, tmp_path: Path) -> None:
    republic.json("join", "server", "--name", "grace")
    grace = Node(republic, "grace")
    grace.wait_in_sync()
    try:
        with grace.cut():
            grace.write("www/by-grace.html", "written with the cable pulled")
            for after in (0.6, 1.2, 2.0):
                assert interrupted(republic, after, "sync", "grace", "--timeout", "120"), "it waits for what can not come"
        grace.wait_in_sync()
        for number, after in enumerate((0.4, 0.7, 1.0)):
            file = tmp_path / f"{number}.fwrkit"
            if interrupted(republic, after, "backup", "grace", str(file)):
                assert not file.exists()
            else:
                republic.fwrkit("restore", str(file), "--name", "examined", "--without-keys", "--no-start")
                republic.fwrkit("rm", "examined", "--volumes", "--yes")
            assert not list(tmp_path.glob("*.part"))
        republic.fwrkit("backup", "grace", str(tmp_path / "whole.fwrkit"))
        restore = ("restore", str(tmp_path / "whole.fwrkit"), "--name", "again", "--without-keys")
        for after in (0.5, 1.2, 1.9):
            if interrupted(republic, after, *restore):
                republic.fwrkit(*restore)
            republic.fwrkit("rm", "again", "--volumes", "--yes")
        for after in (0.5, 1.0, 1.6):
            republic.fwrkit("down", "grace")
            interrupted(republic, after, "up", "grace")
            republic.fwrkit("up", "grace")
        for after in (0.8, 2.0, 3.2):
            if interrupted(republic, after, "fork", "grace", "parted"):
                republic.fwrkit("fork", "grace", "parted")
            republic.fwrkit("rm", "parted", "--volumes", "--yes")

        def of_one_run() -> set[str]:
            return set(grace.docker("ps", "-a", "--format", "{{.Names}}", "--filter", "name=fwrkit-once-").stdout.decode().split())

        left = of_one_run()  # another scenario's go by themselves
        wait_until(lambda: not left & of_one_run(), "no container that was for one run is left, not even one that was only made", 60)
        grace.wait_in_sync()
    finally:
        republic.fwrkit("rm", "grace", "--volumes", "--yes")


def test_the_compose_file_runs_without_fwrkit_and_an_override_is_respected(republic: Republic, server: Node) -> None:
    republic.json("join", "server", "--name", "heidi")
    heidi = Node(republic, "heidi")
    directory = republic.home / "nodes" / "heidi"
    (directory / "compose.override.yaml").write_text("services: {web: {environment: {EXTRA: seen}}}\n")
    republic.fwrkit("down", "heidi")
    text = republic.fwrkit("render", "heidi").stdout
    assert (directory / "compose.yaml").read_bytes() == text
    subprocess.run(["docker", "compose", "up", "-d"], cwd=directory, capture_output=True, check=True)
    heidi.agree(60)  # nobody has waited for its agent
    assert heidi.docker("exec", f"{heidi.project}-web", "printenv", "EXTRA").stdout == b"seen\n"
    republic.fwrkit("up", "heidi")
    assert heidi.docker("exec", f"{heidi.project}-web", "printenv", "EXTRA").stdout == b"seen\n"
    republic.fwrkit("rm", "heidi", "--volumes", "--yes")


def test_field_F37_down_and_rm_work_with_an_override_that_has_a_mistake(republic: Republic, server: Node) -> None:
    for text in ("services: {web: {environment: [\n", "services: {web: {no_such_key: 1}}\n", ""):
        republic.json("join", "server", "--name", "judy")
        judy = Node(republic, "judy")
        directory = republic.home / "nodes" / "judy"
        if text:
            (directory / "compose.override.yaml").write_text(text)
        else:
            (directory / "compose.yaml").unlink()  # a relative: it is not there at all
        assert republic.json("down", "judy")["was_running"] is True
        assert containers(judy) == []
        (directory / "compose.override.yaml").unlink(missing_ok=True)
        republic.json("up", "judy")
        (directory / "compose.override.yaml").write_text("services: [\n")
        republic.fwrkit("rm", "judy", "--volumes", "--yes")
        assert (containers(judy), judy.docker("volume", "ls", "-q", "--filter", f"name={judy.project}_").stdout) == ([], b"")
        assert judy.docker("network", "ls", "-q", "--filter", f"name={judy.project}_").stdout == b""
    server.wait_in_sync()


def containers(node: Node) -> list[str]:
    """Return the names of a node's containers, also of those that have ended."""
    return node.docker("ps", "-a", "--format", "{{.Names}}", "--filter", f"name={node.project}-").stdout.decode().split()


def test_field_F36_the_page_answers_when_the_command_returns(republic: Republic, server: Node) -> None:
    try:
        for words in (("join", "server", "--name", "kim"), ("down", "kim"), ("up", "kim"), ("down", "server"), ("up", "server")):
            answer = republic.json(*words)
            for url in answer.get("urls", {}).values():
                with contextlib.suppress(urllib.error.HTTPError):  # an answer
                    urllib.request.urlopen(url.replace(urllib.parse.urlsplit(url).hostname, "127.0.0.1"), timeout=10).close()
    finally:
        republic.fwrkit("rm", "kim", "--volumes", "--yes")


def test_what_people_see(republic: Republic, elsewhere: Republic, server: Node) -> None:
    server.wait_in_sync()
    table = republic.fwrkit("ls").stdout.decode()
    assert re.search(r"server\s+server\s+(up|running)", table), table
    shown = republic.fwrkit("status", "server").stdout.decode()
    assert "bob" in shown
    assert "in sync" in shown
    assert "bob is connected" in republic.fwrkit("logs", "server").stdout.decode()
    findings = republic.json("doctor")
    assert all(finding["ok"] for finding in findings), findings
    assert republic.fwrkit("exec", "server", "--", "cat", "www/from-far.html").stdout == b"written on another machine"
    assert republic.fwrkit("exec", "server", "--", "false", check=False).returncode == 1
    assert (
        b"olga" in server.docker("exec", "-u", "0", f"{server.project}-sync", "git", "--git-dir=/var/lib/fwrkit/history.git", "log").stdout
    )
    with pytest.raises(Failed):
        republic.fwrkit("open", "nobody")


def test_the_citizens_site_behind_a_password(republic: Republic, server: Node) -> None:
    server.write("www/members.html", "for those who know the password")
    assert server.address.get("/fwr/members.html").status == 403
    password = "correct horse battery"
    assert refused(republic, USAGE, "up", "server", "--citizen-site", password)[0] == "--citizen-site takes the word 'password'."
    republic.fwrkit("up", "server", "--citizen-site", "password", stdin=password.encode() + b"\n")

    def status(word: str = "") -> int:
        token = base64.b64encode(f"citizen:{word}".encode()).decode()
        try:
            answer = (
                server.address.get("/fwr/members.html", Authorization=f"Basic {token}") if word else server.address.get("/fwr/members.html")
            )
        except OSError:  # it is being started anew
            return 0
        return answer.status

    wait_until(lambda: status() == 401, "a password is asked for")
    assert status("wrong") == 401
    assert status(password) == 200
    for service in ("sync", "web"):
        assert password not in server.docker("inspect", f"{server.project}-{service}").stdout.decode()
    assert "$2y$" not in server.docker("inspect", f"{server.project}-sync").stdout.decode(), "not even the hash reaches what has the keys"
    assert server.address.get("/fwr_tour/").status == 200


def test_removing_asks_first(republic: Republic, server: Node) -> None:
    republic.json("join", "server", "--name", "ivan")
    environment = {**os.environ, "FWRKIT_HOME": str(republic.home), "TERM": "dumb"}
    for answer, is_gone in (("n", False), ("y", True)):
        read, write = pty.openpty()
        process = subprocess.Popen([FWRKIT, "rm", "ivan", "--volumes"], stdin=write, stdout=write, stderr=write, env=environment)
        os.write(read, f"{answer}\n".encode())
        process.wait(60)
        os.close(write)
        asked = os.read(read, 65536).decode()
        os.close(read)
        assert "Remove the client 'ivan' with its world, its history and its keys?" in asked
        assert any(node["node"] == "ivan" for node in republic.json("ls")) is not is_gone


def test_the_installed_wheel_works_outside_any_checkout(republic: Republic, server: Node, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path, CHECKOUT], check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    wheel = next(tmp_path.glob("*.whl"))
    subprocess.run([tmp_path / "venv/bin/pip", "install", "--quiet", wheel], check=True)
    home = {"FWRKIT_HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"], "HOME": str(tmp_path)}

    def run(*words: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([tmp_path / "venv/bin/fwrkit", *words, "--json"], cwd=tmp_path, env=home, capture_output=True, check=True)

    line = republic.json("invite", "walter")["invite"]
    try:
        assert json.loads(run("join", line).stdout)["data"]["is_joined"] is True
        assert json.loads(run("sync", "walter").stdout)["data"]["in_sync"] is True
    finally:
        run("rm", "walter", "--volumes", "--yes")


def test_the_bootstrap_can_be_repeated_and_lets_its_lock_go() -> None:
    for _ in range(2):
        subprocess.run([CHECKOUT / "scripts" / "bootstrap.sh"], check=True, timeout=60, capture_output=True)
