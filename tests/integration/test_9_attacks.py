"""Scenario 9: programs and people at their worst, on three machines at once: nothing is lost, torn or brought back."""

from __future__ import annotations

import time

import pytest

from tests.bench.figures import percentile
from tests.integration import faults, invariants
from tests.integration.hand import Hand
from tests.integration.republic import Node, Republic, digest, wait_until
from tests.integration.scale import scale


@pytest.fixture(scope="module")
def nodes(republic: Republic) -> dict[str, Node]:
    republic.up_server("--template", "static")
    for name in ("alice", "bob", "carol"):
        republic.join(name)
    republic.settle()
    return republic.nodes


def seen_everywhere(nodes: dict[str, Node], path: str, state: str | None) -> None:
    for node in nodes.values():
        node.hand.see(path, state)


def copies_of(tree: dict[str, str], path: str) -> list[str]:
    """Return the conflict copies of a path in a tree."""
    stem, dot, extension = path.rpartition(".")
    return [name for name in tree if name.startswith(f"{stem} (conflict ") and name.endswith(dot + extension)]


def test_two_overwrite_the_same_files_at_the_same_moment(republic: Republic, nodes: dict[str, Node]) -> None:
    alice, bob = nodes["alice"].hand, nodes["bob"].hand
    paths = [f"www/race/{number}.bin" for number in range(40)]
    alice.ask("many", acts=[{"do": "replace", "path": path, "text": f"before {path}"} for path in paths])
    republic.settle()
    for turn in range(scale(3, 20)):
        begins = time.monotonic() + 0.3
        for name, hand in (("alice", alice), ("bob", bob)):
            hand.begin("many", acts=[{"do": "replace", "path": path, "text": f"{name} {turn} {path}"} for path in paths], at=begins)
        first, second = alice.finish(), bob.finish()
        # who displaced what the other had written, had it before their eyes; all others lost a race
        republic.lost_races += sum(
            one["before"] != two["after"] and two["before"] != one["after"] for one, two in zip(first, second, strict=True)
        )
        republic.settle()
    assert republic.lost_races > 0
    republic.check_invariants()


def test_changes_in_place_of_the_same_length_right_after_a_sync(republic: Republic, nodes: dict[str, Node]) -> None:
    alice, others = nodes["alice"].hand, [nodes["bob"].hand, nodes["carol"].hand]
    path = "www/counter.bin"
    alice.do("replace", path, text=f"{0:06}")
    seen_everywhere(nodes, path, digest(f"{0:06}"))
    for number in range(1, scale(40, 200)):
        alice.do("in_place", path, text=f"{number:06}", keep_time=number % 3 == 0)
        for hand in others:
            hand.see(path, digest(f"{number:06}"))
        time.sleep(0.1)  # the scenario itself: the next one comes 100 ms after the last one arrived
    republic.check_invariants()


def test_changes_in_place_faster_than_they_travel(republic: Republic, nodes: dict[str, Node]) -> None:
    alice, bob = nodes["alice"].hand, nodes["bob"].hand
    path, number = "www/fast.bin", scale(400, 4000)
    alice.do("replace", path, text=f"{0:06}")
    seen_everywhere(nodes, path, digest(f"{0:06}"))
    bob.begin("sample", path=path, last=digest(f"{number:06}"), seconds=60)
    alice.ask(
        "many", acts=[{"do": "in_place", "path": path, "text": f"{turn:06}", "keep_time": turn % 2 == 0} for turn in range(1, number + 1)]
    )
    invariants.never_torn(bob.finish(), republic.written)
    seen_everywhere(nodes, path, digest(f"{number:06}"))
    republic.check_invariants()


