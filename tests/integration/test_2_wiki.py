"""Scenario 2: a page saved in the wiki's own form at one citizen's web server is shown by the others', with its history, author and date."""

from __future__ import annotations

import re
import time
from collections import Counter

import pytest

from tests.integration.republic import Node, Republic, digest, wait_until
from tests.web.browser import Form, Wiki

PROMPT = 5.0  # seconds after which an edit has to be everywhere
RECENT = "www/data/meta/_dokuwiki.changes"


@pytest.fixture(scope="module")
def nodes(republic: Republic) -> dict[str, Node]:
    republic.up_server("--template", "dokuwiki")
    for name in ("alice", "bob", "carol"):
        republic.join(name)
    republic.settle()
    return republic.nodes


def shows(wiki: Wiki, page: str, *words: str, **parameters: str) -> bool:
    """Say whether a page of a wiki shows all of some words."""
    text = wiki.show(page, **parameters).text
    return all(word in text for word in words)


def author_of(text: str) -> str:
    """Return the author that a page's last line names."""
    found = re.search(r'class="docInfo">.*?by <bdi>([^<]*)</bdi>', text, re.DOTALL)
    return found[1] if found else ""


def lines_of(node: Node, path: str) -> list[str]:
    """Return the lines of a log."""
    return node.read(path).decode().splitlines()


def test_a_page_is_shown_by_all_with_history_author_and_date(republic: Republic, nodes: dict[str, Node]) -> None:
    others = {name: nodes[name].wiki() for name in ("bob", "carol")}
    for wiki in others.values():
        assert "does not exist" in wiki.show("news:first").text
    nodes["alice"].wiki().save("news:first", "====== News ======\n\nalice was here", "why she wrote it")
    for name, wiki in others.items():
        wait_until(lambda wiki=wiki: shows(wiki, "news:first", "alice was here"), f"{name} shows the page", PROMPT)  # type: ignore[misc]
    republic.settle()
    republic.witness(nodes["alice"])
    when = int(lines_of(nodes["alice"], "www/data/meta/news/first.changes")[0].split("\t")[0])
    for name, wiki in others.items():
        page = wiki.show("news:first").text
        assert author_of(page) == "alice", name
        assert time.strftime("%Y-%m-%d %H:%M", time.gmtime(when)) in page
        history = wiki.show("news:first", do="revisions").text
        assert "why she wrote it" in history
        assert "external edit" not in history.lower()
        assert shows(wiki, "start", "news:first", do="recent")
    republic.check_invariants()


def test_what_is_published_is_public_and_the_rest_is_not(republic: Republic, nodes: dict[str, Node]) -> None:
    public = nodes["server"].wiki("/fwr_tour/")
    nodes["bob"].wiki("/fwr_tour/").save("open:page", "everybody may read this")
    wait_until(lambda: shows(public, "open:page", "everybody may read this"), "the public sees it", PROMPT)
    assert "do[save]" in nodes["bob"].wiki("/fwr_tour/").show("open:page", do="edit").text
    assert "do[save]" not in public.show("open:page", do="edit").text
    assert nodes["server"].wiki().show("news:first").status == 403
    republic.settle()
    republic.witness(nodes["bob"])
    republic.check_invariants()


def test_an_edit_of_an_edit_and_a_deletion(republic: Republic, nodes: dict[str, Node]) -> None:
    wikis = {name: nodes[name].wiki() for name in ("alice", "bob", "carol")}
    for number, name in enumerate(("alice", "bob", "carol", "alice")):
        wait_until(lambda name=name, number=number: number == 0 or shows(wikis[name], "talk", f"version {number - 1} "), name, PROMPT)  # type: ignore[misc]
        let_a_second_pass()
        wikis[name].save("talk", f"version {number} by {name}")
        republic.settle()
        republic.witness(nodes[name])
    assert [line.split("\t")[4] for line in lines_of(nodes["carol"], "www/data/meta/talk.changes")] == ["alice", "bob", "carol", "alice"]
    for wiki in wikis.values():
        history = wiki.show("talk", do="revisions").text
        assert all(f"<bdi>{name}</bdi>" in history for name in wikis)
        assert author_of(wiki.show("talk").text) == "alice"
    let_a_second_pass()
    wikis["bob"].save("talk", "")  # DokuWiki's way to delete
    for name in ("alice", "carol"):
        wait_until(lambda name=name: shows(wikis[name], "talk", "does not exist"), f"{name} has it no more", PROMPT)  # type: ignore[misc]
    republic.settle()
    republic.witness(nodes["bob"])
    republic.deleted.add("www/data/pages/talk.txt")
    republic.check_invariants()


