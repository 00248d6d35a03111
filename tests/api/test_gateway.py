"""Through a real gateway: who asks is what the gateway saw, whatever the client says of itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from tests.gateway.conftest import start

from reconciler.api.access import Access
from reconciler.api.app import make_app
from reconciler.api.serve import serve
from reconciler.metrics import Metrics
from reconciler.testing import eventually_async
from reconciler.testing.nginx import make_gateway

from .conftest import PASSWORD, Grant, Operator, process

pytestmark = pytest.mark.real

ROOT = "/admin/api/v1"
STATUS, LOGIN, RECONCILE = f"{ROOT}/status", f"{ROOT}/login", f"{ROOT}/reconcile"
LIES = [
    {"X-Reconciler-Client": "local"},
    {"x-reconciler-client": "", "X_Reconciler_Client": "local"},
    {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"},
    {"Forwarded": "for=127.0.0.1", "Via": "1.1 localhost"},
    {"X-Reconciler-Author": "root", "Authorization": ""},
    {"Authorization": "Bearer", "Cookie": "reconciler_session="},
    {"X-Original-URL": STATUS, "X-Rewrite-URL": STATUS, "X-Forwarded-Prefix": "/"},
    {"X-HTTP-Method-Override": "GET", "Connection": "X-Reconciler-Client"},
]


@pytest.fixture
async def http(
    operator: Operator, access: Access, stack_dir: Path
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the public port; the operator answers behind it."""
    parts = make_gateway(stack_dir)
    socket = stack_dir / "run" / "operator.sock"
    task = asyncio.create_task(serve(make_app(operator, Metrics(), access), socket=socket))
    try:
        port = await start(parts)
        await eventually_async(socket.exists)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            yield client
    finally:
        await parts.aclose()
        task.cancel()
        await asyncio.wait([task])


async def test_without_a_token(http: httpx.AsyncClient, operator: Operator) -> None:
    """Nobody reads or changes anything, however he dresses up; health alone says its word."""
    for lie in ({}, *LIES):
        for path in (STATUS, "/admin//api/v1/status", "/%61dmin/api/v1/status", "/api/pm/list"):
            assert (await http.get(path, headers=lie)).status_code == 401, (path, lie)
        assert (await http.post(RECONCILE, headers=lie)).status_code == 401, lie
        assert (await http.delete(f"{ROOT}/requests/Process/web", headers=lie)).status_code == 401
    assert (await http.get("/livez", headers={"X-Forwarded-For": "1.1.1.1"})).text == "ok"
    assert operator.passes == 0


async def test_with_a_token(http: httpx.AsyncClient, operator: Operator, token: Grant) -> None:
    """A token does what its scope says, on the original's paths too."""
    read, operate = token("read"), token("operate")
    assert (await http.get(STATUS, headers=read)).json()["revision"] == "abc"
    assert len((await http.get("/api/pm/list", headers=read)).json()) == 3
    assert (await http.post("/api/pm/web/stop", headers=read)).status_code == 403
    stopped = await http.post("/api/pm/web/stop", headers=operate)
    assert stopped.json() == {"message": "Process stopped", "id": "web"}
    assert (await http.post(RECONCILE, headers=operate)).status_code == 200
    afar = {"X-Forwarded-For": "10.0.0.1", **read}
    assert (await http.get("/metrics", headers=afar)).status_code == 200
    assert operator.passes == 1


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:7860"])
async def test_a_rebound_name(
    http: httpx.AsyncClient, operator: Operator, token: Grant, host: str
) -> None:
    """A page whose name was pointed at this machine gets nothing, with a stolen token neither."""
    for headers in ({}, token("admin")):
        answer = await http.get(STATUS, headers={"Host": host, **headers})
        assert answer.status_code == 421
        assert answer.headers["content-type"] == "application/problem+json"
    guess = await http.post(LOGIN, json={"password": PASSWORD}, headers={"Host": host})
    assert (guess.status_code, operator.passes) == (421, 0)


async def test_guesses_are_counted_by_the_true_address(http: httpx.AsyncClient) -> None:
    """Another X-Forwarded-For with each guess buys nothing."""
    codes = []
    for number in range(7):
        lies = {"X-Forwarded-For": f"10.0.0.{number}", "X-Real-IP": f"10.0.0.{number}"}
        answer = await http.post(LOGIN, json={"password": "guess"}, headers=lies)
        codes.append(answer.status_code)
    assert codes == [401] * 5 + [429] * 2


async def test_a_session(http: httpx.AsyncClient, operator: Operator) -> None:
    """A browser logs in, writes with the word of its session, and not from another site."""
    port = http.base_url.port
    own = {"Origin": f"http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"}
    opened = await http.post(LOGIN, json={"password": PASSWORD}, headers=own)
    csrf = {"X-CSRF-Token": opened.json()["csrf"], **own}
    assert (await http.post(RECONCILE, headers=csrf)).status_code == 200
    foreign = {**csrf, "Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"}
    assert (await http.post(RECONCILE, headers=foreign)).status_code == 403
    assert (await http.post(RECONCILE, headers=own)).status_code == 403
    assert operator.passes == 1


async def test_a_stream_comes_through(
    http: httpx.AsyncClient, operator: Operator, token: Grant, tmp_path: Path
) -> None:
    """Lines arrive as they are printed: nothing on the way keeps them."""
    log = tmp_path / "web-0.log"
    log.write_text("")
    operator.resources = [process("web-0", log=str(log))]
    headers = {"Accept": "text/event-stream", **token("read")}
    url = f"{ROOT}/resources/Process/web/logs?follow=1"
    async with asyncio.timeout(20), http.stream("GET", url, headers=headers) as answer:
        assert answer.status_code == 200
        lines = answer.aiter_lines()
        assert await anext(lines) == ":"
        with log.open("a") as file:
            file.write("2026-01-30T10:00:01.000000Z stdout F hello\n")
        said = [line async for line in until(lines, "hello")]
    assert said[-1].startswith("data: ")


async def until(lines: AsyncIterator[str], word: str) -> AsyncIterator[str]:
    async for line in lines:
        yield line
        if word in line:
            return
