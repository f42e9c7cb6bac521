"""Scenario 2, together: citizens who edit one page at once lose nothing, and everybody who wrote is named (F1, F2, F33 of the field cases)."""

from __future__ import annotations

import threading

import pytest

from tests.integration.republic import Node, Republic, wait_until
from tests.web.browser import Form, Wiki

LINES = [f"line {number}" for number in range(1, 10)]
PAGE = "www/data/pages/together.txt"


@pytest.fixture(scope="module")
def nodes(republic: Republic) -> dict[str, Node]:
    republic.up_server("--template", "dokuwiki")
    for name in ("alice", "bob"):
        republic.join(name)
    republic.settle()
    return republic.nodes


def lines_of(node: Node) -> list[str]:
    return node.read(PAGE).decode().rstrip("\n").split("\n")


def send(wiki: Wiki, form: Form, lines: list[str], replies: list[str]) -> None:
    replies.append(wiki.browser.post(form.action, {**form.fields, "wikitext": "\n".join(lines) + "\n", "do[save]": "1"}).text)


def open_form(wiki: Wiki) -> Form:
    return Form(wiki.show("together", do="edit").text, "dw__editform")


def test_field_f01_a_form_that_was_open_while_an_edit_arrived_keeps_both(republic: Republic, nodes: dict[str, Node]) -> None:
    alice, bob = nodes["alice"].wiki(), nodes["bob"].wiki()
    alice.save("together", "\n".join(LINES) + "\n")
    alice.save("together", "\n".join([*LINES[:4], "saved twice", *LINES[5:]]) + "\n")
    republic.settle()
    form = open_form(alice)
    bob.save("together", "\n".join([*LINES[:4], "saved twice", *LINES[5:8], "of bob"]) + "\n")
    wait_until(lambda: lines_of(nodes["alice"])[8] == "of bob", "bob's edit is at alice's", 20)
    send(alice, form, ["of alice", *LINES[1:4], "saved twice", *LINES[5:]], [])
    republic.settle()
    for node in nodes.values():
        assert lines_of(node) == ["of alice", *LINES[1:4], "saved twice", *LINES[5:8], "of bob"]
    history = bob.show("together", do="revisions").text
    assert "merged with the edit of bob" in history
    assert "external edit" not in history.lower()


def test_field_f02_of_edits_in_the_same_second_none_is_lost(republic: Republic, nodes: dict[str, Node]) -> None:
    wikis = {"alice": nodes["alice"].wiki(), "bob": nodes["bob"].wiki()}
    for turn in range(5):
        now = lines_of(nodes["alice"])
        assert lines_of(nodes["bob"]) == now
        texts = {"alice": [f"alice {turn}", *now[1:]], "bob": [*now[:8], f"bob {turn}"]}
        forms = {name: open_form(wiki) for name, wiki in wikis.items()}
        replies: list[str] = []
        threads = [threading.Thread(target=send, args=(wikis[name], forms[name], texts[name], replies)) for name in wikis]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not any("A newer version" in reply for reply in replies), "different lines are no conflict"
        republic.settle()
        for name, node in nodes.items():
            lines = lines_of(node)
            assert (lines[0], lines[8]) == (f"alice {turn}", f"bob {turn}"), (turn, name)
    assert not [path for path in nodes["alice"].tree() if "pages/together (conflict" in path]
    assert republic.json("conflicts", "alice") == [], "what no person wrote is nothing to decide about"


def test_field_f33_whatever_was_merged_names_its_authors(republic: Republic, nodes: dict[str, Node]) -> None:
    for name in ("alice", "bob"):
        history = nodes[name].wiki().show("together", do="revisions").text
        assert "external edit" not in history.lower(), name
        assert "127.0.0.1" not in history, name
    # and what the fold merges of edits that were made apart
    with nodes["bob"].cut():
        now = lines_of(nodes["bob"])
        send(nodes["bob"].wiki(), open_form(nodes["bob"].wiki()), [*now[:8], "bob, on a train"], [])
        send(nodes["alice"].wiki(), open_form(nodes["alice"].wiki()), ["alice, at home", *now[1:]], [])
        nodes["alice"].wait_in_sync()
    republic.settle()
    for name in ("alice", "bob"):
        assert (lines_of(nodes[name])[0], lines_of(nodes[name])[8]) == ("alice, at home", "bob, on a train")
        history = nodes[name].wiki().show("together", do="revisions").text
        assert "the edits of" in history
        assert "merged" in history
        assert "external edit" not in history.lower(), name
        assert "127.0.0.1" not in history, name
