"""What the public sees of a server: the tourist site, and nothing else. Asked for in every spelling."""

from __future__ import annotations

import base64
import urllib.parse

import bcrypt
import pytest

from tests.web.conftest import Start
from tests.web.node import Node

PASSWORD = b"correct horse battery"

# paths to what a tourist must not see, of a server with any template
ASTRAY = [
    "/fwr", "/fwr/", "/fwr/secret.html", "/fwr/index.html", "//fwr/secret.html", "/./fwr/secret.html", "/fwr_tour/../fwr/secret.html",
    "/%66wr/secret.html", "/fwr%2fsecret.html", "/FWR/secret.html", "/fwr;x/secret.html", "/fwr_tour/../www/secret.html",
    "/fwr_tour/..%2fwww/secret.html", "/fwr_tour/%2e%2e/www/secret.html", "/fwr_tour/%2e%2e%2fwww/secret.html", "/..%252fwww/secret.html",
    "/fwr_tour/..\\www\\secret.html", "/fwr_tour/..%5cwww/secret.html", "/fwr_tour/%c0%ae%c0%ae/www/secret.html", "/www/secret.html",
    "/world/www/secret.html", "/.fwr/world.toml", "/fwr_tour/.fwr/world.toml", "/../.fwr/world.toml", "/%2efwr/world.toml",
    "/.hidden", "/%2ehidden", "/fwr_tour/.hidden", "/sub/.git/config", "/sub/%2egit/config", "/.htaccess", "/CVS/Root", "/cvs/Root",
    "/.well-known/../.hidden", "/.well-known/.hidden", "/private/", "/fwr_tour/../private/", "/fwr_tour/../../private/", "/etc/passwd",
    "/link.html", "/linked/secret.html", "/etc/hostname", "/fwr-status.json/../private/", "/fwr-footer/../../apache/node.conf",
    "/fwr-footer/..%2f..%2fapache/node.conf", "/waiting.html/../../php.ini", "/server-status", "/icons/", "/cgi-bin/",
]  # fmt: skip


@pytest.mark.parametrize("path", ["/", "/index.html", "/fwr_tour/", "/fwr_tour/index.html"])
def test_everybody_sees_the_tourist_site(static_server: Node, path: str) -> None:
    answer = static_server.get(path)
    assert answer.status == 200
    assert "www_tourist/index.html" in answer.text


@pytest.mark.parametrize("path", ASTRAY)
def test_nothing_else_of_plain_pages(static_server: Node, path: str) -> None:
    answer = static_server.get(path)
    assert answer.status in (400, 403, 404), (path, answer)
    assert "for citizens only" not in answer.text
    assert "hidden" not in answer.text


@pytest.mark.parametrize(
    "path", [*ASTRAY, "/fwr/doku.php", "/fwr/doku.php?id=secret", "/fwr/lib/exe/fetch.php?media=wiki:logo.svg", "/fwr/feed.php"]
)
def test_nothing_else_of_the_wiki(wiki_server: Node, path: str) -> None:
    answer = wiki_server.get(path)
    assert answer.status in (400, 403, 404), (path, answer)
    assert "for citizens only" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "conf/local.php", "conf/acl.auth.php", "data/pages/open.txt", "data/pages/start.txt", "data/meta/_dokuwiki.changes", "data/", "conf/",
        "inc/init.php", "inc/preload.php", "inc/", "bin/indexer.php", "bin/", "vendor/autoload.php", "vendor/", "VERSION", "install.php",
        "lib/plugins/authfwr/auth.php", "lib/plugins/authfwr/plugin.info.txt", "lib/plugins/fwrkit/action.php", "lib/plugins/", "lib/",
        "lib/tpl/dokuwiki/main.php", "lib/tpl/dokuwiki/style.ini", "lib/tpl/", "lib/exe/xmlrpc.php", "lib/exe/jsonrpc.php", "lib/exe/openapi.php",
        "lib/exe/", "feed.php/../conf/local.php", "lib/exe/../../conf/local.php", "lib/exe/../../inc/init.php", "cache/", "doku.php/../data/pages/",
    ],
)  # fmt: skip
@pytest.mark.parametrize("site", ["/", "/fwr_tour/"])
def test_the_insides_of_the_wiki_are_not_served(wiki_server: Node, site: str, path: str) -> None:
    assert wiki_server.get(site + path).status in (403, 404)
    assert wiki_server.get(site + path.replace("/", "%2f")).status in (403, 404)
    assert wiki_server.get(site + path.replace(".", "%2e")).status in (403, 404)


