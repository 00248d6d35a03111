"""What the data path counts and remembers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from typing import Any

import httpx
import psutil
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse

from reconciler.clients.table import DropEntry, PutPool
from reconciler.metrics import Metrics
from reconciler.testing import eventually_async

from .conftest import Backend, Gateway

pytestmark = pytest.mark.real

Samples = dict[tuple[str, ...], float]


async def samples(gateway: Gateway, name: str) -> Samples:
    """The series of one name, by the values of their labels; those at 0 are left out."""
    page = await gateway.parts.wire.numbers()
    found = [each for family in parse(page) for each in family.samples]
    return {
        tuple(each.labels.values()): each.value
        for each in found
        if each.name == f"reconciler_gateway_{name}" and each.value
    }


async def counted(gateway: Gateway, name: str, wanted: Samples) -> None:
    """Wait for these numbers: a request is counted when it has ended, not when it is answered."""

    async def seen() -> bool:
        return await samples(gateway, name) == wanted

    try:
        await eventually_async(seen)
    except AssertionError:
        assert await samples(gateway, name) == wanted


def saying(status: int, path: str) -> dict[str, object]:
    return {"match": {"pathPrefix": path}, "respond": {"status": status}}


async def test_requests_are_counted_by_route(gateway: Gateway, backend: Backend) -> None:
    """By route and class of status, whichever worker served them; what no route takes too."""
    web = {"match": {"pathPrefix": "/web/"}, "proxy": {"backend": backend.url}}
    dead = {"match": {"pathPrefix": "/dead"}, "proxy": {"backend": "http://127.0.0.1:1"}}
    await gateway.serve(web=web, dead=dead, gone=saying(410, "/gone"))
    for path in ("/web/1", "/web/2?q=1", "/dead", "/gone", "/nobody", "/../x"):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{gateway.port}") as client:
            await client.get(path) if path != "/../x" else await gateway.raw(
                b"GET /%2e%2e/x HTTP/1.0\r\n\r\n"
            )
    await counted(
        gateway,
        "requests_total",
        {
            ("web", "2xx"): 2,
            ("dead", "5xx"): 1,
            ("gone", "4xx"): 1,
            ("(none)", "4xx"): 1,
            ("(refused)", "4xx"): 1,
        },
    )
    assert await samples(gateway, "upstream_errors_total") == {("dead",): 1}
    times = await samples(gateway, "request_duration_seconds_count")
    assert times == {("web",): 2, ("dead",): 1, ("gone",): 1, ("(none)",): 1, ("(refused)",): 1}
    assert await samples(gateway, "requests_in_flight") == {}
    status = await gateway.parts.wire.status()
    versions = await samples(gateway, "table_version")
    assert versions == {("0",): status.version, ("1",): status.version}


async def test_what_is_under_way_is_counted(gateway: Gateway, backend: Backend) -> None:
    """A WebSocket is in flight while it is open; it does not outlive the worker that held it."""
    await gateway.serve(ws={"proxy": {"backend": backend.url}})
    opened = [await asyncio.open_connection("127.0.0.1", gateway.port) for _ in range(3)]
    for reader, writer in opened:
        writer.write(
            b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")
    await counted(gateway, "requests_in_flight", {("ws",): 3})
    opened[0][1].close()
    await counted(gateway, "requests_in_flight", {("ws",): 2})
    await counted(gateway, "requests_total", {("ws", "1xx"): 1})
    assert await samples(gateway, "request_duration_seconds_count") == {}
    for worker in (await gateway.parts.wire.status()).workers.values():
        os.kill(worker.pid, signal.SIGKILL)
    await counted(gateway, "requests_in_flight", {})
    await counted(gateway, "requests_total", {("ws", "1xx"): 1})
    for _, writer in opened[1:]:
        writer.close()


async def test_a_reload_goes_on_counting(gateway: Gateway) -> None:
    """The numbers of the workers before are still there."""
    await gateway.serve(a=saying(200, "/"))
    await gateway.get("/")
    workers = (await gateway.parts.wire.status()).workers
    before = {worker.pid for worker in workers.values()}
    await gateway.parts.runner.hang_up()

    async def renewed() -> bool:
        status = await gateway.parts.wire.status()
        return not before & {worker.pid for worker in status.workers.values()}

    await eventually_async(renewed)
    await gateway.get("/")
    await counted(gateway, "requests_total", {("a", "2xx"): 2})


async def test_series_of_routes_that_are_gone_end(gateway: Gateway) -> None:
    """A while after a route its numbers go, unless something of it is still under way."""
    expiry = gateway.parts.place.prefix / "lua/reconciler/seen/expiry.lua"
    text = expiry.read_text()
    expiry.write_text(
        text.replace("LOOK_EVERY = 10 ", "LOOK_EVERY = 0 ").replace("KEEP = 120 ", "KEEP = 0 ")
    )
    master = psutil.Process(await gateway.parts.runner.pid())
    old = {worker.pid for worker in master.children()}
    await gateway.parts.runner.hang_up()
    # One that goes closes what it has just taken on.
    await eventually_async(lambda: not old & {worker.pid for worker in master.children()})
    await gateway.serve(**{f"r{n}": saying(200, f"/{n}/") for n in range(5)})

    async def asked() -> bool:
        for n in range(5):
            await gateway.get(f"/{n}/")
        return len(await samples(gateway, "requests_total")) == 5

    await eventually_async(asked)
    for n in range(1, 5):
        await gateway.parts.table.change(DropEntry(f"r{n}"))

    async def one_left() -> bool:
        return {route for route, _ in await samples(gateway, "requests_total")} == {"r0"}

    await eventually_async(one_left)
    await gateway.serve(again=saying(200, "/again/"))
    await gateway.get("/again/")

    async def counted_anew() -> bool:
        return (await samples(gateway, "requests_total")).get(("again", "2xx")) == 1

    await eventually_async(counted_anew)


async def test_there_are_only_so_many_series(gateway: Gateway) -> None:
    """Of more routes than there is room for, the rest is counted together."""
    await gateway.serve(**{f"r{n}": saying(200, f"/{n}/") for n in range(1100)})
    for first in (0, 550):
        asks = "".join(f"GET /{n}/ HTTP/1.1\r\nHost: h\r\n\r\n" for n in range(first, first + 550))
        last = asks.removesuffix("\r\n") + "Connection: close\r\n\r\n"
        assert (await gateway.raw(last.encode())).count(b"HTTP/1.1 200") == 550

    async def all_counted() -> bool:
        return sum((await samples(gateway, "requests_total")).values()) == 1100

    await eventually_async(all_counted)
    found = await samples(gateway, "requests_total")
    assert len(found) == 1000
    assert found["(other)", "2xx"] == 101


async def test_the_page_is_well_formed(gateway: Gateway) -> None:
    """Neither promtool nor the parser of the other format has a complaint."""
    await gateway.serve(a=saying(200, "/"))
    await gateway.get("/")
    numbers = await gateway.parts.wire.numbers()
    metrics = Metrics()
    page, _ = metrics.render("", numbers)
    check = ["promtool", "check", "metrics"]
    checked = await asyncio.to_thread(subprocess.run, check, input=page, capture_output=True)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
    opened, _ = metrics.render("application/openmetrics-text; version=1.0.0", numbers)
    names = {family.name for family in parse_open(opened.decode())}
    assert {"reconciler_gateway_requests", "reconciler_gateway_request_duration_seconds"} <= names


async def recent(gateway: Gateway, count: int) -> list[dict[str, Any]]:
    async def enough() -> bool:
        return len(await gateway.parts.wire.recent()) >= count

    await eventually_async(enough)
    return await gateway.parts.wire.recent()


async def test_the_last_requests_are_remembered(gateway: Gateway) -> None:
    """What rules look at, of both workers, the newest first; none of the operator's own."""
    await gateway.serve(a=saying(200, "/"))
    await gateway.get("/one?token=s3cret")
    await gateway.get("/healthz")
    await eventually_async(lambda: _asked(gateway, "/two", 2))
    newest, *_, oldest = await recent(gateway, 2)
    host = "127.0.0.1"
    assert (oldest["path"], oldest["host"], oldest["method"]) == ("/one", host, "GET")
    assert newest["path"] == "/two"
    assert newest["referer"] == "https://web.example/page"
    assert "s3cret" not in json.dumps(await gateway.parts.wire.recent())


