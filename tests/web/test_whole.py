"""What is replaced while it is asked for arrives whole, the old one or the new one: Apache alone cuts the new one to the old one's length."""

from __future__ import annotations

import http.client
import re
import threading
import time

import pytest

from tests.web.node import Node, docker

_SECONDS = 6.0  # Apache's own handler cuts 0.2 % of the answers at this pace: dozens in that time

_ANSWERS, _CONTENTS = 500, 50  # that are seen in any case, if it takes a slow machine longer
_LIMIT = 60.0  # seconds

# each content says how long it is, from 1,000 to 51,000 bytes, and ends as a page does
_REPLACE = """
import os, sys, time
path, stop, n = sys.argv[1], time.time() + float(sys.argv[2]), 0
while time.time() < stop and not os.path.exists(path + ".stop"):
    n += 1
    size = 1000 + n * 7919 % 50000
    with open(path + ".new", "wb") as file:
        file.write(b"%06d" % size + b"x" * (size - 13) + b"</body>")
    os.rename(path + ".new", path)
    time.sleep(0.0005)
"""


@pytest.mark.parametrize("name", ["live.txt", "live.html"])
def test_a_file_that_is_replaced_over_and_over_is_never_seen_in_parts(static_client: Node, name: str) -> None:
    static_client.put(f"www/{name}", b"000013</body>")
    words = ["exec", static_client.hand, "python3", "-c", _REPLACE, f"/srv/fwr/world/www/{name}", str(_LIMIT)]
    writer = threading.Thread(target=lambda: docker(*words), daemon=True)
    writer.start()
    connection, answers = http.client.HTTPConnection("127.0.0.1", static_client.port, timeout=30), 0
    seen: set[bytes] = set()
    began = time.monotonic()

    def goes_on() -> bool:
        took, is_enough = time.monotonic() - began, answers > _ANSWERS and len(seen) > _CONTENTS
        return took < _SECONDS or (took < _LIMIT and not is_enough)

    try:
        while goes_on():
            connection.request("GET", f"/fwr/{name}")
            body = re.sub(rb"<iframe [^>]*></iframe>", b"", connection.getresponse().read())
            assert len(body) == int(body[:6]), (body[:6], len(body))
            assert body.endswith(b"</body>")
            answers += 1
            seen.add(body[:6])
    finally:
        static_client.sh(f"touch /srv/fwr/world/www/{name}.stop")
        writer.join(30)
    assert answers > _ANSWERS
    assert len(seen) > _CONTENTS, "it was replaced while it was read"


def test_parts_and_unchanged_files_are_answered_as_ever(static_client: Node) -> None:
    static_client.put("www/file.bin", bytes(range(256)) * 40)
    whole = static_client.get("/fwr/file.bin")
    assert (whole.status, whole.body) == (200, bytes(range(256)) * 40)
    assert whole.headers["content-length"] == "10240"
    assert whole.headers["accept-ranges"] == "bytes"
    part = static_client.get("/fwr/file.bin", Range="bytes=250-259")
    assert (part.status, part.body, part.headers["content-range"]) == (206, bytes([*range(250, 256), *range(4)]), "bytes 250-259/10240")
    several = static_client.get("/fwr/file.bin", Range="bytes=0-1,-2")
    assert several.status == 206
    assert several.headers["content-type"].startswith("multipart/byteranges")
    assert static_client.get("/fwr/file.bin", Range="bytes=99999-").status == 416
    for condition in ({"If_None_Match": whole.headers["etag"]}, {"If_Modified_Since": whole.headers["last-modified"]}):
        unchanged = static_client.get("/fwr/file.bin", **condition)
        assert (unchanged.status, unchanged.body) == (304, b"")
        assert unchanged.headers["etag"] == whole.headers["etag"]
    assert static_client.get("/fwr/file.bin", If_Match='"another"').status == 412
    head = static_client.get("/fwr/file.bin", "HEAD")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "10240")
    assert static_client.get("/fwr/file.bin", "POST", b"x").body == whole.body
    assert static_client.get("/fwr/file.bin", "PUT", b"x").status == 405
    assert static_client.get("/fwr/file.bin/more").status == 404
    assert static_client.get("/fwr/absent.bin").status == 404


def test_an_empty_file_and_one_that_may_not_be_read(static_client: Node) -> None:
    static_client.put("www/empty.txt", b"")
    assert (static_client.get("/fwr/empty.txt").status, static_client.get("/fwr/empty.txt").body) == (200, b"")
    static_client.put("www/closed.txt", b"x")
    static_client.sh("chmod 0 /srv/fwr/world/www/closed.txt")
    assert static_client.get("/fwr/closed.txt").status == 403
