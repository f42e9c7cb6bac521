"""Scenario 6: what the public does not see, and what a citizen's key does not open."""

from __future__ import annotations

import json
import time

import pytest

from tests.integration.republic import Node, Republic, wait_until

SERVER_STATE = "/var/lib/fwrkit"


@pytest.fixture(scope="module")
def nodes(republic: Republic) -> dict[str, Node]:
    republic.up_server("--template", "static")
    for name in ("alice", "bob"):
        republic.join(name)
    republic.nodes["alice"].do(
        {"path": "www/secret.html", "text": "for citizens only"},
        {"path": "www_tourist/data/x", "text": "a page"},
        {"path": "www_tourist/.hidden", "text": "hidden"},
    )
    republic.settle()
    return republic.nodes


def get(node: Node, path: str, host: str = "localhost", method: str = "GET", **headers: str) -> tuple[int, bytes]:
    """Ask exactly that, under a host's name."""
    address = node.address
    answer = address.get(path, method, Host=f"{host}:{address.port}", **headers)
    return answer.status, answer.body


@pytest.mark.parametrize("path", ["/", "/fwr_tour/", "/index.html"])
def test_the_public_sees_the_tourist_site(nodes: dict[str, Node], path: str) -> None:
    status, body = get(nodes["server"], path)
    assert status == 200
    assert b"www_tourist/index.html" in body


@pytest.mark.parametrize(
    "path",
    [
        "/fwr", "/fwr/", "/fwr/secret.html", "/fwr/index.html", "//fwr/secret.html", "/fwr_tour/../www/secret.html",
        "/fwr_tour/..%2fwww/secret.html", "/fwr_tour/%2e%2e/www/secret.html", "/..%252fwww/secret.html", "/.fwr/world.toml",
        "/fwr_tour/.hidden", "/%2ehidden", "/.htaccess", "/../.fwr/world.toml", "/fwr/?animal=www", "/private/", "/fwr_tour/../private/",
        "/fwr_tour/../../state", "/etc/passwd", "/.git/config", "/fwr%2fsecret.html", "/FWR/secret.html",
    ],
)  # fmt: skip
def test_the_public_sees_nothing_else(nodes: dict[str, Node], path: str) -> None:
    status, body = get(nodes["server"], path)
    assert status in (400, 403, 404), (path, status)
    assert b"for citizens only" not in body
    assert b"hidden" not in body


def test_nothing_can_be_written_through_the_servers_web(nodes: dict[str, Node]) -> None:
    for method in ("PUT", "DELETE", "MKCOL", "PROPFIND"):
        assert get(nodes["server"], "/index.html", method=method)[0] in (403, 405, 501)
    done = nodes["server"].docker("exec", f"{nodes['server'].project}-web", "touch", "/srv/fwr/world/www_tourist/x", check=False)
    assert done.returncode != 0


def test_a_clients_web_answers_to_local_names_only_and_to_no_other_site(nodes: dict[str, Node]) -> None:
    alice = nodes["alice"]
    assert get(alice, "/fwr/secret.html")[0] == 200
    assert get(alice, "/fwr/secret.html", host="rebound.example.org")[0] == 403
    port = alice.url().rsplit(":", 1)[1]
    assert get(alice, "/fwr/", method="POST", Origin="http://evil.example", Sec_Fetch_Site="cross-site")[0] == 403
    assert get(alice, "/fwr/", method="POST", Origin="http://evil.example")[0] == 403
    assert get(alice, "/fwr/", method="POST", Sec_Fetch_Site="same-site", Origin=f"http://localhost:{port}")[0] == 403
    assert get(alice, "/fwr/", method="POST", Origin=f"http://localhost:{port}", Sec_Fetch_Site="same-origin")[0] != 403


@pytest.mark.alone  # Docker (20.10: EnsureJumpRule) takes its wall between networks away for some milliseconds whenever it makes another network
def test_web_and_sync_do_not_reach_each_other(nodes: dict[str, Node]) -> None:
    for name in ("server", "alice"):
        node = nodes[name]
        inspected = node.docker(
            "inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}", f"{node.project}-sync"
        ).stdout.decode()
        probe = f"exec 3<>/dev/tcp/{inspected.split()[0]}/2222"
        assert node.docker("exec", f"{node.project}-web", "timeout", "3", "bash", "-c", probe, check=False).returncode != 0
        for place in ("/var/lib/fwrkit/record.sqlite", "/etc/fwrkit/keys/node", "/etc/fwrkit/keys/authority", "/srv/fwr/private/exchange"):
            read = node.docker("exec", "-u", "2011", f"{node.project}-web", "sh", "-c", f"cat {place} || ls {place}", check=False)
            assert read.returncode != 0 or not read.stdout or (name == "alice" and place.startswith("/srv")), (name, place)


