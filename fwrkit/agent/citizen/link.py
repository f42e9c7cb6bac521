"""Keeps one connection to the upstream: dial, hand it to the engine, and dial again when it ends."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fwrkit.agent.backoff import Backoff, Pauses
from fwrkit.agent.citizen.carriers import Carrier, LocalCarrier
from fwrkit.agent.citizen.engine import Engine
from fwrkit.agent.citizen.ssh import stream_command, write_configuration
from fwrkit.agent.citizen.unison import UnisonCarrier
from fwrkit.agent.citizen.upstreams import Choice, Ending
from fwrkit.agent.wire.channel import Channel, over_socket
from fwrkit.agent.wire.messages import FROM_SERVER, Ping, Refusal
from fwrkit.core.commands import start
from fwrkit.core.errors import FwrError

log = logging.getLogger("fwrkit.link")

_DELAYS = (0.0, 0.5, 1.0, 2.0, 4.0, 5.0)  # seconds before the first, second, … try; the last one for all that follow
_STUCK = Pauses(0.5, 60.0)  # before the next try, where connections stand and end again without anything having got through
_STUCK_TRIES = 4  # of such connections after which people are told
_QUESTIONS = 4  # that a server leaves unanswered before it is given up
_LEAST_SILENCE = 5.0  # seconds: a hub that is busy may take some to answer
_STOOD = 5.0  # seconds after which the end of a connection is no sign that the next one will end as well
_NO_ENTRY = "Permission denied"  # what ssh says when it was the server that did not let it in; ssh tells this in words only
_NOT_ENROLLED = 0.2  # seconds between two looks whether this node was enrolled meanwhile

Callbacks = tuple[Callable[[Any], None], Callable[[str], None]]
Dial = Callable[[Callable[[Any], None], Callable[[str], None]], tuple[Channel, Carrier] | None]


class Link:
    """Owns the connection. ``dial`` returns a channel that is not started yet and its carrier, None if there is no upstream so far.

    ``ended`` hears how each try was answered. ``silence``: seconds for which the upstream may say nothing, although it is asked; ssh notices
    sooner where its machine is gone, but an sshd goes on to answer for an agent that does not.
    """

    def __init__(self, engine: Engine, dial: Dial, ended: Callable[[Ending], None] = lambda _: None, silence: float = 180.0) -> None:
        self._engine = engine
        self._dial = dial
        self._ended = ended
        self._silence = max(silence, _LEAST_SILENCE)
        self._stop = threading.Event()
        self._channel: Channel | None = None
        self._thread = threading.Thread(target=self._loop, name="link", daemon=True)
        self.last_words = ""
        self.trouble = ""  # a sentence while connections end again and again before anything has got through

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def stop(self) -> None:
        """Let the connection go for good."""
        self._stop.set()
        if self._channel is not None:
            self._channel.close("the node stops")
        self._thread.join(5)

    def hang_up(self, reason: str) -> None:
        """End the connection that there is; the next one is dialled as the node's upstream is then."""
        if self._channel is not None:
            self._channel.close(reason)

    def _loop(self) -> None:
        tries = 0
        stuck = Backoff(_STUCK)
        while not self._stop.is_set():
            began, before = time.monotonic(), self._engine.progress
            try:
                ending = self._once()
            except (OSError, FwrError) as error:
                self.last_words = str(error)
                ending = Ending.UNANSWERED
            if ending is None:
                self._stop.wait(_NOT_ENROLLED)
                continue
            self._ended(ending)
            tries = 1 if ending is Ending.LET_IN and time.monotonic() - began >= _STOOD else tries + 1
            pause = _DELAYS[min(tries, len(_DELAYS)) - 1]
            if ending is Ending.LET_IN and self._engine.is_behind and self._engine.progress == before:
                pause = max(pause, stuck.failed())
            elif ending is Ending.LET_IN:
                stuck.succeeded()
            self.trouble = ""
            if stuck.tries >= _STUCK_TRIES:
                why = f"The connection has ended {stuck.tries} times before anything got through: {self.last_words}."
                self.trouble = f"{why} It is tried again in {pause:.0f} seconds."
            self._stop.wait(pause)

    def _once(self) -> Ending | None:
        """Have one connection from its beginning to its end. Return how the upstream answered, None if there is none to dial."""
        ended = threading.Event()
        answers: list[Ending] = []
        box: list[Channel] = []

        def on_message(message: Any) -> None:
            if not answers or isinstance(message, Refusal):
                answers.append(Ending.TURNED_AWAY if isinstance(message, Refusal) else Ending.LET_IN)
            self._engine.received(box[0], message)

        def on_end(reason: str) -> None:
            self.last_words = reason
            ended.set()

        dialled = self._dial(on_message, on_end)
        if dialled is None:
            return None
        channel, carrier = dialled
        box.append(channel)
        self._channel = channel
        self._engine.connected(channel, carrier)
        channel.start()
        self._stand(channel, ended)
        carrier.stop()
        self._engine.ended(channel)
        if answers:
            return answers[-1]
        return Ending.TURNED_AWAY if _NO_ENTRY in self.last_words else Ending.UNANSWERED

    def _stand(self, channel: Channel, ended: threading.Event) -> None:
        """Wait until a connection has ended; end it where nothing moves any more. What is slow moves, at whatever rate."""
        unanswered = moved = 0
        while not ended.wait(self._silence / _QUESTIONS):
            before, moved = moved, channel.moved
            unanswered = 0 if moved != before else unanswered + 1
            if unanswered >= _QUESTIONS:
                channel.close(f"the server has said nothing for {self._silence:.0f} seconds")
            else:
                channel.send(Ping(0))


def over_ssh(keys: Path, run: Path, unison_directory: Path, choose: Callable[[], Choice | None]) -> Dial:
    """Return how a client dials the upstream that ``choose`` names."""

    def dial(on_message: Callable[[Any], None], on_end: Callable[[str], None]) -> tuple[Channel, Carrier] | None:
        choice = choose()
        if choice is None:
            return None
        upstream = choice.upstream
        configuration = write_configuration(upstream, keys, run, choice.peer, choice.revoked)
        (run / "ssh.sock").unlink(missing_ok=True)
        process = start(stream_command(configuration), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        errors = process.stderr

        def close() -> None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

        def ended(reason: str) -> None:
            words = errors.read(4096).decode(errors="replace").strip().splitlines()
            on_end(words[-1] if words else reason)

        channel = Channel(process.stdout, process.stdin, FROM_SERVER, on_message, ended, close)
        return channel, UnisonCarrier(upstream.citizen, configuration, unison_directory)

    return dial


def over_socket_of(path: Path, replica: Path, outbox: Path) -> Dial:
    """Return how the server's own engine dials the hub beside it."""

    def dial(on_message: Callable[[Any], None], on_end: Callable[[str], None]) -> tuple[Channel, Carrier] | None:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(path))
        return over_socket(connection, FROM_SERVER, on_message, on_end), LocalCarrier(replica, outbox)

    return dial
