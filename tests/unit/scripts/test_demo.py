"""The demo's own parts: it finds DokuWiki's form, and says no when a page is not there."""

from __future__ import annotations

import http.server
import importlib.util
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "demo.py"
EDIT_PAGE = """<html><form id="dw__search"><input type="hidden" name="do" value="search"/></form>
<form id="dw__editform" method="post"><input type="hidden" name="sectok" value="a&amp;b" /><input type="hidden" name="id" value="{id}" />
<input type="text" name="summary" value="typed"/><textarea name="wikitext"></textarea></form>
<form><input type="hidden" name="other" value="1"></form></html>"""


class Wiki(http.server.BaseHTTPRequestHandler):
    """A wiki as far as the demo looks."""

    pages: ClassVar[dict[str, str]] = {}
    cookies_at_save: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        query = dict(urllib.parse.parse_qsl(self.path.partition("?")[2]))
        page = query.get("id", "")
        self._say(EDIT_PAGE.format(id=page) if query.get("do") == "edit" else self.pages.get(page, "this topic does not exist yet"))

    def do_POST(self) -> None:
        fields = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self.cookies_at_save.append(self.headers.get("Cookie"))
        if fields.get("sectok") == "a&b" and "do[save]" in fields:
            self.pages[fields["id"]] = f"<p>{fields['wikitext']}</p>"
        self._say("saved")

    def _say(self, text: str) -> None:
        self.send_response(200)
        self.send_header("Set-Cookie", "session=1")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def demo() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def wiki() -> Iterator[str]:
    Wiki.pages, Wiki.cookies_at_save = {}, []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Wiki) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/fwr/"
        server.shutdown()


def test_a_page_that_arrives(demo: ModuleType, wiki: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.show("citizens", {"citizens": wiki}, {"bob": {"citizens": wiki}})
    assert "alice → bob" in capsys.readouterr().out
    assert Wiki.cookies_at_save == ["session=1"], "the form is sent in the session that it was shown in"


def test_a_page_that_does_not_arrive(
    demo: ModuleType, wiki: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "DEADLINE", 0.1)
    monkeypatch.setattr(Wiki, "do_POST", lambda self: self._say("lost"))
    assert not demo.show("citizens", {"citizens": wiki}, {"bob": {"citizens": wiki}})
    assert "not within 0.1 s" in capsys.readouterr().out


def test_a_wiki_without_a_form(demo: ModuleType, wiki: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "_PATIENCE", 0.1)
    monkeypatch.setattr(Wiki, "do_GET", lambda self: self._say("you may not"))
    with pytest.raises(Exception, match="shows no form"):
        demo.save(wiki, "page", "text")


def test_only_the_fields_of_the_edit_form(demo: ModuleType) -> None:
    assert demo.Form(EDIT_PAGE.format(id="x")).fields == {"sectok": "a&b", "id": "x"}
