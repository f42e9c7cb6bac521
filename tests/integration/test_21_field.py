"""Scenario 21: what people's machines do to a world. Each test carries the number of its field case (CONTRIBUTING.md), or is a relative of one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.republic import Node, Republic, digest, wait_until

WORLD = "/srv/fwr/world"


@pytest.fixture(scope="module")
def nodes(republic: Republic) -> dict[str, Node]:
    republic.up_server("--template", "php")
    for name in ("alice", "bob"):
        republic.join(name)
    republic.nodes["alice"].do(*({"path": f"www/dir{number}/page.html", "text": f"page {number}"} for number in range(80)))
    republic.settle()
    return republic.nodes


def notes(node: Node, kind: str) -> dict[str, str]:
    """Return what a status says of paths: ``refused``, ``waiting`` or ``left_out``."""
    found: list[dict[str, Any]] = node.status()[kind]
    return {each["path"]: each["reason"] for each in found}


def wrote(republic: Republic, node: Node, *texts: bytes) -> None:
    """Remember contents that a test has written by its own means."""
    for text in texts:
        republic.written[digest(text)] = node.name


def test_field_F04_directories_nested_without_end_stop_nobody(republic: Republic, nodes: dict[str, Node]) -> None:
    alice = nodes["alice"]
    alice.python(
        """
import os
os.chdir("/srv/fwr/world/www")
for _ in range(1200):
    os.mkdir("d")
    os.chdir("d")
open("bottom", "w").write("at the bottom")
"""
    )
    alice.write("www/beside.html", "life goes on")
    wait_until(lambda: nodes["bob"].has("www/beside.html", "life goes on"), "the others are not held up")
    wait_until(lambda: any("directories deep" in reason for reason in notes(alice, "refused").values()), "it is said")
    alice.wait_in_sync()
    alice.python("import shutil, subprocess; subprocess.run(['rm', '-rf', '/srv/fwr/world/www/d'], check=True)")
    republic.check_invariants()
    assert notes(alice, "refused") == {}


def test_a_path_that_is_longer_than_a_path_may_be_stops_nobody(republic: Republic, nodes: dict[str, Node]) -> None:
    alice = nodes["alice"]
    alice.python(
        """
import os
os.chdir("/srv/fwr/world/www")
for _ in range(40):
    os.mkdir("n" * 200)
    os.chdir("n" * 200)