def let_a_second_pass() -> None:
    """The engine tells versions of a page apart by the second in which they were saved."""
    time.sleep(1.1)


def test_different_pages_saved_while_apart_are_no_conflict(republic: Republic, nodes: dict[str, Node]) -> None:
    before = lines_of(nodes["carol"], RECENT)
    with nodes["bob"].cut():
        nodes["bob"].wiki().save("apart:bobs", "bob, on a train")
        nodes["alice"].wiki().save("apart:alices", "alice, at home")
        nodes["alice"].wait_in_sync()
        wait_until(lambda: nodes["bob"].status()["pending"] > 0, "bob knows that something waits")
        republic.witness(nodes["alice"], nodes["bob"])
        logs = [lines_of(nodes[name], RECENT) for name in ("alice", "bob")]
    republic.settle()
    for name in ("alice", "bob", "carol"):
        wiki = nodes[name].wiki()
        assert shows(wiki, "apart:bobs", "bob, on a train")
        assert shows(wiki, "apart:alices", "alice, at home")
        assert shows(wiki, "start", "apart:bobs", "apart:alices", do="recent")
    merged = lines_of(nodes["carol"], RECENT)
    assert Counter(merged) == Counter(before) + (Counter(logs[0]) - Counter(before)) + (Counter(logs[1]) - Counter(before))
    assert merged == sorted(merged, key=lambda line: int(line.split("\t")[0]))
    republic.written[digest(nodes["carol"].read(RECENT))] = "the union of what alice and bob have logged"
    republic.check_invariants()


def test_the_same_page_saved_while_apart_is_there_twice(republic: Republic, nodes: dict[str, Node]) -> None:
    nodes["alice"].wiki().save("contested", "the first version")
    republic.settle()
    republic.witness(nodes["alice"])
    let_a_second_pass()
    with nodes["bob"].cut():
        nodes["bob"].wiki().save("contested", "what bob thinks")
        let_a_second_pass()
        nodes["alice"].wiki().save("contested", "what alice thinks")
        nodes["alice"].wait_in_sync()
        republic.witness(nodes["alice"], nodes["bob"])
    republic.lost_races += 1
    republic.settle()
    for log in (RECENT, "www/data/meta/contested.changes"):
        republic.written[digest(nodes["carol"].read(log))] = "a union"
    assert [line.split("\t")[4] for line in lines_of(nodes["carol"], "www/data/meta/contested.changes")] == ["alice", "bob", "alice"]
    republic.check_invariants()
    carol = nodes["carol"].wiki()
    assert shows(carol, "contested", "what alice thinks")
    copy = next(path for path in nodes["carol"].tree() if "contested (conflict bob " in path)
    assert nodes["carol"].read(copy).decode() == "what bob thinks"
    # in the wiki's own history bob's version is one of the page's
    rev = lines_of(nodes["carol"], "www/data/meta/contested.changes")[1].split("\t")[0]
    assert shows(carol, "contested", "what bob thinks", rev=rev)


