"""DokuWiki on a client: two wikis without an installer and without passwords; what arrives from elsewhere is shown as what it is."""

from __future__ import annotations

import base64
import gzip
import time
from collections.abc import Callable

import pytest

from tests.web.browser import Form, Wiki
from tests.web.conftest import Start
from tests.web.node import Node

DAY = 86400


@pytest.fixture
def citizens(wiki_client: Node) -> Wiki:
    return Wiki(wiki_client)


@pytest.fixture
def tourists(wiki_client: Node) -> Wiki:
    return Wiki(wiki_client, "/fwr_tour/")


def shown_date(when: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(when))


def let_a_second_pass() -> None:
    """The engine counts in seconds: within one, it trusts no cache anyhow."""
    time.sleep(1.1)


def tend(node: Node, seconds: int, is_done: Callable[[], bool]) -> bool:
    """Have the wikis tended for some seconds, on a slow machine for some times as long; say whether something came of it."""
    for _ in range(5):
        node.inside(f"timeout {seconds} /usr/lib/fwrkit/tend-wiki /var/cache/fwrkit 1 || true")
        if is_done():
            return True
    return False


def receive(node: Node, page: str, text: str, author: str, when: int, kind: str = "E", site: str = "www") -> None:
    """Place a version of a page as the agent delivers it: changes, old version, page, with the time that it was written at."""
    data, name = f"{site}/data", page.replace(":", "/")
    line = f"{when}\t10.0.0.1\t{kind}\t{page}\t{author}\twritten elsewhere\t\t{len(text)}\n"
    for log in (f"{name}.changes", "_dokuwiki.changes"):
        known = node.sh(f"cat /srv/fwr/world/{data}/meta/{log} 2>/dev/null || true")
        node.put(f"{data}/meta/{log}", (known + "\n" if known else "") + line, when)
    node.put(f"{data}/attic/{name}.{when}.txt.gz", gzip.compress(text.encode(), mtime=0), when)
    node.put(f"{data}/pages/{name}.txt", text, when)


def test_a_new_world_greets_without_an_installer(citizens: Wiki, tourists: Wiki) -> None:
    for wiki, word in ((citizens, "belongs to nobody alone"), (tourists, "You are a")):
        answer = wiki.browser.get(wiki.path)
        assert answer.status == 200
        assert word in answer.text
        assert "2026-11-24 12:00" in answer.text  # the first pages are no edits from outside
        assert "fwrkit" in answer.text
        assert "external edit" not in wiki.show("start", do="revisions").text


def test_one_is_the_nodes_citizen_with_full_rights(citizens: Wiki, tourists: Wiki) -> None:
    for wiki in (citizens, tourists):
        page = wiki.show("start").text
        assert "Logged in as" in page
        assert "alice" in page
        assert "do=login" not in page
        assert 'name="p"' not in wiki.show("start", do="login").text
        assert "Configuration Settings" in wiki.show("start", do="admin").text
        assert 'type="password"' not in wiki.show("start", do="register").text


def test_a_page_saved_by_its_form_is_a_file_with_history(wiki_client: Node, citizens: Wiki) -> None:
    began = int(time.time())
    assert "Hello from the form" in citizens.save("saved:page", "====== T ======\n\nHello from the form", "a reason").text
    assert "Hello from the form" in wiki_client.read("www/data/pages/saved/page.txt")
    line = wiki_client.read("www/data/meta/saved/page.changes").split("\t")
    assert (line[2:6], began <= int(line[0]) <= time.time()) == (["C", "saved:page", "alice", "a reason"], True)
    assert "saved:page" in wiki_client.read("www/data/meta/_dokuwiki.changes")
    kept = wiki_client.sh(f"base64 --wrap 0 /srv/fwr/world/www/data/attic/saved/page.{line[0]}.txt.gz")
    assert b"Hello" in gzip.decompress(base64.b64decode(kept))
    assert "a reason" in citizens.show("saved:page", do="revisions").text
    assert "saved:page" in citizens.show("start", do="recent").text