async def test_what_is_remembered_can_be_read(gateway: Gateway) -> None:
    """Whatever bytes a stranger sends; and a rule for the Referer header keeps no more of it."""
    asked = [{"name": "Referer", "contains": "x"}, {"name": "X-Env", "regex": "."}]
    await gateway.serve(a={**saying(200, "/"), "match": {"headers": asked}})
    head = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX-Env: \xff\xfe\r\n"
    await gateway.raw(head + b"Referer: https://me:s3cret@x.example/?key=s3cret\r\n\r\n")
    [one] = await recent(gateway, 1)
    assert one["headers"] == {"x-env": "\ufffd\ufffd"}
    assert one["referer"] == "https://x.example/"


async def _asked(gateway: Gateway, path: str, count: int) -> bool:
    """Ask until it is remembered: of two requests at one moment one is."""
    headers = {"Referer": "https://me:s3cret@web.example/page?key=s3cret", "Cookie": "s3cret"}
    headers["Authorization"] = "Bearer s3cret"
    await gateway.get(path, headers=headers)
    return len(await gateway.parts.wire.recent()) >= count


async def test_who_waits_and_who_refuses_is_counted(gateway: Gateway, backend: Backend) -> None:
    """Requests that are parked, and by endpoint those under way and those that are refused."""
    web = {"proxy": {"process": {"name": "web", "port": "http", "wait": "20s"}}}
    here, dead = f"127.0.0.1:{backend.port}", "127.0.0.1:1"
    pool = [{"name": "a", "address": here}, {"name": "b", "address": dead}]
    await gateway.serve(web=web)
    await gateway.parts.table.change(PutPool("process/web/http", pool))
    async with gateway.client.stream("GET", "/events"):
        await asyncio.gather(*(gateway.echo("/") for _ in range(12)))
        await counted(gateway, "endpoint_requests_in_flight", {(here,): 1})
        await counted(gateway, "endpoint_refuses", {(dead,): 1})
    coming = [{**one, "ready": False} for one in pool]
    await gateway.parts.table.change(PutPool("process/web/http", coming))
    waiting = asyncio.create_task(gateway.get("/"))
    await counted(gateway, "requests_parked", {(): 1})
    await counted(gateway, "endpoint_refuses", {})
    await gateway.parts.table.change(PutPool("process/web/http", pool[:1]))
    assert (await waiting).status_code == 200