def test_edited_here_and_deleted_there(republic: Republic, nodes: dict[str, Node]) -> None:
    hands = {name: nodes[name].hand for name in ("alice", "bob")}
    paths = {"alice": "www/deleted-by-alice.bin", "bob": "www/deleted-by-bob.bin"}
    for path in paths.values():
        hands["alice"].do("replace", path, text=f"{path}, first")
        seen_everywhere(nodes, path, digest(f"{path}, first"))
    with nodes["bob"].cut():  # what alice does reaches the server first
        for name, hand in hands.items():
            hand.do("delete", paths[name])
            hand.do("in_place", paths["bob" if name == "alice" else "alice"], text=f"edited by {name}")
        nodes["alice"].wait_in_sync()
    seen_everywhere(nodes, paths["alice"], digest("edited by bob"))
    seen_everywhere(nodes, paths["bob"], digest("edited by alice"))
    republic.check_invariants()


@pytest.mark.parametrize("is_long", [False, True], ids=["shortly", "for long"])
def test_a_directory_is_renamed_while_a_file_in_it_is_edited_elsewhere(republic: Republic, nodes: dict[str, Node], is_long: bool) -> None:
    """Apart only shortly, the connection stands and what was said meanwhile crosses; apart for long, a new one begins with a walk."""
    hands, rooms = {name: nodes[name].hand for name in ("alice", "bob")}, [f"{number}.bin" for number in range(5)]
    roots = {name: f"www/house-of-{name}-{is_long}" for name in hands}
    made = [{"do": "replace", "path": f"{root}/a/{room}", "text": f"{root} {room}"} for root in roots.values() for room in rooms]
    nodes["carol"].hand.ask("many", acts=made)
    republic.settle()
    edited = set()
    with faults.apart(nodes["bob"]) if is_long else nodes["bob"].cut():
        for name, root in roots.items():
            editor = hands["bob" if name == "alice" else "alice"]
            hands[name].do("move", f"{root}/a", to=f"{root}/b")
            edited.add(editor.do("replace", f"{root}/a/3.bin", text=f"{root}, edited elsewhere")["after"])
            edited.add(editor.do("replace", f"{root}/a/new.bin", text=f"{root}, new")["after"])
        nodes["alice"].wait_in_sync()
    republic.check_invariants()
    tree = nodes["carol"].tree()
    assert edited <= set(tree.values())
    assert all(tree[f"{root}/b/{room}"] for root in roots.values() for room in rooms)


@pytest.mark.parametrize("is_apart", [False, True], ids=["online", "apart"])
def test_a_file_becomes_a_directory_and_a_file_again_while_another_edits_it(
    republic: Republic, nodes: dict[str, Node], is_apart: bool
) -> None:
    path = f"www/swapped-{is_apart}.bin"
    alice, bob = nodes["alice"].hand, nodes["bob"].hand
    republic.are_races_counted = False  # which of these acts meet is a matter of chance
    alice.do("replace", path, text=f"{path} before")
    seen_everywhere(nodes, path, digest(f"{path} before"))
    if is_apart:
        nodes["bob"].disconnect()
    swaps = [
        act
        for turn in range(scale(10, 100))
        for act in (
            {"do": "delete", "path": path},
            {"do": "replace", "path": f"{path}/inside.bin", "text": f"{path} inside {turn}"},
            {"do": "remove_tree", "path": path},
            {"do": "replace", "path": path, "text": f"{path} outside {turn}"},
        )
    ]
    edits = [{"do": "in_place", "path": path, "text": f"{path} by bob {turn}"} for turn in range(scale(20, 200))]
    begins = time.monotonic() + 0.3
    alice.begin("many", acts=swaps, at=begins)
    bob.begin("many", acts=edits, at=begins)
    alice.finish()
    bob.finish()
    if is_apart:
        nodes["alice"].wait_in_sync()
        nodes["bob"].reconnect()
    republic.check_invariants()
    seen = nodes["carol"].tree()
    republic.lost_races = sum(invariants.is_conflict_copy(name) for name, state in seen.items() if state)
    republic.are_races_counted = True


