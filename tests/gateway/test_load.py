"""A thousand changes of routes while requests and WebSockets go through."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from itertools import count
from typing import Any

import pytest

from reconciler.clients.table import DropEntry, PutEntry
from reconciler.kinds.route.state import to_wire

from .conftest import Backend, Gateway, MakeBackend, parse_head, rule_of

pytestmark = pytest.mark.real

FULL = os.environ.get("RECONCILER_SOAK") == "1"
UPDATES, SOCKETS, CLIENTS = (1000, 200, 8) if FULL else (150, 40, 4)
UPGRADE = b"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


class Client:
    """One connection, kept: a request that fails on it fails the test."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def open(self) -> None:
        self._left = 900
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)

    async def get(self, path: str) -> str:
        """What the program behind ``path`` was asked for."""
        if self._left == 0:  # nginx ends a connection after a thousand requests
            self.writer.close()
            await self.open()
        self._left -= 1
        self.writer.write(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        head = parse_head(await self.reader.readuntil(b"\r\n\r\n"))
        assert head["target"] == "200", (path, head)
        headers: Any = head["headers"]
        body = await self.reader.readexactly(int(headers["content-length"]))
        return str(json.loads(body)["target"])


def to(backend: Backend, path: str, priority: int = 0) -> dict[str, object]:
    match = {"pathPrefix": path}
    return {"priority": priority, "match": match, "proxy": {"backend": backend.url}}


async def put(gateway: Gateway, name: str, spec: dict[str, object]) -> None:
    await gateway.parts.table.change(PutEntry(name, to_wire(rule_of(spec))))


async def asking(gateway: Gateway, done: asyncio.Event, number: int, seen: Counter[str]) -> None:
    """Ask for two programs in turn until it is over."""
    client = Client(gateway.port)
    await client.open()
    for step in count():
        if done.is_set():
            break
        kind = "ab"[step % 2]
        path = f"/{kind}/{number}-{step}"
        assert await client.get(path) == path
        seen[kind] += 1
    client.writer.close()


async def open_sockets(gateway: Gateway) -> list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    opened = []
    for _ in range(SOCKETS):
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(UPGRADE)
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        opened.append((reader, writer))
    return opened


@pytest.mark.timeout(300)
async def test_no_request_is_lost_or_misled_by_changes(
    gateway: Gateway, make_backend: MakeBackend
) -> None:
    """Every request finds its program, the next one after a change the new one; sockets stay."""
    a, b, ws = [await make_backend() for _ in range(3)]
    await gateway.serve(a=to(a, "/a/"), b=to(b, "/b/"), ws=to(ws, "/ws"), flip=to(a, "/flip/"))
    sockets = await open_sockets(gateway)
    done, seen = asyncio.Event(), Counter[str]()
    probe = Client(gateway.port)
    await probe.open()
    async with asyncio.TaskGroup() as group:
        for number in range(CLIENTS):
            group.create_task(asking(gateway, done, number, seen))
        for number in range(UPDATES):
            await change(gateway, number, (a, b)[number % 2])
            await probe.get(f"/flip/{number}")
        done.set()
    probe.writer.close()
    assert (await gateway.parts.wire.status()).version > UPDATES
    for reader, writer in sockets:
        writer.write(b"still here")
        assert await reader.readexactly(10) == b"STILL HERE"
        writer.close()
    assert seen["a"] > UPDATES / 10 < seen["b"]
    assert asked(a) == {"a": seen["a"], "flip": UPDATES // 2}
    assert asked(b) == {"b": seen["b"], "flip": UPDATES // 2}
    assert flips(a) == list(range(0, UPDATES, 2))
    assert flips(b) == list(range(1, UPDATES, 2))


async def change(gateway: Gateway, number: int, backend: Backend) -> None:
    """The route that is asked for next, and one that only comes or goes."""
    other = f"other-{number % 20}"
    coming = number // 20 % 2 == 0
    await asyncio.gather(
        put(gateway, "flip", to(backend, "/flip/", priority=number % 3)),
        put(gateway, other, to(backend, f"/{other}/", priority=9))
        if coming
        else gateway.parts.table.change(DropEntry(other)),
    )


def targets(backend: Backend) -> list[str]:
    return [str(parse_head(head)["target"]) for head in backend.requests]


def asked(backend: Backend) -> dict[str, int]:
    """How often it was asked, by the first part of the path."""
    return dict(Counter(target.split("/")[1] for target in targets(backend)))


def flips(backend: Backend) -> list[int]:
    return [int(one.split("/")[2]) for one in targets(backend) if one.startswith("/flip/")]
