"""A client's certificate: renewed while its citizen connects, and the node's key changed when they wish it.

Source of the certificate's layout: PROTOCOL.certkeys of OpenSSH. Times in Unix seconds.
"""

from __future__ import annotations

import base64
import contextlib
import logging
import os
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fwrkit.agent import joining
from fwrkit.agent.citizen.ssh import Upstream, read_upstream
from fwrkit.agent.keys import fingerprint, make_key
from fwrkit.core.errors import ExitCode, FwrError

log = logging.getLogger("fwrkit.credentials")

_DAILY = 86400.0  # seconds after which a certificate is renewed, if there is a connection
_AT_MOST = 300.0  # seconds between two tries at the door that needs no certificate
_ASKED = 15.0  # seconds between two looks what became of a request
_NEXT = "node-next"  # the key that is to take the node's place


@dataclass(frozen=True)
class Validity:
    """When a certificate begins and ends to be valid."""

    since: int
    until: int


def validity(certificate: str) -> Validity:
    """Given a citizen's certificate, one line, return when it is valid. Raise ValueError if it is none."""
    data = base64.b64decode(certificate.split()[1], validate=True)
    try:
        position = 0
        for _ in range(3):  # type, nonce, public key
            position += 4 + struct.unpack_from(">I", data, position)[0]
        position += 12  # serial, kind
        for _ in range(2):  # name, principals
            position += 4 + struct.unpack_from(">I", data, position)[0]
        since, until = struct.unpack_from(">QQ", data, position)
    except (struct.error, IndexError) as error:
        raise ValueError("no certificate") from error
    return Validity(since, until)


class Credentials:
    """Tends a client's key and certificate.

    ``ask`` asks the upstream; ``is_connected`` says whether the stream stands, ``wanted`` how often the server has asked for a renewal.
    """

    def __init__(
        self,
        keys: Path,
        node_id: str,
        ask: Callable[[str, dict[str, Any]], dict[str, Any]],
        is_connected: Callable[[], bool],
        wanted: Callable[[], int] = lambda: 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._node_id = node_id
        self._ask = ask
        self._is_connected = is_connected
        self._wanted = wanted
        self._done = 0  # renewals that were wanted, and have been
        self._clock = clock
        self._next_try = 0.0
        self._one = threading.Lock()

    def tend(self) -> None:
        """Renew the certificate if it is time to; see whether a request was answered. Failures are logged, and it is tried again later."""
        with self._one:
            now, wanted = self._clock(), self._wanted()
            if now < self._next_try and wanted == self._done:
                return
            try:
                upstream = read_upstream(self._keys)
                if upstream is None:
                    self._next_try = now + _ASKED
                    joining.ask_again(self._keys, self._node_id)
                elif (self._keys / _NEXT).exists() and not self._is_connected():
                    self._next_try = now + _AT_MOST
                    self._finish_change(upstream)
                elif wanted != self._done or self._is_due(now):
                    self._next_try = now + _AT_MOST
                    self._renew(upstream)
                    self._done = wanted
            except FwrError as error:
                log.info("not renewed: %s", error.message)

    def _is_due(self, now: float) -> bool:
        try:
            valid = validity((self._keys / "node-cert.pub").read_text())
        except (OSError, ValueError):
            return True
        made = (self._keys / "node-cert.pub").stat().st_mtime
        is_over = valid.until <= now or now < valid.since
        return is_over or (self._is_connected() and (now - made >= _DAILY or made > now))

    def _renew(self, upstream: Upstream) -> None:
        answer = self._ask("renew", {}) if self._is_connected() else joining.renew(self._keys, upstream, self._keys / "node")
        joining.take_certificate(answer, self._keys, upstream)
        log.info("the certificate is renewed")

    def change_key(self) -> dict[str, Any]:
        """Give this node a new key, and let the old one open nothing any more. Return the new fingerprint. Raise FwrError."""
        with self._one:
            upstream = read_upstream(self._keys)
            if upstream is None:
                raise FwrError(ExitCode.HELD, "This node has not joined a world yet.", "Join one: fwrkit join SERVER")
            public = make_key(self._keys / _NEXT, f"fwrkit node {self._node_id}")
            self._install(self._ask("change-key", {"public_key": public}), upstream)
            return {"fingerprint": fingerprint(public)}

    def _finish_change(self, upstream: Upstream) -> None:
        """The agent was stopped while the key was being changed: which of the two the server knows, it says itself."""
        try:
            answer = joining.renew(self._keys, upstream, self._keys / _NEXT)
        except FwrError as error:
            if error.code is not ExitCode.REFUSED:
                raise
            for name in (_NEXT, f"{_NEXT}.pub"):  # it knows the old one
                (self._keys / name).unlink(missing_ok=True)
            return
        self._install(answer, upstream)

    def _install(self, answer: dict[str, Any], upstream: Upstream) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.replace(self._keys / f"{_NEXT}.pub", self._keys / "node.pub")
        os.replace(self._keys / _NEXT, self._keys / "node")
        joining.take_certificate(answer, self._keys, upstream)
