"""A client's sites are for this machine's own browser, and no other site can make it ask."""

from __future__ import annotations

import pytest

from tests.web.node import Node


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "alice.localhost", "LOCALHOST"])
def test_it_answers_to_names_of_this_machine(static_client: Node, host: str) -> None:
    assert static_client.get("/fwr/", Host=host).status == 200
    assert static_client.get("/fwr/", Host=f"{host}:{static_client.port}").status == 200


@pytest.mark.parametrize(
    "host",
    [
        "example.org",
        "localhost.example.org",
        "127.0.0.1.example.org",
        "alocalhost",
        "192.168.1.2",
        "localhost@example.org",
        "localhost:80:80",
        "",
        "::1",
    ],
)
@pytest.mark.parametrize("path", ["/", "/fwr/", "/fwr_tour/", "/fwr-status.json", "/fwr-footer/"])
def test_it_answers_to_no_other_name(static_client: Node, host: str, path: str) -> None:
    assert static_client.get(path, Host=host).status in (400, 403)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Origin": "http://localhost.evil.example"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site", "Origin": "http://localhost:{port}"},
        {"Sec_Fetch_Site": "cross-site", "Origin": "http://localhost:{port}"},
        {"Sec_Fetch_Site": "same-origin", "Origin": "http://evil.example"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_no_other_site_can_change_anything(wiki_client: Node, method: str, headers: dict[str, str]) -> None:
    own = {name: value.format(port=wiki_client.port) for name, value in headers.items()}
    assert wiki_client.get("/fwr/doku.php", method, b"id=start", **own).status == 403


def test_its_own_pages_and_programs_can_post(wiki_client: Node) -> None:
    kind = "application/x-www-form-urlencoded"
    own = {"Origin": f"http://localhost:{wiki_client.port}", "Sec_Fetch_Site": "same-origin"}
    assert wiki_client.get("/fwr/doku.php", "POST", b"id=start", Content_Type=kind, **own).status == 200
    assert wiki_client.get("/fwr/doku.php", "POST", b"id=start", Content_Type=kind).status == 200


def test_other_sites_can_link_but_not_embed(static_client: Node) -> None:
    other = {"Sec_Fetch_Site": "cross-site"}
    assert static_client.get("/fwr/", Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="document", **other).status == 200
    for mode, destination in (("navigate", "iframe"), ("no-cors", "image"), ("no-cors", "script"), ("cors", "empty")):
        assert static_client.get("/fwr/", Sec_Fetch_Mode=mode, Sec_Fetch_Dest=destination, **other).status == 403
    assert static_client.get("/fwr/").headers["x-frame-options"] == "SAMEORIGIN"


def test_the_overview_leads_to_both_sites(static_client: Node) -> None:
    page = static_client.get("/")
    assert page.status == 200
    assert 'href="/fwr/"' in page.text
    assert 'href="/fwr_tour/"' in page.text
    for name in ("fwr", "fwr_tour"):
        answer = static_client.get(f"/{name}")
        assert (answer.status, answer.headers["location"]) == (301, f"http://localhost:{static_client.port}/{name}/")
        assert static_client.get(f"/{name}/").status == 200


def test_a_client_shows_both_sites_and_nothing_beside_them(static_client: Node) -> None:
    static_client.put("www/.hidden", "hidden")
    static_client.sh("ln -sfn ../.fwr /srv/fwr/world/www/linked; mkdir -p -m 0700 /srv/fwr/private; echo hidden > /srv/fwr/private/x")
    for path in (
        "/fwr/.hidden",
        "/fwr/linked/world.toml",
        "/fwr/../.fwr/world.toml",
        "/fwr/..%2f.fwr/world.toml",
        "/.fwr/world.toml",
        "/private/x",
    ):
        assert static_client.get(path).status in (400, 403, 404)


def test_an_arrived_version_is_not_taken_from_the_browsers_cache(static_client: Node) -> None:
    static_client.put("www/page.html", "one", when=1_700_000_000)
    first = static_client.get("/fwr/page.html")
    static_client.put("www/page.html", "two", when=1_700_000_000)  # the same second, the same size
    second = static_client.get("/fwr/page.html", If_None_Match=first.headers["etag"], If_Modified_Since=first.headers["last-modified"])
    assert (second.status, second.text) == (200, "two")


def test_plain_pages_run_no_php(static_client: Node) -> None:
    static_client.put("www/x.php", "<?php echo 6*7;")
    assert "42" not in static_client.get("/fwr/x.php").text
