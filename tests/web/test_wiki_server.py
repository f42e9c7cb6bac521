"""DokuWiki on a server: everybody reads the public wiki, on a world that nothing there can write."""

from __future__ import annotations

import time

import pytest

from tests.web.browser import Wiki
from tests.web.node import Node


@pytest.fixture(params=["/", "/fwr_tour/"])
def wiki(wiki_server: Node, request: pytest.FixtureRequest) -> Wiki:
    return Wiki(wiki_server, str(request.param))


def test_tourists_read(wiki: Wiki) -> None:
    assert "You are a" in wiki.browser.get(wiki.path).text
    page = wiki.show("open")
    assert page.status == 200
    assert "for everybody" in page.text


def test_tourists_are_nobody_and_get_no_cookie(wiki: Wiki) -> None:
    page = wiki.show("open")
    assert "set-cookie" not in page.headers
    assert "Logged in as" not in page.text
    assert "Writing" not in page.text
    for action in ("login", "register", "profile", "resendpwd", "admin", "subscribe", "draft", "revert"):
        text = wiki.show("open", do=action).text
        assert 'type="password"' not in text
        assert "Configuration Settings" not in text


def test_tourists_see_the_source_and_no_form(wiki: Wiki) -> None:
    page = wiki.show("open", do="edit").text
    assert "for everybody" in page
    assert "do[save]" not in page


def test_nothing_can_be_saved(wiki: Wiki, wiki_server: Node) -> None:
    before = wiki_server.world()
    for fields in (
        {"id": "open", "do[save]": "1", "wikitext": "forged"},
        {"id": "new", "do": "save", "wikitext": "forged", "prefix": ".", "suffix": ""},
        {"id": "open", "do": "draftdel"},
        {"id": "open", "do": "admin", "page": "config", "save": "1"},
    ):
        answer = wiki.browser.post(f"{wiki.path}doku.php", fields)
        assert "forged" not in wiki.show(fields["id"]).text
        assert answer.status in (200, 403)
    wiki.browser.upload(f"{wiki.path}lib/exe/mediamanager.php", {"ns": "", "id": "x.png"}, "upload", "x.png", b"\x89PNG")
    assert wiki_server.world() == before


def test_reading_works_without_any_place_to_write_in_the_world(wiki: Wiki, wiki_server: Node) -> None:
    views = [
        {},
        {"do": "revisions"},
        {"do": "recent"},
        {"do": "index"},
        {"do": "media"},
        {"do": "backlink"},
        {"do": "search", "q": "everybody"},
    ]
    for view in views:
        answer = wiki.show("open", **view)
        assert answer.status == 200
        assert "failed" not in answer.text
        assert "Error" not in answer.text
    for path in (
        "feed.php",
        "lib/exe/css.php",
        "lib/exe/js.php",
        "lib/exe/taskrunner.php?id=open",
        "lib/exe/fetch.php?media=wiki:logo.svg",
    ):
        assert wiki.browser.get(wiki.path + path).status == 200


def test_a_version_that_arrives_is_shown_with_its_author(wiki: Wiki, wiki_server: Node) -> None:
    page = f"arrival{len(wiki.path)}"
    for number, author in ((1, "bob"), (2, "carol")):
        when = int(time.time()) - 5000 + number
        known = wiki_server.sh(f"cat /srv/fwr/world/www_tourist/data/meta/{page}.changes 2>/dev/null || true")
        line = f"{when}\t10.0.0.1\tE\t{page}\t{author}\t\t\t9\n"
        wiki_server.put(f"www_tourist/data/meta/{page}.changes", (known + "\n" if known else "") + line, when)
        wiki_server.put(f"www_tourist/data/pages/{page}.txt", f"version {number}", when)
        for _ in range(2):
            text = wiki.show(page).text
            assert f"version {number}" in text
            assert f"<bdi>{author}</bdi>" in text


def test_the_worlds_rules_can_hide_pages_and_never_allow_more(wiki: Wiki, wiki_server: Node) -> None:
    rules = "www_tourist/conf/acl.auth.php"
    known = wiki_server.read(rules)
    wiki_server.put("www_tourist/data/pages/private/page.txt", "behind the curtain")
    wiki_server.put(rules, "*\t@ALL\t16\nprivate:*\t@ALL\t0\n")
    hidden, open_page = wiki.show("private:page"), wiki.show("open", do="edit")
    wiki_server.put(rules, known)
    assert "behind the curtain" not in hidden.text
    assert "do[save]" not in open_page.text


def test_forged_hosts_and_proxies_change_nothing(wiki: Wiki, wiki_server: Node) -> None:
    plain = wiki_server.get(f"{wiki.path}doku.php?id=open")
    for headers in ({"X_Forwarded_Host": "evil.example"}, {"X_Forwarded_Proto": "https"}, {"X_Forwarded_For": "127.0.0.1"}):
        assert "evil.example" not in wiki_server.get(f"{wiki.path}doku.php?id=open", **headers).text
    wiki_server.get(f"{wiki.path}doku.php?id=open", Host="evil.example")
    again = wiki_server.get(f"{wiki.path}doku.php?id=open")
    assert "evil.example" not in again.text
    assert plain.status == again.status == 200


def test_the_logs_are_quiet(wiki_server: Node) -> None:
    assert not [line for line in wiki_server.errors() if "AH" not in line and "not found or unable to stat" not in line]
