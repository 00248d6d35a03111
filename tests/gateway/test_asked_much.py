"""A question about ten thousand rules, and the requests that come meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import psutil
import pytest

from reconciler.kinds.route.state import to_wire
from reconciler.testing import eventually_async

from .conftest import Gateway, rule_of

pytestmark = pytest.mark.real

RULES, CLIENTS = 10_000, 16
ROUNDS = 5
"""A client that is held up for longer than a question takes proves nothing."""
REQUEST = b"GET /old HTTP/1.1\r\nHost: h\r\n\r\n"


class Client:
    """A connection that is kept, to whichever worker took it."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def open(self) -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        await self.ask()

    async def ask(self) -> None:
        self.writer.write(REQUEST)
        head = await self.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 204"), head

    @property
    def port(self) -> int:
        return int(self.writer.get_extra_info("sockname")[1])


def owners(pids: set[int], clients: list[Client]) -> set[int]:
    """The workers that these connections belong to."""
    ours = {client.port for client in clients}
    return {
        pid
        for pid in pids
        for one in psutil.Process(pid).net_connections("tcp")
        if getattr(one.raddr, "port", None) in ours
    }


def place(number: int) -> str:
    return f"/a/{number % 70}/{number}/"


def question() -> bytes:
    spec = {"match": {"pathPrefix": "/a/", "methods": ["GET"]}, "respond": {"status": 204}}
    one = to_wire(rule_of(spec))
    rules: list[Mapping[str, Any]] = [
        {**one, "name": f"r{number}", "match": {**one["match"], "pathPrefix": place(number)}}
        for number in range(RULES)
    ]
    asked = [{"path": f"{place(number)}x", "method": "GET"} for number in range(RULES)]
    return json.dumps({"rules": rules, "requests": asked}).encode()


async def connect(gateway: Gateway) -> list[Client]:
    """Connections that are kept, to each of the workers."""
    status = await gateway.parts.wire.status()
    workers = {worker.pid for worker in status.workers.values()}
    clients: list[Client] = []

    async def reach_all() -> bool:
        more = [Client(gateway.port) for _ in range(CLIENTS)]
        await asyncio.gather(*(client.open() for client in more))
        clients.extend(more)
        return owners(workers, clients) == workers

    await eventually_async(reach_all)
    return clients


async def test_requests_are_served_in_between(gateway: Gateway) -> None:
    """Every connection of every worker is answered before the question is."""
    await gateway.serve(old={"match": {"pathEqual": "/old"}, "respond": {"status": 204}})
    await gateway.settled()
    clients = await connect(gateway)
    for _ in range(ROUNDS):
        order, content = await asked_in_between(gateway, clients)
        if order[-1] == "question":
            break
    for client in clients:
        client.writer.close()
    assert order == ["client"] * len(clients) + ["question"]
    start = content.index(b"{")
    decisions = json.loads(content[start : content.rindex(b"}") + 1])["decisions"]
    assert [one["rule"] for one in decisions] == [f"r{number}" for number in range(RULES)]


async def asked_in_between(gateway: Gateway, clients: list[Client]) -> tuple[list[str], bytes]:
    """Who was answered first, when all ask while a large question is worked out; its answer."""
    order: list[str] = []

    async def ask(client: Client) -> None:
        await client.ask()
        order.append("client")

    async def answer() -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        order.append("question")
        content = await reader.read()
        assert head.startswith(b"HTTP/1.1 200"), content
        return content

    body = question()
    socket = gateway.parts.place.run / "gateway.sock"
    reader, writer = await asyncio.open_unix_connection(socket, limit=1 << 22)
    writer.transport.set_write_buffer_limits(0)
    head = f"POST /match HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body[:-1])
    await writer.drain()
    for _ in range(2):  # whoever reads the question has read all of it but the last byte
        await asyncio.gather(*(client.ask() for client in clients))
    writer.write(body[-1:])
    answered = asyncio.create_task(answer())
    await asyncio.gather(*map(ask, clients))
    content = await answered
    writer.close()
    return order, content
