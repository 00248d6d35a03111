"""Clients that keep asking, each as soon as it was answered, and what they were answered."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

SERVER = """\
import http.server, os, pathlib, signal, threading

NAME = os.environ["RECONCILER_PROCESS"]
READY = pathlib.Path("signs") / NAME
leaving = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        is_probe = self.path == "/ready"
        body = NAME.encode()
        self.send_response(200 if READY.exists() or not is_probe else 503)
        self.send_header("Content-Length", str(len(body)))
        if leaving.is_set():
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128


def leave(*_):
    leaving.set()
    threading.Thread(target=server.shutdown).start()


server = Server(("127.0.0.1", int(os.environ["PORT"])), Handler)
signal.signal(signal.SIGTERM, leave)
server.serve_forever(poll_interval=0.05)
server.server_close()
"""
"""A server that finishes what it has begun, and says which instance it is."""


@dataclass
class Crowd:
    """What was answered. ``counts`` is by status, ``names`` by who answered well."""

    port: int
    counts: Counter[str] = field(default_factory=Counter)
    names: Counter[str] = field(default_factory=Counter)
    _over: threading.Event = field(default_factory=threading.Event)

    @property
    def failed(self) -> Counter[str]:
        """All that was not answered well."""
        return Counter({what: count for what, count in self.counts.items() if what != "200"})

    def ask(self, method: str) -> None:
        """Go on asking over one connection; ``GET /slow`` names the path too."""
        method, _, path = method.partition(" ")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        body = b"x" * 100 if method == "POST" else None
        with closing(connection):
            while not self._over.is_set():
                try:
                    connection.request(method, path or "/", body=body)
                    response = connection.getresponse()
                    said = response.read().decode()
                except (OSError, http.client.HTTPException) as error:
                    connection.close()
                    self.counts[type(error).__name__] += 1
                    continue
                self.counts[str(response.status)] += 1
                if response.status == http.client.OK:
                    self.names[said] += 1

    def end(self) -> None:
        self._over.set()


@contextmanager
def crowd(port: int, *methods: str) -> Iterator[Crowd]:
    """One client for each method, for as long as the block lasts."""
    many = Crowd(port)
    threads = [threading.Thread(target=many.ask, args=(method,)) for method in methods]
    for thread in threads:
        thread.start()
    try:
        yield many
    finally:
        many.end()
        for thread in threads:
            thread.join()
