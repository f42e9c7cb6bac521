"""A public site that holds: F19 to F21, F23 and F26 to F29 of the field cases, and their relatives."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
import time

import pytest

from fwrkit.core.errors import FwrError
from tests.web.address import Answer
from tests.web.browser import Wiki
from tests.web.conftest import Start
from tests.web.node import Node


def kills(node: Node) -> int:
    """Return how many processes of the container the kernel has killed for want of memory."""
    found = node.inside("cat /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control 2>/dev/null || true")
    return sum(int(number) for number in re.findall(r"^oom_kill (\d+)", found, re.MULTILINE))


def many_links(node: Node, pages: int) -> None:
    """Write pages with 4,000 links each into the public wiki."""
    text = "\n".join(f"  * [[there:page{number}|a link to page {number}]]" for number in range(4000))
    for number in range(pages):
        node.put(f"www_tourist/data/pages/links{number}.txt", f"====== Links {number} ======\n\n{text}\n\nthe end of {number}\n")


# what a page with the footer and 500 visitors needs of the server: an open connection each that asks now and then
def test_field_f19_five_hundred_open_tabs_keep_nobody_out(wiki_server: Node) -> None:
    opened = []
    try:
        for _ in range(500):
            tab = http.client.HTTPConnection("127.0.0.1", wiki_server.port, timeout=20)
            tab.request("GET", "/fwr-status.json")
            assert tab.getresponse().read() is not None
            opened.append(tab)
        began = time.monotonic()
        assert wiki_server.get("/doku.php?id=start").status == 200
        assert wiki_server.get("/fwr-footer/").status == 200
        assert time.monotonic() - began < 10
        for tab in opened[:50]:  # and they are still served; a connection that was idle for long is opened anew
            tab.request("GET", "/fwr-status.json")
            assert tab.getresponse().read() is not None
    finally:
        for tab in opened:
            tab.close()


def test_connections_that_say_nothing_keep_nobody_out(wiki_server: Node) -> None:
    silent = [socket.create_connection(("127.0.0.1", wiki_server.port), 10) for _ in range(300)]
    try:
        began = time.monotonic()
        assert wiki_server.get("/fwr-footer/").status == 200
        assert time.monotonic() - began < 15
    finally:
        for item in silent:
            item.close()


def test_field_f19_the_footer_asks_rarely_where_the_public_looks(wiki_server: Node, wiki_client: Node) -> None:
    assert int(wiki_server.get("/fwr-status.json").headers["fwr-ask-again"]) >= 60
    assert int(wiki_client.get("/fwr-status.json").headers["fwr-ask-again"]) <= 5
    script = wiki_server.get("/fwr-footer/footer.js").text
    assert "document.hidden" in script
    assert "visibilitychange" in script
    assert "setInterval" not in script


def test_field_f20_thirty_crawlers_get_whole_pages_or_503(start: Start) -> None:
    node = start("server", "dokuwiki", citizen="busy")
    many_links(node, 30)
    answers: list[Answer] = []
    failures: list[Exception] = []

    def crawl(number: int) -> None:
        try:
            answers.append(node.get(f"/doku.php?id=links{number}"))
        except (OSError, http.client.HTTPException) as error:  # a page that ends in the middle is an IncompleteRead
            failures.append(error)

    threads = [threading.Thread(target=crawl, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert {answer.status for answer in answers} <= {200, 503}
    for answer in answers:
        if answer.status == 200:
            assert "</html>" in answer.text
            assert re.search(r"the end of \d+", answer.text)
    assert sum(answer.status == 200 for answer in answers) >= 4
    assert kills(node) == 0
    assert node.get("/doku.php?id=start").status == 200


def test_visitors_who_send_slowly_keep_nobody_out_for_long(start: Start) -> None:
    node = start("server", "php", citizen="slow")
    node.put("www_tourist/fine.php", "<?php echo 'fine';")
    silent = []
    try:
        for _ in range(8):
            item = socket.create_connection(("127.0.0.1", node.port), 10)
            item.sendall(b"POST /fine.php HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 50_000)
            silent.append(item)
        time.sleep(1)
        answer = node.get("/fine.php")
        assert (answer.status, answer.text) == (200, "fine")
    finally:
        for item in silent:
            item.close()


def test_a_script_without_end_costs_one_answer_and_no_site(start: Start) -> None:
    node = start("client", "php", citizen="erin")
    node.put("www/memory.php", "<?php $a = 'x'; echo 'begun'; while (true) { $a .= $a; }")
    node.put("www/fine.php", "<?php echo 'fine';")
    for _ in range(6):
        answer = node.get("/fwr/memory.php")
        assert answer.status == 500, "an error is not sent as half a page with status 200"
    assert node.get("/fwr/fine.php").text == "fine"
    assert kills(node) == 0


def test_one_site_that_is_busy_leaves_the_other_alone(start: Start) -> None:
    node = start("client", "php", citizen="frank")
    node.put("www/slow.php", "<?php sleep(6); echo 'slow';")
    node.put("www_tourist/fine.php", "<?php echo 'fine';")
    threads = [threading.Thread(target=node.get, args=("/fwr/slow.php",)) for _ in range(12)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    began = time.monotonic()
    assert node.get("/fwr_tour/fine.php").text == "fine"
    assert time.monotonic() - began < 5
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("program", ["apache2", "php-fpm"])
def test_where_one_of_the_two_ends_the_container_ends(start: Start, program: str) -> None:
    node = start("client", "php", citizen="grace")
    node.inside(f"kill -9 $(pgrep -o {program})")
    deadline = time.monotonic() + 20
    while True:
        try:
            node.inside("true")
        except FwrError:  # the engine has no container to run it in
            return
        assert time.monotonic() < deadline, "the engine would never start it again"
        time.sleep(0.2)


SOURCES = [
    "up.PHP", "up.Php", "v5.php5", "v7.php7", "old.phps", "a.pht", "m.module", "x.inc", "t.theme", "i.install", "v.twig", "c.php.orig", "c.php~",
    "c.php.bak",
    "c.php.save",
    "c.php.swp", "c.php_old", "c.php-dist", "c.php.2024-01-01", "c.PHP.BAK", "s.phtml.old", "config.inc.php.dist", "#index.php#", "l.lock", "x.sh",
]  # fmt: skip
DATA = [
    "user/accounts/admin.yaml", "user/config/site.YML", "config/db.json", "app/config/parameters.JSON", "storage/users.csv", "private/mail.txt", "data.sql",
    "dump.sql.bak", "data.sqlite", "data.SQLITE3", "data.db", "app.env", "app.ini", "php.ini.old", "error.log", "composer.json", "composer.lock", "web.config",
    "package.json", "vendor/installed.json", "var/export.tar.gz", "backups/site.zip", "server.key", "id.pem", "a.neon", "a.toml", "sessions/sess.dat",
]  # fmt: skip
SERVED = [
    "photo.jpg", "style.css", "app.js", "manifest.webmanifest", "data.json", "feed.xml", "notes.txt", "vendor/lib/lib.js", "vendor/lib/lib.css", "php.html",
    "about.php.html", "storage/photo.png", "config/logo.svg", "archive.zip", "list.csv", "jquery.lock.js",
]  # fmt: skip


@pytest.fixture(scope="module")
def application(start: Start) -> Node:
    node = start("server", "php", citizen="heidi")
    for name in (*SOURCES, *DATA, *SERVED):
        node.put(f"www_tourist/{name}", "hidden <?php echo 'source';")
    return node


@pytest.mark.parametrize("name", [*SOURCES, *DATA])
def test_field_f21_neither_source_nor_data_is_sent(application: Node, name: str) -> None:
    for path in (f"/{name}", f"/fwr_tour/{name}", f"/{name}".replace(".", "%2e"), f"//{name}"):
        answer = application.get(path.replace("#", "%23"))
        assert answer.status in (403, 404), path
        assert "hidden" not in answer.text


@pytest.mark.parametrize("name", SERVED)
def test_what_is_for_visitors_is_sent(application: Node, name: str) -> None:
    assert application.get(f"/{name}").status == 200


def test_plain_pages_send_no_source_either(static_server: Node) -> None:
    for name in ("x.php", "x.PHP", "x.php.bak", "x.phtml", "x.php5", "page.html~", "page.html.orig", "notes.txt.swp"):
        static_server.put(f"www_tourist/{name}", "hidden")
        assert static_server.get(f"/{name}").status == 403, name
    static_server.put("www_tourist/data.yaml", "for everybody")
    assert static_server.get("/data.yaml").status == 200


def test_field_f21_an_htaccess_is_said_where_it_is_put(start: Start) -> None:
    node = start("client", "php", citizen="ivan")
    assert json.loads(node.get("/fwr-notes.json").body) == {"htaccess": []}
    node.put("www/user/.htaccess", "Require all denied")
    node.restart()
    deadline = time.monotonic() + 20
    while json.loads(node.get("/fwr-notes.json").body) == {"htaccess": []}:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert json.loads(node.get("/fwr-notes.json").body) == {"htaccess": ["www/user/.htaccess"]}
    assert "/fwr-notes.json" in node.get("/").text
    assert any("www/user/.htaccess is not read" in line for line in node.log())


def test_field_f23_browsers_ask_each_time_and_hear_of_what_arrived(
    static_client: Node, static_server: Node, application: Node, wiki_client: Node
) -> None:
    long_ago = int(time.time()) - 60 * 86400
    for node, site, path in ((static_client, "www", "/fwr/"), (static_server, "www_tourist", "/"), (application, "www_tourist", "/")):
        for name in ("cached.html", "cached.css", "cached.jpg"):
            node.put(f"{site}/{name}", "one", long_ago)
            first = node.get(path + name)
            assert first.headers["cache-control"] == "no-cache"
            unchanged = node.get(path + name, If_None_Match=first.headers["etag"])
            assert unchanged.status == 304
            node.put(f"{site}/{name}", "two", long_ago)
            assert node.get(path + name, If_None_Match=first.headers["etag"]).text.startswith("two")
    wiki_client.put("www/data/media/cached.png", b"one", long_ago)
    first = wiki_client.get("/fwr/lib/exe/fetch.php?media=cached.png")
    assert "no-cache" in first.headers["cache-control"]
    assert "max-age" not in first.headers["cache-control"]
    time.sleep(1.1)  # the engine's own mark of a version counts in seconds
    wiki_client.put("www/data/media/cached.png", b"two", long_ago)
    assert wiki_client.get("/fwr/lib/exe/fetch.php?media=cached.png", If_None_Match=first.headers["etag"]).body == b"two"


def test_a_style_of_a_wiki_that_arrives_is_seen(wiki_client: Node) -> None:
    def seed() -> str:
        found = re.search(r"css\.php\?t=dokuwiki&(?:amp;)?tseed=(\w+)", wiki_client.get("/fwr/doku.php?id=start").text)
        assert found
        return found[1]

    before = seed()
    wiki_client.put("www/conf/userstyle.css", "body { color: red }", int(time.time()) - 60 * 86400)
    assert seed() != before


def test_field_f26_a_page_that_is_too_large_for_the_index_keeps_no_other_from_being_found(start: Start) -> None:
    node = start("client", "dokuwiki", citizen="judy")
    words = " ".join(f"word{number:06d}" for number in range(150_000))
    node.put("www/data/pages/aaa_large.txt", words)
    node.put("www/data/pages/aaa_larger.txt", words * 3)
    node.put("www/data/pages/zzz_behind.txt", "the word is qwertyuiop")
    wiki = Wiki(node)
    said = node.inside("FWRKIT_SITE=www /usr/lib/fwrkit/index-wiki 2>&1")
    assert "The page aaa_larger of www is too large for the search index" in said
    assert "zzz_behind" in wiki.show("start", do="search", q="qwertyuiop").text
    assert "aaa_large" in wiki.show("start", do="search", q="word077777").text
    assert node.inside("FWRKIT_SITE=www /usr/lib/fwrkit/index-wiki 2>&1") == "", "it is said once"
    node.put("www/data/pages/aaa_larger.txt", "smaller, with the word poiuytrewq")
    node.inside("FWRKIT_SITE=www /usr/lib/fwrkit/index-wiki 2>&1")
    assert "aaa_larger" in wiki.show("start", do="search", q="poiuytrewq").text
    assert kills(node) == 0


def test_a_page_that_ends_the_indexer_is_left_out_after_two_tries(start: Start) -> None:
    node = start("client", "dokuwiki", citizen="kim")
    node.put("www/data/pages/aaa_heavy.txt", " ".join(f"word{number:06d}" for number in range(90_000)))
    node.put("www/data/pages/zzz_light.txt", "the word is asdfghjkl")
    tries = [node.inside("FWRKIT_SITE=www php -d memory_limit=10M /usr/lib/fwrkit/index-wiki 2>&1 || true") for _ in range(4)]
    assert ["memory size" in said for said in tries] == [True, True, False, False]
    assert "The page aaa_heavy of www is too large for the search index" in tries[2]
    assert tries[3] == ""
    assert "zzz_light" in Wiki(node).show("start", do="search", q="asdfghjkl").text


def test_field_f27_the_clocks_zone_is_the_hosts(start: Start) -> None:
    node = start("client", "dokuwiki", citizen="lou", environment={"TZ": "Europe/Berlin"})
    node.put("www/data/pages/zone.txt", "x", 1_780_000_000)  # 2026-05-28 20:26:40 UTC
    assert "2026-05-28 22:26" in Wiki(node).show("zone").text
    assert node.inside("date -d @1780000000 +%H:%M") == "22:26"
    assert "CEST" in node.inside("TZ=Europe/Berlin date -d @1780000000 +%Z")


def test_a_zone_that_nobody_knows_is_said_and_is_utc(start: Start) -> None:
    node = start("client", "php", citizen="mia", environment={"TZ": "Middle-earth/Shire"})
    node.put("www/zone.php", "<?php echo date_default_timezone_get();")
    assert node.get("/fwr/zone.php").text == "UTC"
    assert any("Middle-earth/Shire" in line for line in node.log())
    other = start("client", "php", citizen="noa", environment={"TZ": "Asia/Tokyo"})
    other.put("www/zone.php", "<?php echo date_default_timezone_get();")
    assert other.get("/fwr/zone.php").text == "Asia/Tokyo"


@pytest.fixture(scope="module")
def behind_proxy(start: Start) -> Node:
    # what this machine asks comes from the engine's own bridge: that is where the proxy is
    return start("server", "dokuwiki", citizen="olga", environment={"FWRKIT_BEHIND_PROXY": "172.16.0.0/12, 192.168.0.0/16, 10.0.0.0/8"})


def test_field_f28_behind_a_proxy_everything_is_https(behind_proxy: Node) -> None:
    proxied = {"Host": "wiki.example", "X_Forwarded_Proto": "https", "X_Forwarded_For": "203.0.113.9"}
    page = behind_proxy.get("/doku.php?id=start", **proxied).text
    assert '<link rel="canonical" href="https://wiki.example/' in page
    assert "http://wiki.example" not in page
    feed = behind_proxy.get("/feed.php", **proxied).text
    assert "https://wiki.example/" in feed
    assert "http://wiki.example" not in feed
    redirect = behind_proxy.get("/lib/exe", **proxied)
    assert redirect.status in (301, 403)
    for path in ("/fwr_tour", "/doku.php?id=start&do=logout", "/doku.php?id=Start&do=search&q=start&sf=1"):
        answer = behind_proxy.get(path, **proxied)
        assert answer.headers.get("location", "https://").startswith(("https://", "/")), path
    assert any("203.0.113.9" in line for line in behind_proxy.log())
    assert '<link rel="canonical" href="http://wiki.example/' in behind_proxy.get("/doku.php?id=start", Host="wiki.example").text


def test_nobody_but_the_proxy_is_believed(wiki_server: Node, start: Start) -> None:
    other = start("server", "dokuwiki", citizen="paul", environment={"FWRKIT_BEHIND_PROXY": "203.0.113.1"})
    for node in (wiki_server, other):
        forged = {"Host": "wiki.example", "X_Forwarded_Proto": "https", "X_Forwarded_For": "198.51.100.7"}
        assert "https://wiki.example" not in node.get("/doku.php?id=start", **forged).text
        assert not any("198.51.100.7" in line for line in node.log())


def test_field_f29_robots_icons_and_proofs_come_from_the_world(start: Start) -> None:
    server, client = start("server", "dokuwiki", citizen="quinn"), start("client", "dokuwiki", citizen="rosa")
    for node, path in ((server, "/"), (server, "/fwr_tour/"), (client, "/fwr_tour/")):
        for name in ("robots.txt", "favicon.ico", "google1234567890abcdef.html", "BingSiteAuth.xml", ".well-known/security.txt",
                     ".well-known/acme-challenge/token", "apple-touch-icon.png"):  # fmt: skip
            node.put(f"www_tourist/{name}", f"this is {name}")
            answer = node.get(path + name)
            assert (answer.status, answer.text) == (200, f"this is {name}"), path + name
            assert answer.headers["cache-control"] == "no-cache"
        for name in (".hidden", ".well-known/.hidden", "data/x.txt", "conf/x.txt", "data/pages/y.txt", "local.php", ".git/config"):
            node.put(f"www_tourist/{name}", "hidden")
            assert node.get(path + name).status in (403, 404), path + name
        assert node.get(path + "data/pages/start.txt").status in (403, 404)
    server.put("www/robots.txt", "of the citizens")
    assert "of the citizens" not in server.get("/fwr/robots.txt").text
    assert server.get("/nothing.txt").status in (403, 404)