_NAMES = ["animal", "farm", "FWRKIT_SITE", "DOKU_CONF", "conf", "site", "_SERVER[FWRKIT_SITE]", "GLOBALS[conf][savedir]"]
_VALUES = ["www", "../www", "..%2fwww", "www%00", "/srv/fwr/world/www", "www/"]


@pytest.mark.parametrize("name", _NAMES)
@pytest.mark.parametrize("value", _VALUES)
def test_nothing_in_a_request_chooses_the_wiki(wiki_server: Node, name: str, value: str) -> None:
    spelled = ["".join(f"%{ord(char):02x}" for char in name), urllib.parse.quote(name), f"{name}[]"]
    for key in spelled:
        for path in ("/doku.php", "/fwr_tour/doku.php", "/doku.php/x"):
            assert_tourists(wiki_server, f"{path}?{key}={value}&id=secret")
    body = f"{urllib.parse.quote(name)}={value}&id=secret".encode()
    assert_tourists(wiki_server, "/doku.php", "POST", body, Content_Type="application/x-www-form-urlencoded")
    header = name.replace("[", "-").replace("]", "").replace("_", "-")
    plain = urllib.parse.unquote(value).replace("\0", "")
    assert_tourists(wiki_server, "/doku.php?id=secret", **{header: plain, "Cookie": f"{name}={plain}", f"Redirect-{header}": plain})


def assert_tourists(node: Node, path: str, method: str = "GET", body: bytes | None = None, /, **headers: str) -> None:
    answer = node.get(path, method, body, **headers)
    assert "for citizens only" not in answer.text, path
    if answer.status == 200:
        assert "A site that nobody owns alone" in answer.text, path


@pytest.mark.parametrize(
    "path",
    [
        "/lib/exe/fetch.php?media=../conf/local.php", "/lib/exe/fetch.php?media=..:conf:local.php", "/lib/exe/fetch.php?media=:..:..:www:data:pages:secret.txt",
        "/lib/exe/fetch.php?media=file:///srv/fwr/world/www/data/pages/secret.txt", "/doku.php?id=..:..:..:..:www:data:pages:secret",
        "/doku.php?id=../../../www/data/pages/secret", "/doku.php?id=secret&do=export_raw", "/doku.php?id=start&rev=../../../x",
        "/lib/exe/detail.php?media=../x.png",
        "/doku.php?id=secret&do=edit", "/doku.php?id=secret&do=export_xhtml", "/feed.php?mode=list&ns=..:..:www",
        "/lib/exe/css.php?t=../../../../srv/fwr/world/www",
        "/lib/exe/ajax.php?call=linkwiz&q=..:..:", "/lib/exe/manifest.php?x=1", "/lib/exe/jquery.php?f=../../../../etc/passwd",
    ],
)  # fmt: skip
def test_the_wiki_does_not_lead_out_of_itself(wiki_server: Node, path: str) -> None:
    assert "for citizens only" not in wiki_server.get(path).text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "MKCOL", "PROPFIND", "TRACE"])
def test_nothing_is_written_by_other_methods(static_server: Node, method: str) -> None:
    assert static_server.get("/index.html", method).status in (403, 405, 501)


def test_a_server_lists_no_directory(static_server: Node) -> None:
    assert static_server.get("/sub/").status in (403, 404)


def test_the_servers_web_can_write_nothing_in_the_world(static_server: Node, wiki_server: Node) -> None:
    for node in (static_server, wiki_server):
        assert "Read-only" in node.inside("touch /srv/fwr/world/www_tourist/x 2>&1 || true")


@pytest.mark.parametrize("template", ["static", "dokuwiki"])
def test_a_password_opens_the_citizens_site_to_read(start: Start, template: str) -> None:
    hashed = bcrypt.hashpw(PASSWORD, bcrypt.gensalt(4)).decode().replace("$2b$", "$2y$", 1)
    node = start("server", template, environment={"FWRKIT_CITIZEN_SITE_HASH": f"citizen:{hashed}"})
    node.put("www/secret.html", "for citizens only")
    node.put("www/data/pages/secret.txt", "for citizens only")
    page = "/fwr/secret.html" if template == "static" else "/fwr/doku.php?id=secret"

    def ask(user: bytes, password: bytes) -> tuple[int, str]:
        answer = node.get(page, Authorization="Basic " + base64.b64encode(user + b":" + password).decode())
        return answer.status, answer.text

    assert node.get(page).status == 401
    assert ask(b"citizen", b"wrong")[0] == 401
    assert ask(b"nobody", PASSWORD)[0] == 401
    status, text = ask(b"citizen", PASSWORD)
    assert status == 200
    assert "for citizens only" in text
    assert "Logged in as" not in text
    assert node.get("/fwr_tour/").status == 200
    assert node.get("/").status == 200