open("bottom", "w").write("at the bottom")
"""
    )
    alice.write("www/beside.html", "and on")
    wait_until(lambda: nodes["bob"].has("www/beside.html", "and on"), "the others are not held up")
    alice.wait_in_sync()
    assert any("longer than" in reason for reason in notes(alice, "refused").values())
    alice.python("import subprocess; subprocess.run('rm -rf /srv/fwr/world/www/nnn*', shell=True, check=True)")
    republic.check_invariants()


def copied_in(node: Node, mode: str, size: int, name: str) -> bytes:
    """Have root put a file into a node's world, as `docker cp` does; return its content."""
    content = (name.encode() * (size // len(name) + 1))[:size]
    code = (
        "import os, sys\n"
        "data = sys.stdin.buffer.read()\n"
        "path, mode = sys.argv[1:]\n"
        "open(path, 'wb').write(data)\n"
        "os.chmod(path, int(mode, 8))\n"
    )
    image = node.docker("inspect", "--format", "{{.Config.Image}}", f"{node.project}-sync").stdout.decode().strip()
    words = ("run", "--rm", "-i", "-v", f"{node.project}_world:/srv/fwr", "--user", "0", "--entrypoint", "python3", image, "-c", code)
    node.docker(*words, f"{WORLD}/{name}", mode, stdin=content)
    return content


def test_field_F07_what_belongs_to_root_travels_if_it_can_be_read(republic: Republic, nodes: dict[str, Node]) -> None:
    alice, bob = nodes["alice"], nodes["bob"]
    wrote(republic, alice, copied_in(alice, "644", 2_000_000, "root-large"))
    wait_until(lambda: "root-large" in bob.tree(), "it arrives", 60)
    copied_in(alice, "600", 2_000_000, "root-closed")
    wait_until(lambda: "chown" in notes(alice, "refused").get("root-closed", ""), "it is named, with what to do", 60)
    reason = notes(alice, "refused")["root-closed"]
    assert "uid 0" in reason and "0600" in reason
    alice.wait_in_sync()
    alice.python("import os; os.unlink('/srv/fwr/world/root-closed')")
    republic.check_invariants()


def test_field_F09_what_a_program_keeps_open_is_named_and_travels_after_a_rest(republic: Republic, nodes: dict[str, Node]) -> None:
    alice, bob = nodes["alice"], nodes["bob"]
    wrote(republic, alice, b"a long letter")
    keep = "import time; file = open('/srv/fwr/world/www/letter.txt', 'w'); file.write('a long letter'); file.flush(); time.sleep(90)"
    alice.docker("exec", "-d", "-u", "2011", f"{alice.project}-sync", "python3", "-c", keep)
    wait_until(lambda: "writing" in notes(alice, "waiting").get("www/letter.txt", ""), "it is named")
    assert alice.status()["state"] == "waiting"
    wait_until(lambda: bob.has("www/letter.txt", "a long letter"), "it travels though it is open", 60)
    republic.check_invariants()


def test_field_F05_private_files_go_along_with_a_directory_that_others_move(republic: Republic, nodes: dict[str, Node]) -> None:
    alice, bob = nodes["alice"], nodes["bob"]
    alice.do({"path": "www/shop/index.html", "text": "the shop"}, {"path": "www/shop/deep/page.html", "text": "deep in the shop"})
    republic.settle()
    bob.python("open('/srv/fwr/world/www/shop/orders.sqlite', 'wb').write(b'SQLite format 3\\0orders')")
    wait_until(lambda: "www/shop/orders.sqlite" in notes(bob, "left_out"), "it is said that it stays")
    alice.rename("www/shop", "www/store")
    republic.settle()
    assert bob.read("www/store/orders.sqlite").endswith(b"orders")
    assert "www/shop" not in bob.tree()
    republic.check_invariants()


def test_field_F10_what_can_not_travel_is_no_reason_to_wait_for_ever(republic: Republic, nodes: dict[str, Node]) -> None:
    alice, bob = nodes["alice"], nodes["bob"]
    alice.write("www/project/page.html", "a page")
    republic.settle()
    bob.python("import os; os.symlink('/etc', '/srv/fwr/world/www/project/link'); os.mkfifo('/srv/fwr/world/www/project/fifo')")
    alice.delete("www/project/page.html")
    alice.delete("www/project")
    bob.wait_in_sync(60)
    assert "www/project" in notes(bob, "left_out"), "it is this node's own now"
    republic.fwrkit("down", "bob")
    republic.fwrkit("up", "bob")
    bob.wait_in_sync(60)
    bob.python("import shutil; shutil.rmtree('/srv/fwr/world/www/project')")
    republic.check_invariants()


def test_field_F11_a_site_that_is_rebuilt_is_held_no_more(republic: Republic, nodes: dict[str, Node]) -> None:
    alice, bob = nodes["alice"], nodes["bob"]
    after = {f"www/dir{number}/page.html": f"page {number}, rebuilt" for number in range(80)}
    alice.python("import shutil\nfor n in range(80): shutil.rmtree(f'/srv/fwr/world/www/dir{n}')")
    wait_until(lambda: alice.status()["state"] == "held", "she is held")
    alice.do(*({"path": path, "text": text} for path, text in after.items()))
    wait_until(lambda: alice.status()["state"] == "in sync", "she is let in by herself", 60)
    republic.settle()
    assert {path: digest(text) for path, text in after.items()}.items() <= bob.tree().items()
    republic.check_invariants()


def test_field_F12_a_closed_directory_is_named_once_and_holds_up_nobody(republic: Republic, nodes: dict[str, Node]) -> None:
    alice, bob = nodes["alice"], nodes["bob"]
    image = alice.docker("inspect", "--format", "{{.Config.Image}}", f"{alice.project}-sync").stdout.decode().strip()
    run = ("run", "--rm", "-v", f"{alice.project}_world:/srv/fwr", "--user", "0", "--entrypoint", "sh", image, "-c")
    alice.docker(*run, f"mkdir -m 700 {WORLD}/closed && echo one > {WORLD}/closed/file")
    wait_until(lambda: "look into it" in notes(alice, "refused").get("closed", ""), "it is named")
    alice.docker(*run, f"for n in 1 2 3 4 5; do echo $n > {WORLD}/closed/file; done")
    alice.write("www/beside.html", "past the closed door")
    wait_until(lambda: bob.has("www/beside.html", "past the closed door"), "others' edits do not wait")
    alice.wait_in_sync()
    alice.docker(*run, f"rm -r {WORLD}/closed")
    republic.check_invariants()


def test_field_F18_all_names_of_a_file_are_looked_at(republic: Republic, nodes: dict[str, Node]) -> None:
    alice, bob = nodes["alice"], nodes["bob"]
    alice.write("www/first.html", "one")
    alice.python("import os; os.link('/srv/fwr/world/www/first.html', '/srv/fwr/world/www/second.html')")
    republic.settle()
    wrote(republic, alice, b"one and two")
    alice.python("open('/srv/fwr/world/www/first.html', 'a').write(' and two')")
    for name in ("first", "second"):
        wait_until(lambda name=name: bob.has(f"www/{name}.html", "one and two"), f"{name} arrives")  # type: ignore[misc]
    republic.check_invariants()


def test_field_F22_code_travels_whatever_its_directory_is_called(republic: Republic, nodes: dict[str, Node]) -> None:
    alice, bob = nodes["alice"], nodes["bob"]
    code = ["www/vendor/psr/cache/A.php", "www/lib/sessions/S.php", "www/composer.lock", "www/lib/GeoLite.db", "www/app/tmp/T.php"]
    alice.do(*({"path": path, "text": f"code of {path}"} for path in code))
    alice.python("import os; os.makedirs('/srv/fwr/world/www/cache'); open('/srv/fwr/world/www/cache/x', 'w').write('a cache')")
    republic.settle()
    assert set(code) <= set(bob.tree())
    assert "template" in notes(alice, "left_out")["www/cache"]
    republic.check_invariants()


def test_field_F24_and_F30_what_programs_keep_beside_their_work_stays_at_home(republic: Republic, nodes: dict[str, Node]) -> None:
    alice, bob = nodes["alice"], nodes["bob"]
    alice.python(
        """
for name in ("#letter.html#", "~$letter.docx", ".goutputstream-A1", "._photo.jpg", "4913", "film.crdownload"):
    open(f"/srv/fwr/world/www/{name}", "w").write("half a sentence")
import sqlite3
with sqlite3.connect("/srv/fwr/world/www/orders.data") as database:
    database.execute("CREATE TABLE orders (number INTEGER)")
"""
    )
    alice.write("www/letter.html", "a letter")
    wait_until(lambda: bob.has("www/letter.html", "a letter"), "the letter arrives")
    republic.settle()
    left = bob.python("import os; print(sorted(os.listdir('/srv/fwr/world/www')))").decode()
    assert all(name not in left for name in ("#letter", "~$", "goutputstream", "._photo", "4913", "crdownload", "orders.data"))
    assert "SQLite" in notes(alice, "left_out")["www/orders.data"]


def test_field_F32_a_node_keeps_its_own_mode(republic: Republic, nodes: dict[str, Node]) -> None:
    alice, bob = nodes["alice"], nodes["bob"]
    alice.write("www/script.php", "one")
    republic.settle()
    bob.python("import os; os.chmod('/srv/fwr/world/www/script.php', 0o600)")
    alice.write("www/script.php", "two")
    wait_until(lambda: bob.has("www/script.php", "two"), "it arrives")
    assert bob.python("import os; print(oct(os.stat('/srv/fwr/world/www/script.php').st_mode & 0o777))").strip() == b"0o600"
    republic.check_invariants()


@pytest.mark.parametrize("kind", ["text", "state"])
def test_field_F02_what_an_editor_writes_over_unread_is_not_lost(republic: Republic, nodes: dict[str, Node], kind: str) -> None:
    """An editor has a file open while somebody else's edit arrives: texts are merged, of all else both are kept."""
    alice, bob = nodes["alice"], nodes["bob"]
    path = "www/open.html" if kind == "text" else "www/open.json"
    before = "alice: 0\n\n\n\nbob: 0\n"
    alice.write(path, before)
    republic.settle()
    with alice.editing(path, "alice: 0", "alice: 1") as save:
        bob.write(path, before.replace("bob: 0", "bob: 1"))
        alice.wait_in_sync()
        wrote(republic, alice, before.replace("alice: 0", "alice: 1").encode())
        save()
    wrote(republic, alice, b"alice: 1\n\n\n\nbob: 1\n")
    republic.settle()
    contents = {bob.read(name) for name in bob.tree() if name.startswith("www/open") and name.endswith(path[-5:])}
    if kind == "text":
        assert contents == {b"alice: 1\n\n\n\nbob: 1\n"}
    else:
        assert contents == {b"alice: 0\n\n\n\nbob: 1\n", b"alice: 1\n\n\n\nbob: 0\n"}