def ssh(node: Node, *words: str, options: tuple[str, ...] = (), stdin: bytes = b"") -> tuple[int, bytes, bytes]:
    """Use a client's own key as its owner could, beside the agent."""
    base = [
        "ssh",
        "-T",
        "-F",
        "/run/fwrkit/ssh_config",
        "-o",
        "ControlMaster=no",
        "-o",
        "ControlPath=none",
        "-o",
        "ClearAllForwardings=no",
        *options,
    ]
    done = node.docker(
        "exec", "-i", "-u", "2011", f"{node.project}-sync", "timeout", "15", *base, "upstream", *words, check=False, stdin=stdin
    )
    return done.returncode, done.stdout, done.stderr


def fingerprint(server: Node) -> bytes:
    """What must not change: canon, replicas, outboxes and accounts, byte by byte. Unison's own memory in alice's account may."""
    script = (
        f"cd {SERVER_STATE} && find canon replicas outboxes accounts extrausers enrol -not -path 'accounts/alice*' -printf '%p %m %U %s\\n' | sort | sha256sum"
        " && find canon replicas outboxes accounts -not -path 'accounts/alice*' -type f -print0 | sort -z | xargs -0r sha256sum | sha256sum"
    )
    return server.docker("exec", "-u", "0", f"{server.project}-sync", "sh", "-c", script).stdout


@pytest.mark.parametrize(
    "words",
    [(), ("sh",), ("id",), ("stream; id",), ("unison", "-server"), ("unison-2.53", "-socket", "9999"), ("scp", "-t", "/tmp"),
     ("git-upload-pack", "/var/lib/fwrkit"),
     ("unison-2.53 -server __new-rpc-mode -selftest",), ("$(id)",), ("enrol AAAA",)],
)  # fmt: skip
def test_a_citizens_key_gets_no_shell(nodes: dict[str, Node], words: tuple[str, ...]) -> None:
    status, out, _ = ssh(nodes["alice"], *words)
    assert status == 97
    assert out == b""


def test_a_citizens_key_gets_no_forwarding_and_no_subsystem(nodes: dict[str, Node]) -> None:
    # a forwarding that the server refuses ends the connection
    status, _, _ = ssh(nodes["alice"], "stream", options=("-o", "ExitOnForwardFailure=yes", "-R", "9999:localhost:1"))
    assert status == 255
    status, out, _ = ssh(nodes["alice"], options=("-W", "127.0.0.1:2222"))
    assert (status, out) == (255, b"")
    assert ssh(nodes["alice"], "sftp", options=("-s",))[0] != 0


def test_one_citizens_key_is_not_anothers(nodes: dict[str, Node]) -> None:
    for account in ("c-bob", "root", "enrol", "authority", "fwr"):
        status, out, error = ssh(nodes["alice"], "stream", options=("-l", account))
        # a citizen's certificate renews itself as `enrol`: there the gate refuses all else
        assert (status, out) == (97 if account == "enrol" else 255, b""), account
        assert account == "enrol" or b"Permission denied" in error


def test_unison_reaches_the_own_replica_and_nothing_else(republic: Republic, nodes: dict[str, Node]) -> None:
    alice, server = nodes["alice"], nodes["server"]
    republic.settle()

    def run(root: str, *options: str) -> int:
        code = (
            "rm -rf /tmp/u /tmp/probe && mkdir /tmp/u /tmp/probe && echo probe > /tmp/probe/planted && "
            f"UNISON=/tmp/u timeout 60 unison-2.53 -ui=text -batch -auto /tmp/probe 'ssh://upstream/{root}' "
            f"-sshargs=-F/tmp/u-config -servercmd=unison-2.53 {' '.join(options)}"
        )
        prepare = (
            "sed -e 's/ControlMaster yes/ControlMaster no/' -e 's#ControlPath .*#ControlPath none#' /run/fwrkit/ssh_config > /tmp/u-config"
        )
        return alice.docker("exec", "-u", "2011", f"{alice.project}-sync", "sh", "-c", f"{prepare}; {code}", check=False).returncode

    before = fingerprint(server)
    for root in (
        "/var/lib/fwrkit/canon",
        "/var/lib/fwrkit/replicas/bob",
        "/etc",
        "/tmp",
        "/var/lib/fwrkit/accounts/bob",
        "/var/lib/fwrkit/outboxes/alice",
        "/srv/fwr",
    ):
        assert run(root, "-force=/tmp/probe") != 0, root
        assert run(root, "-selftest") != 0, root
    assert fingerprint(server) == before
    # the same probe where it may: so the test can tell
    assert run("/var/lib/fwrkit/replicas/alice", "-force=/tmp/probe") == 0
    assert fingerprint(server) != before
    planted = server.docker("exec", "-u", "0", f"{server.project}-sync", "cat", f"{SERVER_STATE}/replicas/alice/planted").stdout
    assert planted == b"probe\n"
    server.docker(
        "exec", "-u", "0", f"{server.project}-sync", "sh", "-c", f"rm -rf {SERVER_STATE}/replicas/alice/* {SERVER_STATE}/accounts/alice/*"
    )