def test_the_same_name_is_made_twice(republic: Republic, nodes: dict[str, Node]) -> None:
    alice, bob = nodes["alice"].hand, nodes["bob"].hand
    with faults.apart(nodes["alice"]), faults.apart(nodes["bob"]):
        for hand, name in ((alice, "alice"), (bob, "bob")):
            hand.do("replace", "www/twice/same.bin", text="the same at both")
            hand.do("replace", "www/twice/other.bin", text=f"{name} wrote this")
    republic.lost_races += 1
    republic.check_invariants()
    tree = nodes["carol"].tree()
    assert not copies_of(tree, "www/twice/same.bin")
    assert len(copies_of(tree, "www/twice/other.bin")) == 1


def test_a_log_is_appended_to_while_new_versions_arrive(republic: Republic, nodes: dict[str, Node]) -> None:
    alice, bob = nodes["alice"].hand, nodes["bob"].hand
    path, number = "www/log/server.bin", scale(100, 600)
    alice.do("replace", path, text="begin\n")
    seen_everywhere(nodes, path, digest("begin\n"))
    republic.are_races_counted = False
    lines = [f"line {position}\n" for position in range(number)]
    bob.begin("append", path=path, texts=lines, pause=0.02)
    for turn in range(3):
        alice.do("replace", path, text=f"a new version {turn}\n")
        nodes["carol"].hand.see(path, digest(f"a new version {turn}\n"))
    final = bob.finish()
    republic.written[final] = "bob: what was appended"
    republic.settle()
    republic.witness(nodes["carol"])
    there = nodes["carol"].hand.ask("lines", prefix="www/log/")
    missing = {line.strip() for line in lines} - set(there)
    assert not missing, f"{len(missing)} of {number} lines are gone: {sorted(missing)[:5]}"
    republic.check_invariants()
    copies = copies_of(nodes["carol"].tree(), path)
    assert len(copies) == 1
    republic.lost_races += 1
    republic.are_races_counted = True


def test_nobody_ever_reads_half_of_what_an_editor_saves(republic: Republic, nodes: dict[str, Node]) -> None:
    alice, readers = nodes["alice"].hand, [nodes["bob"].hand, nodes["carol"].hand]
    for how in ("save_like_vim", "save_like_emacs", "in_place", "replace"):
        path = f"www/{how}.bin"
        texts = [f"{how} {turn} " + "x" * (turn * 7919 % 200_000) for turn in range(scale(20, 200))]
        alice.do("replace", path, text=texts[0])
        seen_everywhere(nodes, path, digest(texts[0]))
        for reader in readers:
            reader.begin("sample", path=path, last=digest(texts[-1]), seconds=60)
        for text in texts[1:]:
            alice.do(how, path, text=text)
        for reader in readers:
            invariants.never_torn(reader.finish(), republic.written)
        seen_everywhere(nodes, path, digest(texts[-1]))
    republic.check_invariants()


def test_nobody_ever_reads_half_of_what_a_slow_program_writes(republic: Republic, nodes: dict[str, Node]) -> None:
    alice, readers = nodes["alice"].hand, [nodes["bob"].hand, nodes["carol"].hand]
    path = "www/slow.bin"
    alice.do("replace", path, text="whole")
    seen_everywhere(nodes, path, digest("whole"))
    for turn in range(scale(1, 5)):
        pieces = [f"{turn} piece {piece} " + "y" * 5000 for piece in range(10)]
        for reader in readers:
            reader.begin("sample", path=path, last=digest("".join(pieces)), seconds=60)
        alice.do("save_slowly", path, pieces=pieces, seconds=3)
        for reader in readers:
            invariants.never_torn(reader.finish(), republic.written)
        seen_everywhere(nodes, path, digest("".join(pieces)))
    republic.check_invariants()


def latencies(writer: Hand, reader: Hand, path: str, until: Hand) -> list[float]:
    """Edit at one and see it at the other until another hand has finished; return the seconds that each took."""
    taken: list[float] = []
    while not until.is_finished() or len(taken) < 20:
        text = f"{path} {len(taken)}"
        began = time.monotonic()
        writer.do("replace", path, text=text)
        taken.append(reader.see(path, digest(text), 120) - began)
    return taken