def test_a_form_without_its_token_saves_nothing(wiki_client: Node, citizens: Wiki) -> None:
    form = Form(citizens.show("no:token", do="edit").text, "dw__editform")
    fields = {**form.fields, "wikitext": "forged", "do[save]": "1", "sectok": "0" * 32}
    citizens.browser.post(form.action, fields)
    assert "no/token" not in wiki_client.world()


def test_the_two_wikis_know_nothing_of_each_other(wiki_client: Node, citizens: Wiki, tourists: Wiki) -> None:
    citizens.save("only:citizens", "This is only in the citizens' wiki.")
    tourists.save("only:tourists", "This is only in the public wiki.")
    assert "does not exist" in tourists.show("only:citizens").text
    assert "does not exist" in citizens.show("only:tourists").text
    for name in ("animal", "FWRKIT_SITE"):
        assert "does not exist" in tourists.show("only:citizens", **{name: "www"}).text
    world = wiki_client.world()
    assert "www/data/pages/only/citizens.txt" in world
    assert "www_tourist/data/pages/only/tourists.txt" in world
    assert "www_tourist/data/pages/only/citizens.txt" not in world


VIEWS = [
    {}, {"do": "revisions"}, {"do": "recent"}, {"do": "index"}, {"do": "media"}, {"do": "backlink"}, {"do": "diff"}, {"do": "search", "q": "citizen"},
    {"do": "edit"}, {"do": "export_xhtml"}, {"do": "export_raw"}, {"do": "admin"}, {"do": "admin", "page": "config"}, {"do": "admin", "page": "acl"},
    {"do": "source"}, {"do": "check"}, {"purge": "true"}, {"do": "admin", "page": "styling"}, {"do": "admin", "page": "revert"},
]  # fmt: skip
FILES = [
    "feed.php", "lib/exe/css.php?t=dokuwiki", "lib/exe/js.php?t=dokuwiki", "lib/exe/taskrunner.php?id=start", "lib/exe/fetch.php?media=wiki:logo.svg",
    "lib/exe/mediamanager.php", "lib/exe/opensearch.php", "lib/exe/manifest.php", "lib/exe/detail.php?media=wiki:dokuwiki-128.png",
    "lib/exe/fetch.php?media=wiki:dokuwiki-128.png", "lib/exe/ajax.php?call=index&idx=wiki", "lib/exe/jquery.php",
]  # fmt: skip


def test_reading_changes_nothing_in_the_world(wiki_client: Node, citizens: Wiki, tourists: Wiki) -> None:
    citizens.save("read:one", "[[read:two]] {{wiki:dokuwiki-128.png?20}}")
    receive(wiki_client, "read:two", "from bob", "bob", int(time.time()) - 3 * DAY, "C")
    wiki_client.put("www/data/pages/read/three.txt", "written with an editor, no changes known")
    wiki_client.put("www/data/pages/read/four.txt", "older than its changes", int(time.time()) - 9 * DAY)
    wiki_client.put("www/data/meta/read/four.changes", f"{int(time.time()) - 8 * DAY}\t10.0.0.1\tC\tread:four\tbob\t\t\t5\n")
    before = wiki_client.world()
    for wiki in (citizens, tourists):
        for page in ("start", "read:one", "read:two", "read:three", "read:four", "wiki:syntax", "nothing:here"):
            for view in VIEWS:
                assert wiki.show(page, **view).status in (200, 404), (page, view)
            assert wiki.browser.get(f"{wiki.path}lib/exe/taskrunner.php?id={page}").status == 200
        for file in FILES:
            assert wiki.browser.get(wiki.path + file).status in (200, 404), file
    assert wiki_client.world() == before


def test_nobody_reading_trims_the_recent_changes(wiki_client: Node, tourists: Wiki) -> None:
    old = "".join(f"{1_500_000_000 + number}\t10.0.0.1\tC\told:page{number}\tbob\t\t\t5\n" for number in range(400))
    known = wiki_client.read("www_tourist/data/meta/_dokuwiki.changes")
    wiki_client.put("www_tourist/data/meta/_dokuwiki.changes", old + known + "\n", int(time.time()) - 2 * DAY)
    before = wiki_client.world()
    for _ in range(3):
        tourists.browser.get("/fwr_tour/lib/exe/taskrunner.php?id=start")
    assert wiki_client.world() == before


