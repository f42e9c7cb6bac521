"""A person's browser at a node: cookies, redirects, the headers of a modern one, and DokuWiki's forms as they stand in the page."""

from __future__ import annotations

import html.parser
import re
import secrets
import urllib.parse
from typing import Protocol

from tests.web.address import Answer


class Form(html.parser.HTMLParser):
    """The fields of one form of a page, as a browser would send them untouched."""

    def __init__(self, page: str, name: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.action = ""
        self._name = name
        self._is_inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take up what has a name."""
        values = {key: value or "" for key, value in attrs}
        if tag == "form":
            self._is_inside = values.get("id") == self._name
            if self._is_inside:
                self.action = values.get("action", "")
        elif self._is_inside and tag == "input" and values.get("type") in ("hidden", "text", None):
            self.fields[values.get("name", "")] = values.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        """The form ends."""
        if tag == "form":
            self._is_inside = False


class Served(Protocol):
    """What a browser can be pointed at: an address, or a node whose port may change."""

    @property
    def port(self) -> int:
        """The port of this machine at which it answers."""

    def get(self, path: str, method: str = "GET", body: bytes | None = None, /, **headers: str) -> Answer:
        """Ask exactly that."""


class Browser:
    """Asks like Firefox or Chromium do."""

    def __init__(self, node: Served) -> None:
        self.node = node
        self.cookies: dict[str, str] = {}

    def get(self, path: str) -> Answer:
        """Follow a link."""
        return self._ask(path, "GET", None, Sec_Fetch_Site="none", Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="document")

    def post(self, path: str, fields: dict[str, str]) -> Answer:
        """Send a form of the site itself."""
        return self._post(path, urllib.parse.urlencode(fields).encode(), "application/x-www-form-urlencoded")

    def upload(self, path: str, fields: dict[str, str], name: str, filename: str, content: bytes) -> Answer:
        """Send a form with a file."""
        mark = secrets.token_hex(8)
        parts = [f'--{mark}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode() for key, value in fields.items()]
        head = f'--{mark}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n\r\n'
        body = b"".join(parts) + head.encode() + content + f"\r\n--{mark}--\r\n".encode()
        return self._post(path, body, f"multipart/form-data; boundary={mark}")

    def _post(self, path: str, body: bytes, kind: str) -> Answer:
        origin = f"http://localhost:{self.node.port}"
        return self._ask(path, "POST", body, Origin=origin, Sec_Fetch_Site="same-origin", Sec_Fetch_Mode="navigate", Content_Type=kind)

    def _ask(self, path: str, method: str, body: bytes | None, **headers: str) -> Answer:
        for _ in range(5):
            if self.cookies:
                headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            answer = self.node.get(path, method, body, **headers)
            found = re.match(r"([^=]+)=([^;]*)", answer.headers.get("set-cookie", ""))
            if found:
                self.cookies[found[1]] = found[2]
            if answer.status not in (301, 302, 303):
                return answer
            path = urllib.parse.urlsplit(answer.headers["location"])._replace(scheme="", netloc="", fragment="").geturl()
            method, body = "GET", None
            headers.pop("Content_Type", None)
        raise AssertionError(f"too many redirects: {path}")


class Wiki:
    """One of a node's wikis, used through its pages."""

    def __init__(self, node: Served, path: str = "/fwr/") -> None:
        self.browser = Browser(node)
        self.path = path

    def show(self, name: str, **parameters: str) -> Answer:
        """Return a page; ``do="edit"`` and the like are parameters."""
        return self.browser.get(f"{self.path}doku.php?{urllib.parse.urlencode({'id': name, **parameters})}")

    def save(self, page: str, text: str, summary: str = "") -> Answer:
        """Open the form, write, save, and return what that leads to."""
        form = Form(self.show(page, do="edit").text, "dw__editform")
        assert form.fields, f"{page} can not be edited"
        return self.browser.post(form.action, {**form.fields, "wikitext": text, "summary": summary, "do[save]": "1"})