def test_thousands_of_files_at_once_while_others_edit(republic: Republic, nodes: dict[str, Node]) -> None:
    number, arriving = scale(2000, 10_000), nodes["carol"].new_hand()
    acts = nodes["alice"].hand.ask("drop", path="www/dropped", number=number, size=2000, seed=9)
    arriving.begin("wait_for_count", path="www/dropped", number=number, seconds=240)
    latencies(nodes["bob"].hand, nodes["carol"].hand, "www/meanwhile.bin", arriving)
    assert arriving.finish() is not None, "all files arrive"
    republic.check_invariants(240)
    tree = nodes["bob"].tree()
    assert all(tree[act["path"]] == act["after"] for act in acts)


@pytest.mark.alone
def test_small_edits_stay_quick_while_a_large_file_travels(republic: Republic, nodes: dict[str, Node]) -> None:
    size, arriving = scale(128, 1024) << 20, nodes["bob"].new_hand()
    large = nodes["alice"].hand.ask("fill", path="www/large.bin", size=size)
    arriving.begin("wait", path="www/large.bin", state=large["after"], seconds=280, size=size)
    taken = latencies(nodes["bob"].hand, nodes["carol"].hand, "www/quick.bin", arriving)
    assert arriving.finish() is not None, "the large file arrives"
    nodes["carol"].hand.see("www/large.bin", large["after"], 240, size)
    assert percentile(taken, 0.95) < 1, f"{len(taken)} edits, the slowest of which took {sorted(taken)[-5:]} s"
    republic.check_invariants(240)
    nodes["alice"].hand.do("delete", "www/large.bin")
    seen_everywhere(nodes, "www/large.bin", None)


def test_files_of_other_times(republic: Republic, nodes: dict[str, Node]) -> None:
    bob = nodes["bob"].hand
    for when in (0, 1, 2**31 - 1, 2**31 + 5, 2**32 + 5, 4_102_444_800, -1, -2_000_000_000):  # seconds since 1970
        path, times = f"www/times/{when}.bin", {when * 10**9}
        bob.do("replace", path, text=f"from {when}")
        bob.ask("set_time", path=path, when=when * 10**9)
        seen_everywhere(nodes, path, digest(f"from {when}"))
        bob.do("in_place", path, text=f"FROM {when}", keep_time=True)
        seen_everywhere(nodes, path, digest(f"FROM {when}"))
        assert {node.hand.ask("times", path=path) for node in nodes.values()} == times
    republic.check_invariants()


_ODD = """
import os, socket
os.makedirs("/srv/fwr/world/www/odd", exist_ok=True)
os.chdir("/srv/fwr/world/www/odd")
os.mkfifo("fifo")
s = socket.socket(socket.AF_UNIX); s.bind("socket"); s.close()
os.symlink("/etc/passwd", "link"); os.symlink("/etc", "directory-link"); os.symlink("nowhere", "dangling"); os.symlink("loop", "loop")
os.makedirs(".git/objects"); open(".git/config", "w").write("x")
open("unreadable", "w").write("x"); os.chmod("unreadable", 0)
os.makedirs("closed"); open("closed/inside", "w").write("x"); os.chmod("closed", 0o600)
os.makedirs("dark"); open("dark/inside", "w").write("x"); os.chmod("dark", 0)
here = os.getcwd()
for number in range(16):
    os.mkdir("d" * 200); os.chdir("d" * 200)
open("too-deep", "w").write("x")
"""
_EVEN = """
import os, shutil
os.chdir("/srv/fwr/world/www/odd")
for name in ("unreadable", "closed", "dark"):
    os.chmod(name, 0o755)
os.chdir("..")
shutil.rmtree("odd")
"""


