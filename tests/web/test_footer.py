"""The line at the foot of every page: there on each, and breaking none."""

from __future__ import annotations

import json

import pytest

from tests.web.node import Node

FRAME = b"<iframe src=/fwr-footer/ "


@pytest.mark.parametrize("path", ["/", "/fwr/", "/fwr_tour/"])
def test_every_page_has_it_once(static_client: Node, wiki_client: Node, path: str) -> None:
    for node in (static_client, wiki_client):
        assert node.get(path).body.count(FRAME) == 1


def test_tourists_have_it_too(static_server: Node, wiki_server: Node) -> None:
    for node in (static_server, wiki_server):
        assert node.get("/").body.count(FRAME) == 1


def test_it_reads_the_status_that_the_agent_writes(static_client: Node) -> None:
    static_client.status("waiting", 3)
    answer = static_client.get("/fwr-status.json")
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("application/json", "no-store")
    assert json.loads(answer.body)["pending"] == 3
    footer = static_client.get("/fwr-footer/")
    assert FRAME not in footer.body
    assert "default-src 'none'" in footer.headers["content-security-policy"]
    assert static_client.get("/fwr-footer/footer.js").status == 200


@pytest.mark.parametrize(
    ("name", "content", "count"),
    [
        ("latin1.html", "<p>Gr\xfc\xdfe</p></body>".encode("latin-1"), 1),
        ("utf16.html", "<p>Grüße</p></body>".encode("utf-16"), 0),
        ("upper.html", b"<P>x</P></BODY></HTML>", 1),
        ("none.html", b"<p>no end of a body", 0),
        ("long.html", b"<p>" + b"x" * 3_000_000 + b"</p></body>", 1),
        ("large.html", b"<p>" + b"x" * 17_000_000 + b"</p></body>", 0),
        ("many.html", b"<p>line</p>\n" * 300_000 + b"</body>", 1),
        ("empty.html", b"", 0),
        ("nul.html", b"<p>\0\0</p></body>", 1),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_no_page_is_broken(static_client: Node, name: str, content: bytes, count: int) -> None:
    static_client.put(f"www/{name}", content)
    answer = static_client.get(f"/fwr/{name}")
    assert answer.status == 200
    assert answer.body.count(FRAME) == count
    start, _, rest = answer.body.partition(FRAME)
    rest = rest.partition(b"</iframe>")[2] if count else b""
    assert (start + rest).lower() == content.lower()


def test_a_script_that_holds_the_words_stays_whole(static_client: Node) -> None:
    static_client.put("www/script.html", "<script>var a = \"</body>\", b = '</body>';</script></body>")
    page = static_client.get("/fwr/script.html").text
    script = page[: page.index("</script>")]
    added = script.partition("</body>")[0].partition('"')[2]
    assert added.startswith("<iframe")
    assert not set(added) & set("\"'\n\\")


def test_what_is_no_page_is_left_alone(static_client: Node) -> None:
    for name in ("a.txt", "a.js", "a.xml", "a.json", "a.svg"):
        static_client.put(f"www/{name}", "</body>")
        assert static_client.get(f"/fwr/{name}").body == b"</body>"


def test_head_and_parts(static_client: Node) -> None:
    static_client.put("www/part.html", b"0123456789</body>")
    assert static_client.get("/fwr/part.html", "HEAD").body == b""
    whole = static_client.get("/fwr/part.html")
    part = static_client.get("/fwr/part.html", Range="bytes=2-4")
    assert (part.status, part.body) in ((206, b"234"), (200, whole.body))