def test_links_lead_nowhere(republic: Republic, nodes: dict[str, Node]) -> None:
    alice, bob = nodes["alice"], nodes["bob"]
    # as PHP in a world could plant them
    alice.python(
        "import os; os.chdir('/srv/fwr/world/www'); os.symlink('/etc/passwd', 'passwd.html'); os.symlink('/etc', 'etc'); os.symlink('../../../../etc', 'up')"
    )
    assert get(alice, "/fwr/passwd.html")[0] == 403
    assert get(alice, "/fwr/etc/passwd")[0] == 403
    alice.write("www/after-links", "still in step")
    wait_until(lambda: bob.has("www/after-links", "still in step"), "the stream goes on")
    assert not {"www/passwd.html", "www/etc", "www/up"} & set(bob.tree())
    # a delivery never goes through a planted link
    bob.python("import os; os.makedirs('/tmp/outside', exist_ok=True); os.symlink('/tmp/outside', '/srv/fwr/world/www/sub')")
    alice.write("www/sub/file", "must not land outside")
    alice.wait_in_sync()
    wait_until(lambda: any("www/sub" in item["path"] for item in bob.status()["refused"]), "bob reports the obstacle")
    assert bob.docker("exec", f"{bob.project}-sync", "ls", "/tmp/outside").stdout == b""
    bob.python("import os; os.unlink('/srv/fwr/world/www/sub')")
    wait_until(lambda: bob.has("www/sub/file", "must not land outside"), "it arrives when the link is gone")
    alice.python("import os; [os.unlink('/srv/fwr/world/www/' + name) for name in ('passwd.html', 'etc', 'up')]")
    republic.check_invariants()


def test_invites_work_once_and_expire(republic: Republic, nodes: dict[str, Node]) -> None:
    server = nodes["server"]

    def invite(name: str, **options: int) -> str:
        words = ["exec", "-i", f"{server.project}-sync", "fwrkit-agent", "ask", "invite"]
        asked = {"name": name, "host": "server.fwr", "port": 2222, **options}
        return str(json.loads(server.docker(*words, stdin=json.dumps(asked).encode()).stdout)["invite"])

    def enrol(node: Node, line: str) -> bytes:
        return node.docker("exec", "-i", f"{node.project}-sync", "fwrkit-agent", "enrol", check=False, stdin=line.encode() + b"\n").stdout

    line = invite("bob")
    # one machine's key uses it first; then it is used up for everybody else
    assert b'"citizen": "bob"' in enrol(nodes["bob"], line)
    assert b"used already, on another machine" in enrol(nodes["alice"], line)
    assert b'"citizen": "bob"' in enrol(nodes["bob"], line), "repeating it is harmless"
    assert b"another citizen's" in enrol(nodes["bob"], invite("eve")), "one machine's key is one citizen's"
    late = invite("mallory", expires=1)
    expired = time.time() + 2
    wait_until(lambda: time.time() > expired, "it expires")
    assert b"expired" in enrol(nodes["alice"], late)
    assert b"malformed" in enrol(nodes["alice"], line[:-7])


def test_citizens_do_not_change_the_records_of_the_world(republic: Republic, nodes: dict[str, Node]) -> None:
    alice = nodes["alice"]
    text = alice.python("print(open('/srv/fwr/world/.fwr/world.toml').read(), end='')").decode()
    alice.python("open('/srv/fwr/world/.fwr/world.toml', 'a').write('name = \"mine\"\\n'); open('/srv/fwr/world/.fwr/new', 'w').write('x')")
    wait_until(lambda: alice.has(".fwr/world.toml", text) and alice.has(".fwr/new", None), "it is undone at its author's")
    assert nodes["bob"].has(".fwr/world.toml", text)
    republic.check_invariants()
