"""Many who ask for the numbers at once share the work, and none of them is told old ones."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx
from starlette.applications import Starlette

from reconciler.api.numbers import MetricsPage
from reconciler.metrics import Metrics
from reconciler.testing import eventually_async

from .conftest import Operator


def made(operator: Operator, traffic: Callable[[], Awaitable[str]]) -> MetricsPage:
    metrics = Metrics()
    metrics.traffic = traffic
    return MetricsPage(operator, metrics)


def client(page: MetricsPage) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(Starlette(routes=page.routes()))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


async def test_a_storm_is_two_pages(operator: Operator) -> None:
    """One is under way when the others come; they share the next, which began after all of them."""
    go, begun = asyncio.Event(), asyncio.Event()

    async def traffic() -> str:
        begun.set()
        await go.wait()
        return f"beside {operator.measured}\n"

    page = made(operator, traffic)
    async with client(page) as http:
        first = asyncio.create_task(http.get("/metrics"))
        await begun.wait()
        rest = [asyncio.create_task(http.get("/metrics")) for _ in range(20)]
        await eventually_async(lambda: page._asked == 21)
        go.set()
        assert "beside 1\n" in (await first).text
        for one in rest:
            assert "beside 2\n" in (await one).text
    assert operator.measured == 2


async def test_formats_are_not_mixed_up(operator: Operator) -> None:
    """Who wants OpenMetrics gets it, whatever the one before has asked for."""

    async def traffic() -> str:
        return ""

    accept = {"Accept": "application/openmetrics-text;version=1.0.0"}
    async with client(made(operator, traffic)) as http:
        both = await asyncio.gather(http.get("/metrics"), http.get("/metrics", headers=accept))
    assert [one.headers["content-type"].partition(";")[0] for one in both] == [
        "text/plain",
        "application/openmetrics-text",
    ]
    assert [one.text.endswith("# EOF\n") for one in both] == [False, True]