def test_who_saves_keeps_the_recent_changes_small(wiki_client: Node, tourists: Wiki) -> None:
    old = "".join(f"{1_500_000_000 + number}\t10.0.0.1\tC\told:page{number}\tbob\t\t\t5\n" for number in range(4000))
    wiki_client.put("www_tourist/data/meta/_dokuwiki.changes", old)
    tourists.save("trim:now", "a save")
    lines = wiki_client.read("www_tourist/data/meta/_dokuwiki.changes").splitlines()
    assert 1000 < len(lines) < 3000
    assert lines[-2].split("\t")[3] == "old:page3999"
    assert lines[-1].split("\t")[3] == "trim:now"


def test_a_page_from_elsewhere_shows_its_author_and_date(wiki_client: Node, citizens: Wiki) -> None:
    when = int(time.time()) - 2 * DAY
    receive(wiki_client, "news:arrived", "====== News ======\n\nbob wrote this", "bob", when, "C")
    page = citizens.show("news:arrived").text
    assert "bob wrote this" in page
    assert "<bdi>bob</bdi>" in page
    assert shown_date(when) in page
    history = citizens.show("news:arrived", do="revisions").text
    assert "written elsewhere" in history
    assert "external edit" not in history
    # and saving it anew adds one line, not an "external edit" before it
    citizens.save("news:arrived", "alice changed this")
    changes = [line.split("\t") for line in wiki_client.read("www/data/meta/news/arrived.changes").splitlines()]
    assert [(line[2], line[4]) for line in changes] == [("C", "bob"), ("E", "alice")]


def test_a_newer_version_is_shown_at_once_although_its_time_is_past(wiki_client: Node, citizens: Wiki) -> None:
    """The other citizen saved it while apart, before this machine's engine put the older version into its caches."""
    now = int(time.time())
    receive(wiki_client, "late:page", "the first version", "bob", now - 3000, "C")
    assert "the first version" in citizens.show("late:page").text
    for number, author in enumerate(("carol", "dave", "bob")):
        for _ in range(2):
            citizens.show("late:page")
        receive(wiki_client, "late:page", f"version {number} of {author}", author, now - 2000 + number)
        page = citizens.show("late:page").text
        assert f"version {number} of {author}" in page
        assert f"<bdi>{author}</bdi>" in page
        assert shown_date(now - 2000 + number) in page


def test_a_page_whose_changes_come_later_gets_its_author_then(wiki_client: Node, citizens: Wiki) -> None:
    when = int(time.time()) - 500
    wiki_client.put("www/data/pages/half/way.txt", "half way", when)
    assert "half way" in citizens.show("half:way").text
    wiki_client.put("www/data/meta/half/way.changes", f"{when}\t10.0.0.1\tC\thalf:way\tbob\t\t\t8\n", when)
    assert "<bdi>bob</bdi>" in citizens.show("half:way").text


def test_links_know_of_pages_that_come_and_go(wiki_client: Node, citizens: Wiki) -> None:
    citizens.save("links:from", "[[links:to]]")
    let_a_second_pass()
    assert 'class="wikilink2" title="links:to"' in citizens.show("links:from").text
    receive(wiki_client, "links:to", "here I am", "bob", int(time.time()) - DAY, "C")
    assert 'class="wikilink1" title="links:to"' in citizens.show("links:from").text
    wiki_client.sh("rm /srv/fwr/world/www/data/pages/links/to.txt")
    assert 'class="wikilink2" title="links:to"' in citizens.show("links:from").text
    assert "does not exist" in citizens.show("links:to").text


def test_settings_arrive_but_not_those_that_keep_the_wiki_apart(wiki_client: Node, tourists: Wiki) -> None:
    conf = "www_tourist/conf/local.php"
    known = wiki_client.read(conf)
    wiki_client.put(conf, known + "\n$conf['title'] = 'A new title';\n$conf['authtype'] = 'authplain';\n$conf['savedir'] = '/srv/fwr/world/www/data';\n"
                    "$conf['datadir'] = '/srv/fwr/world/www/data/pages';\n$conf['superuser'] = '@ALL';\n", int(time.time()) - DAY)  # fmt: skip
    page = tourists.show("start").text
    wiki_client.put(conf, known)
    assert "A new title" in page
    assert "Logged in as" in page
    assert "does not exist" in tourists.show("wiki:syntax").text


