"""A rule for a process: its requests go to instances that take them, or wait for one."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import pytest

from reconciler.clients.table import DropEntry, PutPool
from reconciler.engine.wake import open_bell
from reconciler.testing import eventually_async, free_port

from .conftest import Backend, Gateway, MakeBackend

pytestmark = pytest.mark.real

POOL = "process/web/http"


def route(wait: str = "5s") -> dict[str, object]:
    return {"proxy": {"process": {"name": "web", "port": "http", "wait": wait}}}


def endpoint(backend: Backend | int, *, ready: bool = True) -> dict[str, Any]:
    port = backend if isinstance(backend, int) else backend.port
    said = {"name": f"web-{port}", "address": f"127.0.0.1:{port}"}
    return said if ready else {**said, "ready": False}


async def pool(gateway: Gateway, *endpoints: dict[str, Any]) -> None:
    await gateway.parts.table.change(PutPool(POOL, endpoints))


async def parked(gateway: Gateway) -> int:
    return (await gateway.parts.wire.status()).traffic.parked


async def test_requests_are_shared_out(gateway: Gateway, make_backend: MakeBackend) -> None:
    """Each instance gets its share, and none that is only coming gets anything."""
    backends = [await make_backend() for _ in range(3)]
    coming = await make_backend()
    await gateway.serve(web=route())
    await pool(gateway, *map(endpoint, backends), endpoint(coming, ready=False))
    await asyncio.gather(*(gateway.echo(f"/{n}") for n in range(60)))
    counts = [len(one.requests) for one in backends]
    assert sum(counts) == 60
    assert min(counts) >= 5
    assert coming.requests == []


async def test_the_busy_one_gets_less(gateway: Gateway, make_backend: MakeBackend) -> None:
    """Who has requests open is passed over for who has none."""
    busy, idle = await make_backend(), await make_backend()
    busy.silent = True
    await gateway.serve(web=route())
    await pool(gateway, endpoint(busy), endpoint(idle))
    tasks = []
    for number in range(1, 31):
        tasks.append(asyncio.create_task(gateway.get(f"/{number}")))
        await eventually_async(lambda n=number: len(busy.requests) + len(idle.requests) == n)
        await eventually_async(lambda: len(busy.requests) + _done(tasks) == len(tasks))
    assert 0 < len(busy.requests) <= 2  # the workers count for themselves
    for task in tasks:
        task.cancel()


def _done(tasks: list[asyncio.Task[Any]]) -> int:
    return sum(task.done() for task in tasks)


async def test_one_that_refuses_is_passed_over(gateway: Gateway, make_backend: MakeBackend) -> None:
    """No request fails, it is told, and once it accepts connections it is used again."""
    port = free_port()
    there = await make_backend()
    await gateway.serve(web=route())
    await pool(gateway, endpoint(there), endpoint(port))
    answers = [await gateway.client.post("/", content=b"x" * 10) for _ in range(20)]
    assert Counter(one.status_code for one in answers) == {200: 20}
    assert (await gateway.parts.wire.status()).traffic.refusing == (f"127.0.0.1:{port}",)
    back = await make_backend(port=port)

    async def used() -> bool:
        await gateway.echo("/")
        return bool(back.requests)

    await eventually_async(used)

    async def forgiven() -> bool:
        return (await gateway.parts.wire.status()).traffic.refusing == ()

    await eventually_async(forgiven)


async def test_nobody_is_there(gateway: Gateway) -> None:
    """A pool without anybody to wait for is a page at once, which says when to ask again."""
    await gateway.serve(web=route("600s"))
    await pool(gateway)
    answer = await gateway.get("/")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Cache-Control"] == "no-store"


async def test_requests_wait_for_who_is_coming(gateway: Gateway, make_backend: MakeBackend) -> None:
    """They are sent as soon as somebody is ready, and told apart meanwhile; bodies too."""
    backend = await make_backend()
    await gateway.serve(web=route("600s"))
    await pool(gateway, endpoint(backend, ready=False))
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(gateway.client.post(f"/{n}", content=b"x" * 70_000))
            for n in range(20)
        ]

        async def all_wait() -> bool:
            return await parked(gateway) == 20

        await eventually_async(all_wait)
        assert backend.requests == []
        await pool(gateway, endpoint(backend))
    assert {task.result().status_code for task in tasks} == {200}
    assert {task.result().json()["size"] for task in tasks} == {70_000}
    assert await parked(gateway) == 0


async def test_the_wait_ends(gateway: Gateway, make_backend: MakeBackend) -> None:
    """After the time the route says it is a page; so it is when there is no hope any more."""
    backend = await make_backend()
    await gateway.serve(web=route("300ms"))
    await pool(gateway, endpoint(backend, ready=False))
    began = time.monotonic()
    answer = await gateway.get("/")
    assert answer.status_code == 503
    assert time.monotonic() - began > 0.25

    await gateway.serve(web=route("60s"))
    waiting = asyncio.create_task(gateway.get("/"))

    async def waits() -> bool:
        return await parked(gateway) == 1

    await eventually_async(waits)
    await pool(gateway)
    assert (await waiting).status_code == 503


@pytest.mark.parametrize("body", [b"", b"x" * 100_000])
async def test_who_goes_away_frees_the_place(
    gateway: Gateway, backend: Backend, body: bytes
) -> None:
    """A client that hangs up is not waited for; it never reaches the program."""
    await gateway.serve(web=route("60s"))
    await pool(gateway, endpoint(backend, ready=False))
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    writer.write(head + body)

    async def waits() -> bool:
        return await parked(gateway) == 1

    await eventually_async(waits)
    writer.close()

    async def is_gone() -> bool:
        return await parked(gateway) == 0

    await eventually_async(is_gone)
    await pool(gateway, endpoint(backend))
    await gateway.echo("/")
    assert len(backend.requests) == 1


async def test_a_restart_is_waited_for(gateway: Gateway, make_backend: MakeBackend) -> None:
    """The only instance is gone for a moment, and nobody says so: no request fails."""
    backend = await make_backend()
    await gateway.serve(web=route("20s"))
    await pool(gateway, endpoint(backend))
    await gateway.echo("/")
    await backend.close()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(gateway.client.post(f"/{n}", content=b"abc")) for n in range(8)]

        async def all_wait() -> bool:
            return await parked(gateway) == 8

        await eventually_async(all_wait)
        again = await make_backend(port=backend.port)
    assert {task.result().status_code for task in tasks} == {200}
    assert len(again.requests) == 8


async def test_what_is_in_flight_is_told(gateway: Gateway, backend: Backend) -> None:
    """Requests by endpoint, WebSockets among them, until they are over."""
    await gateway.serve(web=route())
    await pool(gateway, endpoint(backend))
    address = f"127.0.0.1:{backend.port}"

    async def is_open(count: int) -> bool:
        return (await gateway.parts.wire.status()).traffic.open.get(address, 0) == count

    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(
        b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    async with gateway.client.stream("GET", "/events"):
        await eventually_async(lambda: is_open(2))
    await eventually_async(lambda: is_open(1))
    await pool(gateway)  # who is taken out of the pool still finishes what it has
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"HELLO"
    assert await is_open(1)
    writer.close()
    await eventually_async(lambda: is_open(0))
    status = await gateway.parts.wire.status()
    assert status.traffic.open == {}


async def test_the_operator_is_rung_when_one_refuses(
    gateway: Gateway, make_backend: MakeBackend
) -> None:
    """It need not wait for its next look: once when it begins, and when it is over."""
    rings = asyncio.Queue[bytes]()
    bell = await open_bell(gateway.parts.place.run / "wake.sock", lambda: rings.put_nowait(b""))
    port = free_port()
    there = await make_backend()
    await gateway.serve(web=route())
    await pool(gateway, endpoint(there), endpoint(port))
    await asyncio.gather(*(gateway.echo("/") for _ in range(8)))
    await asyncio.wait_for(rings.get(), 5)
    await make_backend(port=port)
    await asyncio.wait_for(rings.get(), 5)
    bell.close()


async def test_who_leaves_during_an_upload_is_waited_for(
    gateway: Gateway, backend: Backend
) -> None:
    """The pool was open when the request came and is empty when its body is there: it waits."""
    await gateway.serve(web=route("20s"))
    await pool(gateway, endpoint(backend))
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 6\r\n\r\nabc")
    await gateway.echo("/")  # by now the other one is at the gateway too
    await pool(gateway, endpoint(backend, ready=False))
    await gateway.settled()
    writer.write(b"def")

    async def waits() -> bool:
        return await parked(gateway) == 1

    await eventually_async(waits)
    await pool(gateway, endpoint(backend))
    assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
    writer.close()


async def test_who_waits_goes_on_by_the_edited_route(gateway: Gateway, backend: Backend) -> None:
    """An edit of the route in the meantime turns nobody away."""
    await gateway.serve(web=route("20s"))
    await pool(gateway, endpoint(backend, ready=False))
    asked = asyncio.create_task(gateway.client.post("/", content=b"abc"))

    async def waits() -> bool:
        return await parked(gateway) == 1

    await eventually_async(waits)
    process = {"name": "web", "port": "http", "wait": "21s"}
    await gateway.serve(web={"proxy": {"process": process, "buffering": "on"}})
    await pool(gateway, endpoint(backend))
    assert (await asked).json()["size"] == 3


async def test_a_request_that_kills_does_not_kill_for_ever(
    gateway: Gateway, make_backend: MakeBackend
) -> None:
    """A program that breaks off its answer is asked again a few times, no more; a POST never."""
    breaking = [0]

    async def slam(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        breaking[0] += 1
        writer.close()

    server = await asyncio.start_server(slam, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await gateway.serve(web=route("20s"))
    await pool(gateway, endpoint(port))
    assert (await gateway.get("/")).status_code == 502
    assert breaking[0] <= 2
    breaking[0] = 0
    assert (await gateway.client.post("/", content=b"x")).status_code == 502
    assert breaking[0] == 1
    server.close()


async def test_a_flip_is_news_of_its_own_routes_only(gateway: Gateway, backend: Backend) -> None:
    """All others are the very same objects, so nothing is worked out for them again."""
    other = {"match": {"pathPrefix": "/other"}, "respond": {"status": 200}}
    await gateway.serve(web=route(), other=other)
    await gateway.settled()
    routes = gateway.parts.routes
    before = await routes.observe()
    assert await routes.observe() is before
    await pool(gateway, endpoint(backend))
    await gateway.settled()
    after = await routes.observe()
    assert after["other"] is before["other"]
    assert after["web"].vitals["endpoints"] == [endpoint(backend)]
    assert after["web"].state is before["web"].state


async def test_what_fails_has_ended_though_its_route_is_gone(
    gateway: Gateway, backend: Backend
) -> None:
    """Or else whoever stops that instance would wait for a request that is no more."""
    backend.silent = True
    await gateway.serve(web=route())
    await pool(gateway, endpoint(backend))
    asked = asyncio.create_task(gateway.get("/"))
    await backend.asked.wait()

    async def is_open(count: int) -> bool:
        return sum((await gateway.parts.wire.status()).traffic.open.values()) == count

    await eventually_async(lambda: is_open(1))
    await gateway.parts.table.change(DropEntry("web"))
    await gateway.settled()
    await backend.close()
    assert (await asked).status_code == 502
    await eventually_async(lambda: is_open(0))
