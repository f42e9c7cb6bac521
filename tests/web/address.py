"""A web server at a port of this machine, asked for exactly what a test wants to ask."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """What a server said. Names of headers are in lower case; of a header that came more than once, the last."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")


@dataclass(frozen=True)
class Address:
    """Where a web server answers."""

    port: int

    def get(self, path: str, method: str = "GET", body: bytes | None = None, /, **headers: str) -> Answer:
        """Ask exactly that, without the tidying of paths that clients do. ``Some_Header`` is sent as ``Some-Header``; Host may be given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": f"localhost:{self.port}", **given}.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        result = Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        connection.close()
        return result