def test_a_page_of_which_two_changed_different_lines_is_one_page(republic: Republic, nodes: dict[str, Node]) -> None:
    paragraphs = ["the first paragraph", "", "the second paragraph", "", "the third paragraph"]
    nodes["alice"].wiki().save("shared", "\n".join(paragraphs))
    republic.settle()
    republic.witness(nodes["alice"])
    let_a_second_pass()
    with nodes["bob"].cut():
        nodes["bob"].wiki().save("shared", "\n".join([*paragraphs[:4], "the third paragraph, by bob"]))
        let_a_second_pass()
        nodes["alice"].wiki().save("shared", "\n".join(["the first paragraph, by alice", *paragraphs[1:]]))
        nodes["alice"].wait_in_sync()
        republic.witness(nodes["alice"], nodes["bob"])
    republic.settle()
    republic.witness(nodes["carol"])
    for name in ("alice", "bob", "carol"):
        assert shows(nodes[name].wiki(), "shared", "the first paragraph, by alice", "the third paragraph, by bob")
        assert not any("shared (conflict" in path for path in nodes[name].tree())
    # the wiki does not take the merge for what one of them saved: the next who saves finds it in the page's old versions
    let_a_second_pass()
    nodes["carol"].wiki().save("shared", "carol starts anew")
    republic.settle()
    republic.witness(nodes["carol"])
    log = lines_of(nodes["alice"], "www/data/meta/shared.changes")
    revisions = [line.split("\t")[0] for line in log]
    assert any(shows(nodes["alice"].wiki(), "shared", "by alice", "by bob", rev=rev) for rev in revisions), log
    republic.check_invariants()


def test_media_travel(republic: Republic, nodes: dict[str, Node]) -> None:
    alice = nodes["alice"].wiki()
    picture = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x01\x02\x03\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
    address = "/fwr/lib/exe/mediamanager.php"
    fields = Form(alice.browser.get(f"{address}?ns=").text, "dw__upload").fields
    answer = alice.browser.upload(address, {**fields, "mediaid": "dot.gif"}, "upload", "dot.gif", picture)
    assert answer.status == 200

    def is_there(node: Node) -> bool:
        answer = node.wiki().browser.get("/fwr/lib/exe/fetch.php?media=dot.gif")
        return answer.status == 200 and answer.body == picture

    for name in ("alice", "bob", "carol"):
        wait_until(lambda name=name: is_there(nodes[name]), f"{name} shows the picture", PROMPT)  # type: ignore[misc]
    republic.settle()
    republic.witness(nodes["alice"])
    republic.check_invariants()


def test_reading_changes_nothing_anywhere(republic: Republic, nodes: dict[str, Node]) -> None:
    republic.settle()
    trees = {name: node.tree() for name, node in nodes.items()}
    versions = nodes["server"].history()["versions"]
    views: tuple[dict[str, str], ...] = (
        {}, {"do": "revisions"}, {"do": "recent"}, {"do": "index"}, {"do": "diff"}, {"do": "media"}, {"do": "search", "q": "alice"}, {"do": "edit"},
    )  # fmt: skip
    for name, node in nodes.items():
        for path in ("/fwr_tour/",) if name == "server" else ("/fwr/", "/fwr_tour/"):
            wiki = node.wiki(path)
            for page in ("start", "news:first", "talk", "contested", "open:page"):
                for view in views:
                    assert wiki.show(page, **view).status < 500, (name, page, view)
                wiki.browser.get(f"{path}lib/exe/taskrunner.php?id={page}")
    republic.settle()
    assert {name: node.tree() for name, node in nodes.items()} == trees
    assert nodes["server"].history()["versions"] == versions
    republic.check_invariants()


def test_every_page_says_how_its_node_is(nodes: dict[str, Node]) -> None:
    def footer(node: Node) -> str:
        return node.wiki().browser.get("/fwr-status.json").text

    assert "src=/fwr-footer/" in nodes["bob"].wiki().show("start").text
    wait_until(lambda: '"state": "in sync"' in footer(nodes["bob"]), "bob is in sync")
    with nodes["bob"].cut():
        wait_until(lambda: '"state": "offline"' in footer(nodes["bob"]), "bob's pages say that he is alone", 20)
    wait_until(lambda: '"state": "in sync"' in footer(nodes["bob"]), "and that he is not any more", 20)
