"""Template php: code of the world runs, and sees its own site only."""

from __future__ import annotations

import json

import pytest

from tests.web.browser import Browser
from tests.web.conftest import Start
from tests.web.node import Node

# prints as JSON what a script of strangers can reach
PROBE = """<?php
header('Content-Type: application/json');
$run = [];
foreach (['exec', 'shell_exec', 'system', 'passthru', 'popen', 'proc_open', 'symlink', 'link', 'mail', 'dl', 'putenv'] as $name) {
    $run[$name] = function_exists($name);
}
$read = [];
foreach (['/srv/fwr/world/.fwr/world.toml', '/srv/fwr/world/www/secret.txt', '/srv/fwr/world/www_tourist/index.php', '/etc/passwd',
          '/srv/fwr/status.json', '/proc/self/environ', '/usr/share/fwrkit/php.ini', __FILE__] as $file) {
    $read[$file] = @file_get_contents($file) !== false;
}
echo json_encode(['run' => $run, 'read' => $read, 'write' => @file_put_contents(__DIR__ . '/made.txt', 'x') !== false,
    'temporary' => @file_put_contents('/tmp/x', 'x') !== false, 'cache' => @file_put_contents('/var/cache/fwrkit/x', 'x') !== false,
    'ffi' => @class_exists('FFI') && (bool)ini_get('ffi.enable') && ini_get('ffi.enable') !== '0', 'upload' => ini_get('upload_max_filesize')]);
"""


@pytest.fixture(scope="module")
def client(start: Start) -> Node:
    return start("client", "php")


@pytest.fixture(scope="module")
def server(start: Start) -> Node:
    return start("server", "php")


def probe(node: Node, site: str, path: str) -> dict[str, object]:
    node.put("www/secret.txt", "for citizens only")
    node.put(f"{site}/probe.php", PROBE)
    result: dict[str, object] = json.loads(node.get(path).body)
    return result


def test_the_start_pages_are_made_by_php(client: Node, server: Node) -> None:
    assert "alice-laptop" in client.get("/fwr/").text
    assert client.get("/fwr_tour/").status == 200
    assert "You are a tourist here" in server.get("/").text
    assert server.get("/fwr/").status == 403


def test_a_clients_code_writes_its_site_and_sees_nothing_else(client: Node) -> None:
    seen = probe(client, "www", "/fwr/probe.php")
    assert not any(seen["run"].values())  # type: ignore[attr-defined]
    allowed = {path for path, is_read in seen["read"].items() if is_read}  # type: ignore[attr-defined]
    assert allowed == {"/srv/fwr/world/www/secret.txt", "/srv/fwr/world/www/probe.php"}
    assert (seen["write"], seen["temporary"], seen["cache"], seen["ffi"], seen["upload"]) == (True, True, True, False, "64M")
    assert client.read("www/made.txt") == "x"


def test_tourists_code_on_a_server_sees_no_citizens_site_and_writes_nothing(server: Node) -> None:
    seen = probe(server, "www_tourist", "/probe.php")
    allowed = {path for path, is_read in seen["read"].items() if is_read}  # type: ignore[attr-defined]
    assert allowed == {"/srv/fwr/world/www_tourist/index.php", "/srv/fwr/world/www_tourist/probe.php"}
    assert (seen["write"], seen["temporary"], seen["cache"]) == (False, True, True)


def test_an_arrived_script_runs_in_its_new_version(client: Node) -> None:
    for text in ("one", "two"):
        client.put("www/version.php", f"<?php echo '{text}';", when=1_700_000_000)
        assert client.get("/fwr/version.php").text == text


def test_a_session_lasts_and_stays_at_home(client: Node) -> None:
    client.put("www/count.php", "<?php session_start(); echo $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1;")
    before = client.world()
    browser = Browser(client)
    assert [browser.get("/fwr/count.php").text for _ in range(3)] == ["1", "2", "3"]
    assert client.world() == before


def test_databases_and_sources_are_not_served(client: Node) -> None:
    for name in ("a.sqlite", "a.db", "a.sqlite3-wal", "a.inc", "a.phps", "b.php~", "a.sql", ".env", "a.ini"):
        client.put(f"www/{name}", "hidden")
        assert client.get(f"/fwr/{name}").status in (403, 404), name


def test_an_error_shows_no_paths(client: Node) -> None:
    client.put("www/broken.php", "<?php this is no php")
    answer = client.get("/fwr/broken.php")
    assert answer.status == 500
    assert "/srv" not in answer.text