def test_what_can_not_travel_is_reported_and_stops_nothing(republic: Republic, nodes: dict[str, Node]) -> None:
    alice, carol = nodes["alice"], nodes["carol"]
    alice.hand.do("replace", "www/odd/before.bin", text="before the odd ones")
    alice.python(_ODD)
    faults.make_device(alice, "www/odd/device")
    alice.hand.do("replace", "www/odd/after.bin", text="after the odd ones")
    carol.hand.see("www/odd/after.bin", digest("after the odd ones"))
    odd = {"fifo", "socket", "link", "directory-link", "dangling", "loop", ".git", "unreadable", "closed", "dark", "device"}

    def reported() -> set[str]:
        return {str(item["path"]) for item in alice.status()["refused"]}

    wait_until(lambda: {f"www/odd/{name}" for name in odd} <= reported(), f"all are reported, beside {reported()}")
    wait_until(lambda: any(path.count("d" * 200) > 10 for path in reported()), "what lies too deep is reported as well")
    paths = [str(item["path"]) for item in alice.status()["refused"]]
    assert len(paths) == len(set(paths)), "each is reported once"
    assert not any(node.status()["refused"] for node in nodes.values() if node is not alice), "and where it is only"
    there, even = carol.tree(), {"www/odd/before.bin", "www/odd/after.bin"}
    deep = {path for path in there if path.startswith("www/odd/dd") and not there[path]}
    # a directory that nobody can look into travels without what is in it
    assert {path for path in there if path.startswith("www/odd/")} - {"www/odd/closed", "www/odd/dark"} <= deep | even
    alice.hand.do("in_place", "www/odd/after.bin", text="everything else goes on")
    carol.hand.see("www/odd/after.bin", digest("everything else goes on"))
    for path in sorted(even):
        alice.hand.do("delete", path)
    alice.python(_EVEN)
    wait_until(lambda: not reported(), f"nothing is reported any more, but {reported()}")
    seen_everywhere(nodes, "www/odd", None)
    republic.check_invariants()


def test_who_removes_everything_is_held_until_somebody_decides(republic: Republic, nodes: dict[str, Node]) -> None:
    alice, bob = nodes["alice"], nodes["bob"]
    before = {path: state for path, state in alice.tree().items() if not path.startswith(".fwr/")}  # the server goes on writing there

    def everybody_else_has(tree: dict[str, str]) -> bool:
        return all(tree.items() <= node.tree().items() for node in nodes.values() if node is not bob)

    def is_held() -> bool:
        listed = {item["citizen"]: item["held"] for item in nodes["server"].status()["connections"]}
        return bool(bob.status()["state"] == "held" and listed["bob"])

    bob.docker("exec", "-u", "2011", f"{bob.project}-web", "sh", "-c", "rm -rf /srv/fwr/world/*")  # as a shell takes it: not .fwr
    wait_until(is_held, "bob and the server say that bob is held")
    bob.hand.do("replace", "www/in-spite.bin", text="bob goes on")
    alice.hand.do("replace", "www/meanwhile.bin", text="alice goes on")
    nodes["carol"].hand.see("www/meanwhile.bin", digest("alice goes on"))
    before["www/meanwhile.bin"] = digest("alice goes on")
    wait_until(lambda: everybody_else_has(before), "what had gone before it was noticed is back")
    republic.fwrkit("reject", "bob")
    wait_until(lambda: before.items() <= bob.tree().items(), "bob has everything again", 60)
    republic.check_invariants()
    for site in ("www", "www_tourist"):
        bob.hand.ask("remove_tree", path=site)
    wait_until(is_held, "bob is held again")
    assert bob.tree() != alice.tree()
    alice.hand.do("replace", "www/meanwhile.bin", text="alice has changed it")
    wait_until(
        lambda: everybody_else_has({**before, "www/meanwhile.bin": digest("alice has changed it")}), "and everybody keeps everything"
    )
    republic.fwrkit("approve", "bob")
    wait_until(lambda: "www/index.html" not in nodes["carol"].tree(), "it is gone everywhere", 60)
    republic.lost_races = 0  # conflict copies are gone with the rest
    republic.check_invariants()
    assert {path for path, state in alice.tree().items() if state and not path.startswith(".fwr/")} == {"www/meanwhile.bin"}
