"""Replaced again and again under load: no request fails, no WebSocket is cut."""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field

import pytest

from reconciler.testing import eventually, free_port

from .crowd import crowd
from .herd import Herd, make_herd

SOAK = os.environ.get("RECONCILER_SOAK") == "1"
ROUNDS = 100 if SOAK else 2

pytestmark = [pytest.mark.real, pytest.mark.timeout(1800 if SOAK else 180)]

SERVER = """\
import http.server, os, signal, time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.headers.get("Upgrade"):
            return self.echo()
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/slow":
            time.sleep(0.3)
        body = os.environ["VERSION"].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def echo(self):
        self.send_response(101)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", "websocket")
        self.end_headers()
        self.close_connection = True
        while line := self.rfile.readline():
            self.wfile.write(line)

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128


# It cares for nothing when it is told to end: whatever it still has to do is lost.
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
SPEC = """\
apiVersion: reconciler.dev/v1
kind: Gateway
metadata: {{name: gateway}}
spec: {{listen: {port}}}
---
apiVersion: reconciler.dev/v1
kind: Route
metadata: {{name: web}}
spec: {{proxy: {{process: {{name: web, port: http, wait: 5s}}}}}}
---
apiVersion: reconciler.dev/v1
kind: Process
metadata: {{name: web}}
spec:
  command: [python3, server.py]
  env: {{VERSION: "{version}"}}
  ports: [{{name: http, port: auto}}]
  probes:
    readiness: {{tcp: {{port: http}}, period: 100ms, failureThreshold: 1}}
  rollout: {{strategy: blueGreen, minHealthyTime: 200ms, drainTimeout: {drain}}}
"""
HELLO = b"""\
GET /socket HTTP/1.1\r
Host: localhost\r
Connection: Upgrade\r
Upgrade: websocket\r
Sec-WebSocket-Version: 13\r
Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r
\r
"""


@dataclass
class Talkers:
    """Clients that hold a WebSocket for a while, say something, and expect to hear it again."""

    port: int
    talks: int = 0
    cut: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def talk(self, seed: int) -> None:
        dice = random.Random(seed)
        while not self.over.is_set():
            try:
                self._once(dice.uniform(0.2, 1.2))
                self.talks += 1
            except OSError as error:
                self.cut.append(repr(error))

    def _once(self, seconds: float) -> None:
        with closing(socket.create_connection(("127.0.0.1", self.port), 20)) as wire:
            wire.sendall(HELLO)
            answer = wire.makefile("rb")
            if b" 101 " not in (status := answer.readline()):
                raise OSError(status)
            while answer.readline().strip():
                pass
            end = time.monotonic() + seconds
            while time.monotonic() < end and not self.over.is_set():
                wire.sendall(b"still there?\n")
                if answer.readline() != b"still there?\n":
                    raise OSError("cut off")
                time.sleep(0.02)


@pytest.fixture
def herd() -> Iterator[Herd]:
    with make_herd() as stack:
        (stack.root / "server.py").write_text(SERVER)
        stack.port = free_port()
        yield stack


def write(stack: Herd, version: int, drain: str) -> None:
    text = SPEC.format(port=stack.port, version=version, drain=drain)
    (stack.root / "specs" / "web.yaml").write_text(text)


def replace_often(stack: Herd, rounds: int, drain: str) -> tuple[dict[str, int], list[str], int]:
    """What was not answered, the talks that were cut, and how many talks there were."""
    write(stack, 0, drain)
    stack.begin()
    stack.up()
    talkers = Talkers(stack.port)
    threads = [threading.Thread(target=talkers.talk, args=(n,)) for n in range(4)]
    try:
        with crowd(stack.port, "GET", "POST", "GET", "GET /slow") as many:
            for thread in threads:
                thread.start()
            for version in range(1, rounds + 1):
                write(stack, version, drain)
                stack.commit(str(version))
                if version % 5 == 0:
                    time.sleep(random.uniform(0.0, 1.5))
                    stack.kill_operator()
                eventually(lambda v=version: many.names[str(v)] > 20, 60)
                eventually(lambda: len(stack.pids()) == 1, 60)
    finally:
        talkers.over.set()
        for thread in threads:
            thread.join()
    return dict(many.failed), talkers.cut, talkers.talks


def test_nothing_is_lost(herd: Herd) -> None:
    """Requests short and long, and WebSockets; the old one drops all it has when it is stopped."""
    failed, cut, talks = replace_often(herd, ROUNDS, "20s")
    assert failed == {}
    assert cut == []
    assert talks > ROUNDS


def test_without_the_drain_it_is_lost(herd: Herd) -> None:
    """The same with no time to finish: it is the drain that saves them."""
    failed, cut, _ = replace_often(herd, 1, "0s")
    assert failed or cut