def test_an_uploaded_picture_is_a_file_with_history(wiki_client: Node, citizens: Wiki) -> None:
    picture = b"\x89PNG\r\n\x1a\n" + b"\0" * 64
    page = citizens.browser.get("/fwr/lib/exe/mediamanager.php?ns=pics").text
    fields = Form(page, "dw__upload").fields
    answer = citizens.browser.upload("/fwr/lib/exe/mediamanager.php", {**fields, "mediaid": "up.png"}, "upload", "up.png", picture)
    assert answer.status == 200
    assert citizens.browser.get("/fwr/lib/exe/fetch.php?media=pics:up.png").body == picture
    assert "alice" in wiki_client.read("www/data/media_meta/pics/up.png.changes")
    replaced = b"\x89PNG\r\n\x1a\n" + b"\1" * 64
    wiki_client.put("www/data/media/pics/up.png", replaced, int(time.time()) - DAY)
    assert citizens.browser.get("/fwr/lib/exe/fetch.php?media=pics:up.png").body == replaced


def test_names_in_other_scripts_are_names_on_disk(wiki_client: Node, citizens: Wiki) -> None:
    citizens.save("größe:日本", "a page")
    assert "a page" in citizens.show("größe:日本").text
    assert wiki_client.sh("find /srv/fwr/world/www/data/pages -name '日本.txt'")


def test_what_arrives_is_found_by_searching(wiki_client: Node, citizens: Wiki) -> None:
    receive(wiki_client, "find:me", "the word is zyxwvut", "bob", int(time.time()) - DAY, "C")
    assert tend(wiki_client, 8, lambda: "find:me" in citizens.show("start", do="search", q="zyxwvut").text)
    let_a_second_pass()
    receive(wiki_client, "find:me", "now it is tuvwxyz", "bob", int(time.time()) - DAY + 1)
    citizens.browser.get("/fwr/lib/exe/taskrunner.php?id=find:me")
    assert "find:me" in citizens.show("start", do="search", q="tuvwxyz").text


def test_caches_stay_below_their_size(wiki_client: Node, citizens: Wiki) -> None:
    wiki_client.inside("mkdir -p /var/cache/fwrkit/www/cache/a && head -c 120000000 /dev/zero > /var/cache/fwrkit/www/cache/a/big")
    wiki_client.inside("touch -d '2 days ago' /var/cache/fwrkit/www/cache/a/big")
    assert tend(wiki_client, 6, lambda: "big" not in wiki_client.inside("ls /var/cache/fwrkit/www/cache/a"))
    assert citizens.show("start").status == 200


def test_nothing_that_stays_at_home_lies_in_the_world(wiki_client: Node) -> None:
    found = wiki_client.sh(
        "cd /srv/fwr/world && find . -name '*.meta' -o -name '*.indexed' -o -name '*salt*' -o -name 'users.auth*' -o -name 'plugins.*' -o -name '.htaccess' "
        "-o -type d '(' -name cache -o -name locks -o -name index -o -name tmp -o -name log ')'"
    )
    assert found == ""


def test_a_wiki_starts_again_with_empty_caches(start: Start) -> None:
    node = start("client", "dokuwiki", citizen="bob")
    wiki = Wiki(node)
    wiki.save("kept:page", "kept")
    before = node.world()
    node.restart()
    page = Wiki(node).show("kept:page").text
    assert "kept" in page
    assert "<bdi>bob</bdi>" in page
    assert node.world() == before
    assert "kept again" in Wiki(node).save("kept:page", "kept again").text
    assert not node.errors()


def test_the_logs_are_quiet(wiki_client: Node) -> None:
    assert not [line for line in wiki_client.errors() if "AH01630" not in line]  # that is a refusal, which other tests ask for
