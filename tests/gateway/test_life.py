"""Changes under load and in the middle of things."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from reconciler.testing import eventually_async
from reconciler.testing.nginx import make_gateway

from .conftest import Backend, Gateway

pytestmark = pytest.mark.real

UPGRADE = b"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


async def pids(gateway: Gateway) -> set[int]:
    status = await gateway.parts.wire.status()
    return {worker.pid for worker in status.workers.values()}


async def test_a_route_change_is_no_reload(gateway: Gateway, backend: Backend) -> None:
    """Workers, an open WebSocket and a kept connection outlive hundreds of changed routes."""
    await gateway.serve(default=backend.url)
    workers = await pids(gateway)
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(UPGRADE)
    await reader.readuntil(b"\r\n\r\n")
    for n in range(20):
        spec = {"match": {"pathPrefix": "/x"}, "respond": {"status": 200, "body": str(n)}}
        await gateway.serve(x=spec)
        assert (await gateway.get("/x")).text == str(n)
    writer.write(b"still here")
    assert await reader.readexactly(10) == b"STILL HERE"
    writer.close()
    assert await pids(gateway) == workers


async def test_changes_under_load_lose_no_request(gateway: Gateway, backend: Backend) -> None:
    """Clients see the old or the new route, never an error, while the table is replaced."""
    done = asyncio.Event()
    seen: set[tuple[int, str]] = set()

    def spec(n: int) -> dict[str, object]:
        return {"match": {"pathPrefix": "/x"}, "respond": {"status": 200, "body": f"v{n % 2}"}}

    async def ask() -> None:
        while not done.is_set():
            response = await gateway.get("/x")
            seen.add((response.status_code, response.text))

    await gateway.serve(default=backend.url, x=spec(0))
    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(ask())
        for n in range(60):
            await gateway.serve(x=spec(n), **{f"other-{n}": spec(n) | {"priority": -1}})
        done.set()
    assert seen == {(200, "v0"), (200, "v1")}
    version = (await gateway.parts.wire.status()).version
    assert version == 61


async def test_two_writers_lose_no_change(gateway: Gateway) -> None:
    """Two operators' writes interleave: each is told and tries again on what the other wrote."""
    other = make_gateway(gateway.parts.place.state_dir, gateway.parts.runner)
    second = Gateway(other, gateway.port, gateway.client)
    ok = {"respond": {"status": 200, "body": "ok"}}

    async def write(hand: Gateway, name: str) -> None:
        for n in range(10):
            await hand.serve(**{f"{name}-{n}": ok})

    await asyncio.gather(write(gateway, "a"), write(second, "b"))
    await other.wire.aclose()
    assert len(await gateway.parts.routes.observe()) == 20


async def test_a_killed_worker_is_replaced_with_the_same_table(gateway: Gateway) -> None:
    """A worker that dies comes back with what the others serve."""
    ok = {"respond": {"status": 200, "body": "ok"}}
    await gateway.serve(a=ok)
    workers = await pids(gateway)
    os.kill(min(workers), signal.SIGKILL)

    async def replaced() -> bool:
        return len(await pids(gateway) - workers) == 1

    await eventually_async(replaced)
    await gateway.settled()
    assert (await gateway.get("/")).text == "ok"
