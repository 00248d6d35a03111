"""GitHub's releases over real HTTP, for tests: it remembers, it pages, and it fails on request."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from .github_hub import Asset, Exchanged, Hub
from .github_shapes import release_shape, uploaded_shape

PAGE: Final = 30


class Exchange(BaseHTTPRequestHandler):
    """One request. Routes are looked up by their pattern."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        self.path_only = unquote(parts.path)
        self.query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        hub, size = self.server.hub, int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(size)
        if len(self.body) < size:
            self._leave_half()
            return
        faults = hub.faults.get(self.command) or []
        if faults and faults.pop(0)(self):
            return
        self.act()

    def _leave_half(self) -> None:
        """An upload that broke off leaves its name behind, in the state ``starter``."""
        self.close_connection = True
        if "name" in self.query:
            self.server.hub.add(self.query["name"], b"", state="starter")

    def act(self) -> None:
        """Do what was asked for, and answer."""
        hub = self.server.hub
        if hub.token and self.headers.get("Authorization") != f"Bearer {hub.token}":
            self.tell(
                404 if not self.headers.get("Authorization") else 401, _said("Bad credentials")
            )
            return
        for method, pattern, handler in ROUTES:
            found = re.fullmatch(pattern, self.path_only)
            if method == self.command and found and found["repo"] == hub.repo:
                with hub.lock:
                    answer = handler(self, found)
                if answer is not None:
                    self.tell(*answer)
                return
        self.tell(404, _said("Not Found"))

    def tell(self, status: int, answer: Any, headers: Mapping[str, str] | None = None) -> None:
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        if status == 204:  # noqa: PLR2004 (no content)
            content = b""
        self.note(status, answer)
        self.send_response(status)
        kind = "application/octet-stream" if isinstance(answer, bytes) else "application/json"
        for name, value in {"Content-Type": kind, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def note(self, status: int, answer: Any) -> None:
        body: Any = self.body
        if self.headers.get("Content-Type", "").startswith("application/json"):
            body = json.loads(self.body)
        kept = None if isinstance(answer, bytes) else answer
        self.server.hub.seen.append(
            Exchanged(
                self.command, self.path_only, self.query, dict(self.headers), status, kept, body
            )
        )

    def hang_up(self) -> None:
        """End the connection in the middle."""
        self.wfile.flush()
        self.connection.shutdown(2)
        self.close_connection = True

    def base(self) -> str:
        return self.server.url

    def shape(self, asset: Asset) -> Any:
        hub = self.server.hub
        digest = f"sha256:{hashlib.sha256(asset.content).hexdigest()}" if hub.digests else None
        facts = {"id": asset.id, "name": asset.name, "state": asset.state, "digest": digest}
        return uploaded_shape(self.base(), hub.repo, {**facts, "size": len(asset.content)})


Answer = tuple[int, Any] | None


def _releases(exchange: Exchange, _: re.Match[str]) -> Answer:
    size = int(exchange.query.get("per_page", PAGE))
    found = [_whole_release(exchange, tag) for tag in exchange.server.hub.releases]
    return 200, found[:size]


def _release(exchange: Exchange, found: re.Match[str]) -> Answer:
    tag = found["tag"]
    if tag not in exchange.server.hub.releases:
        return 404, _said("Not Found")
    return 200, _whole_release(exchange, tag)


def _whole_release(exchange: Exchange, tag: str) -> Any:
    hub = exchange.server.hub
    assets = [exchange.shape(one) for one in hub.releases[tag].values()][:PAGE]
    number = 1 + list(hub.releases).index(tag)
    return release_shape(exchange.base(), hub.repo, {"id": number, "tag": tag, "assets": assets})


def _create(exchange: Exchange, _: re.Match[str]) -> Answer:
    hub, wanted = exchange.server.hub, json.loads(exchange.body)
    tag = wanted["tag_name"]
    if hub.empty:
        return 422, _said("Repository is empty.")
    if tag in hub.releases:
        return 422, _invalid("Release", "already_exists", "tag_name")
    hub.releases[tag] = {}
    return 201, _whole_release(exchange, tag)


def _list(exchange: Exchange, found: re.Match[str]) -> Answer:
    size, page = int(exchange.query.get("per_page", PAGE)), int(exchange.query.get("page", 1))
    assets = [*_assets(exchange.server.hub, int(found["id"])).values()]
    return 200, [exchange.shape(one) for one in assets[(page - 1) * size : page * size]]


def _upload(exchange: Exchange, found: re.Match[str]) -> Answer:
    hub, name = exchange.server.hub, exchange.query["name"]
    tag = list(hub.releases)[int(found["id"]) - 1]
    if any(one.name == name for one in hub.releases[tag].values()):
        return 422, _invalid("ReleaseAsset", "already_exists", "name")
    return 201, exchange.shape(hub.add(name, exchange.body, tag=tag))


def _download(exchange: Exchange, found: re.Match[str]) -> Answer:
    hub = exchange.server.hub
    every = {i: one for assets in hub.releases.values() for i, one in assets.items()}
    asset = every.get(int(found["id"]))
    if asset is None:
        return 404, _said("Not Found")
    if exchange.headers.get("Accept") != "application/octet-stream":
        return 200, exchange.shape(asset)
    if hub.elsewhere:
        exchange.tell(302, b"", {"Location": f"{hub.elsewhere}/{asset.id}?signature=let-me-in"})
        return None
    send(exchange, asset.content)
    return None


def _delete(exchange: Exchange, found: re.Match[str]) -> Answer:
    for assets in exchange.server.hub.releases.values():
        if assets.pop(int(found["id"]), None):
            return 204, None
    return 404, _said("Not Found")


def send(exchange: Exchange, content: bytes) -> None:
    """Content, or the part of it that is asked for."""
    found = re.fullmatch(r"bytes=(\d+)-", exchange.headers.get("Range", ""))
    if found is None:
        exchange.tell(200, content)
    elif int(found[1]) >= len(content):
        exchange.tell(416, b"", {"Content-Range": f"bytes */{len(content)}"})
    else:
        told = f"bytes {found[1]}-{len(content) - 1}/{len(content)}"
        exchange.tell(206, content[int(found[1]) :], {"Content-Range": told})


def _assets(hub: Hub, release: int) -> dict[int, Asset]:
    return hub.releases[list(hub.releases)[release - 1]]


def _said(message: str) -> Any:
    return {"message": message, "documentation_url": "https://docs.github.com/rest"}


def _invalid(resource: str, code: str, name: str) -> Any:
    flaw = {"resource": resource, "code": code, "field": name}
    return {**_said("Validation Failed"), "errors": [flaw]}


_TOP: Final = r"/repos/(?P<repo>[^/]+/[^/]+)"
ROUTES: Final = (
    ("GET", rf"{_TOP}/releases", _releases),
    ("GET", rf"{_TOP}/releases/tags/(?P<tag>[^/]+)", _release),
    ("POST", rf"{_TOP}/releases", _create),
    ("GET", rf"{_TOP}/releases/(?P<id>\d+)/assets", _list),
    ("POST", rf"/api/uploads{_TOP}/releases/(?P<id>\d+)/assets", _upload),
    ("GET", rf"{_TOP}/releases/assets/(?P<id>\d+)", _download),
    ("DELETE", rf"{_TOP}/releases/assets/(?P<id>\d+)", _delete),
)


class Server(ThreadingHTTPServer):
    """The API, listening on a port of this machine."""

    daemon_threads = True

    def __init__(self, hub: Hub) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.hub = hub
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def serving(hub: Hub) -> Iterator[Server]:
    """The API, until the end of the block."""
    server = Server(hub)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
