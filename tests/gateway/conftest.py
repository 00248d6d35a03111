"""A real gateway, and backends that say what reached them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, TypeAlias

import httpx
import pytest

from reconciler.clients.table import Edit, PutDefault, PutEntry
from reconciler.core.model import Origin, Ref, Resource
from reconciler.kinds.gateway import KIND
from reconciler.kinds.gateway.actions import Configure, Start
from reconciler.kinds.gateway.spec import GatewaySpec
from reconciler.kinds.gateway.state import render as listener
from reconciler.kinds.route import KIND as ROUTE
from reconciler.kinds.route.actions import PutRule
from reconciler.kinds.route.spec import RouteSpec
from reconciler.kinds.route.state import Rule, render, to_wire
from reconciler.testing import eventually_async, free_port
from reconciler.testing.nginx import LocalGateway, make_gateway

GATEWAY = Ref("Gateway", "gateway")


@dataclass
class Backend:
    """A server that answers with what it was asked, byte for byte."""

    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    silent: bool = False
    fickle: bool = False
    broken: bool = False
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(
        self,
        host: str = "127.0.0.1",
        socket: Path | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        if socket:
            self._server = await asyncio.start_unix_server(self._serve, socket)
        else:
            self._server = await asyncio.start_server(self._serve, host, self.port, ssl=tls)
            self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server:
            self._server.close()
            for writer in self._writers:
                writer.transport.abort()
            await self._server.wait_closed()
            await asyncio.sleep(0)  # for those to be gone

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        served = 0
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(head)
                self.asked.set()
                if self.broken or (self.fickle and served):
                    break
                served += 1
                await self._answer(head, reader, writer)
        self._writers.discard(writer)
        writer.close()

    async def _answer(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        said = parse_head(head)
        if self.silent:
            await asyncio.sleep(60)
        if said["headers"].get("upgrade") == "websocket":
            await _echo(reader, writer)
        if said["target"].startswith("/events"):
            await self._stream(writer)
            return
        if said["target"].startswith("/big"):
            await self._flood(writer)
            return
        said["size"] = await _count_body(reader, int(said["headers"].get("content-length", 0)))
        body = json.dumps(said).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()

    async def _flood(self, writer: asyncio.StreamWriter) -> None:
        size, block = 32_000_000, b"x" * 1_000_000
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // len(block)):
            writer.write(block)
            await writer.drain()
        self.done.set()

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        writer.write(b"data: first\n\n")
        await writer.drain()
        await asyncio.sleep(60)


async def _count_body(reader: asyncio.StreamReader, size: int) -> int:
    left = size
    while left:
        block = await reader.read(min(left, 1 << 20))
        if not block:
            raise asyncio.IncompleteReadError(b"", left)
        left -= len(block)
    return size


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"
    )
    while data := await reader.read(1024):
        writer.write(data.upper())
        await writer.drain()


def parse_head(head: bytes) -> dict[str, object]:
    """Method, target and headers of a request or status line and headers of an answer."""
    lines = head.decode("latin-1").split("\r\n")
    first = lines[0].split(" ")
    headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
    return {
        "method": first[0],
        "target": first[1],
        "headers": {name.lower(): value for name, value in headers.items()},
        "names": [name.lower() for name in headers],
    }


MakeBackend: TypeAlias = Callable[..., Awaitable[Backend]]


@pytest.fixture
async def make_backend() -> AsyncIterator[MakeBackend]:
    """Start servers; they end with the test."""
    started: list[Backend] = []

    async def make(**options: Any) -> Backend:
        backend = Backend(port=options.pop("port", 0), broken=options.pop("broken", False))
        await backend.start(**options)
        started.append(backend)
        return backend

    yield make
    for backend in started:
        await backend.close()


@pytest.fixture
async def backend(make_backend: MakeBackend) -> Backend:
    """One server."""
    return await make_backend()


@dataclass
class Gateway:
    """A running gateway and what tests do with it."""

    parts: LocalGateway
    port: int
    client: httpx.AsyncClient

    async def serve(self, default: str | None = None, **specs: dict[str, object]) -> None:
        """Serve these routes, written as in YAML, besides those that are there."""
        edits: list[Edit] = [PutEntry(name, to_wire(rule_of(spec))) for name, spec in specs.items()]
        if default:
            edits.append(PutDefault(default))
        await asyncio.gather(*(self.parts.table.change(edit) for edit in edits))

    def put(self, name: str, spec: dict[str, object]) -> PutRule:
        """The action that serves one route."""
        return PutRule(name, rule_of(spec))

    async def follow(self, **specs: dict[str, object]) -> int:
        """Do what time has brought these routes; how much that was."""
        seen = await self.parts.routes.observe()
        actions = []
        for name, spec in specs.items():
            origin = Origin(PurePath("r.yaml"), 1)
            resource = Resource(Ref("Route", name), RouteSpec.model_validate(spec), origin)
            actions += ROUTE.due(resource, seen[name], 0.0).actions
        for action in actions:
            await self.parts.routes.apply(action)
        return len(actions)

    async def follow_gateway(self, spec: dict[str, object]) -> None:
        """Do what time has brought the gateway."""
        resource = Resource(
            GATEWAY, GatewaySpec.model_validate(spec), Origin(PurePath("g.yaml"), 1)
        )
        seen = (await self.parts.gateway.observe())["gateway"]
        for action in KIND.due(resource, seen, 0.0).actions:
            await self.parts.gateway.apply(action)

    async def configure(self, **spec: object) -> None:
        """Run with these fields of the Gateway, written as in YAML; paths are absolute."""
        read = GatewaySpec.model_validate({"listen": self.port, **spec})
        wanted = listener(Resource(GATEWAY, read, Origin(PurePath("g.yaml"), 1)))
        before = await self.parts.wire.status()
        action = Configure("gateway", wanted.listen, wanted.bind, wanted.settings)
        await self.parts.gateway.apply(action)

        async def loaded() -> bool:
            status = await self.parts.wire.status()
            state = (await self.parts.gateway.observe())["gateway"].state
            pids = {worker.pid for worker in status.workers.values()}
            old = {worker.pid for worker in before.workers.values()}
            fresh = state.loaded and state.settings == wanted.settings and not pids & old
            return fresh and all(map(has_left, old))

        await eventually_async(loaded)
        await answering(self.parts)

    async def get(self, path: str, **options: object) -> httpx.Response:
        return await self.client.get(path, **options)

    async def echo(self, path: str, **options: object) -> dict[str, object]:
        """What reached the backend."""
        response = await self.client.get(path, **options)
        assert response.status_code == 200, response.text
        return response.json()

    async def raw(self, request: bytes) -> bytes:
        """Send bytes, read all that comes back."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        try:
            return await asyncio.wait_for(reader.read(), 15)
        finally:
            writer.close()

    async def settled(self) -> None:
        """Every worker serves the newest table."""

        async def same() -> bool:
            status = await self.parts.wire.status()
            versions = {worker.version for worker in status.workers.values()}
            return versions == {status.version} and len(status.workers) == status.worker_count

        await eventually_async(same)


def has_left(pid: int) -> bool:
    """Whether a worker takes no new requests any more: until it hears of a reload it does."""
    try:
        title = Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return True
    return not title or b"shutting down" in title  # a zombie has none


def rule_of(spec: dict[str, object]) -> Rule:
    """The rule of a route's spec, written as in YAML."""
    read = RouteSpec.model_validate(spec)
    return render(Resource(Ref("Route", "x"), read, Origin(PurePath("r.yaml"), 1)))


async def start(parts: LocalGateway) -> int:
    """Have the gateway run on a free port."""
    port = free_port()
    await parts.gateway.apply(Configure("gateway", port, "127.0.0.1"))
    await parts.gateway.apply(Start(port, "127.0.0.1"))
    await answering(parts)
    return port


async def answering(parts: LocalGateway) -> None:
    """Wait until every worker has reported."""

    async def up() -> bool:
        seen = await parts.gateway.observe()
        vitals = seen["gateway"].vitals
        return vitals["state"] == "running" and len(vitals["workers"]) == vitals["workerCount"]

    await eventually_async(up)


@pytest.fixture
async def gateway(stack_dir: Path) -> AsyncIterator[Gateway]:
    """A running gateway without routes."""
    parts = make_gateway(stack_dir)
    try:
        port = await start(parts)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            yield Gateway(parts, port, client)
    finally:
        await parts.aclose()
