"""Logs and events: what was, and what comes as it comes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.api import logs, streams
from reconciler.api.access import Access
from reconciler.api.app import make_app
from reconciler.api.serve import serve
from reconciler.metrics import Metrics
from reconciler.testing import eventually_async

from .conftest import Ask, Operator, process

ROOT = "/admin/api/v1"
LOGS = f"{ROOT}/resources/Process/web/logs"


def row(second: int, text: str, stream: str = "stdout") -> str:
    return f"2026-01-30T10:00:{second:02}.000000Z {stream} F {text}\n"


@pytest.fixture
def log(operator: Operator, tmp_path: Path) -> Path:
    """The log of the one instance of web, with three lines."""
    path = tmp_path / "web-0.log"
    path.write_text(row(1, "one") + row(2, "two", "stderr") + row(3, "three"))
    operator.resources = [process("web-0", log=str(path))]
    return path


@asynccontextmanager
async def real(operator: Operator, access: Access, path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a real server: streams end only with a real connection."""
    task = asyncio.create_task(serve(make_app(operator, Metrics(), access), socket=path))
    await eventually_async(path.exists)
    transport = httpx.AsyncHTTPTransport(uds=str(path))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            yield http
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_the_last_lines(ask: Ask, log: Path) -> None:
    """The end of a log, oldest first, with its times, streams and levels."""
    async with ask() as http:
        two = (await http.get(LOGS, params={"lines": 2})).json()["items"]
        none = (await http.get(LOGS, params={"lines": 0})).json()["items"]
        since = (await http.get(LOGS, params={"since": "2026-01-30T10:00:03Z"})).json()["items"]
    assert [one["message"] for one in two] == ["two", "three"]
    assert two[0] == {
        "time": "2026-01-30T10:00:02.000000Z",
        "process": "web-0",
        "stream": "stderr",
        "level": "error",
        "message": "two",
    }
    assert none == []
    assert [one["message"] for one in since] == ["three"]


async def test_instances_are_merged(ask: Ask, operator: Operator, log: Path) -> None:
    """The name that is written gives the logs of all instances as one, by time."""
    other = log.with_name("web-1.log")
    other.write_text(row(2, "between"))
    operator.resources = [process("web-0", log=str(log)), process("web-1", log=str(other))]
    async with ask() as http:
        items = (await http.get(LOGS)).json()["items"]
    assert [one["process"] for one in items] == ["web-0", "web-0", "web-1", "web-0"]


@pytest.mark.parametrize("since", ["yesterday", "1h30", "9999999999", "0001-01-01", "٣s"])
async def test_an_odd_since(ask: Ask, log: Path, since: str) -> None:
    """What is no time is refused with an example, or read as the odd time it is; never a 500."""
    async with ask() as http:
        answer = await http.get(LOGS, params={"since": since})
    assert answer.status_code in {200, 422}


async def test_no_log(ask: Ask, operator: Operator) -> None:
    """No such process is 404; one that never printed has no lines."""
    operator.resources = [process("web-0", log="/nowhere/web-0.log"), process("api-0", log="")]
    async with ask() as http:
        assert (await http.get(f"{ROOT}/resources/Process/nobody/logs")).status_code == 404
        assert (await http.get(LOGS)).json() == {"items": [], "cut": False}
        nothing = await http.get(f"{ROOT}/resources/Process/api/logs")
        assert nothing.json() == {"items": [], "cut": False}


async def test_an_answer_has_a_size(ask: Ask, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the lines are: the newest that there is room for, and a word that it was cut."""
    monkeypatch.setattr(logs, "LARGEST", 4000)
    await asyncio.to_thread(log.write_text, "".join(row(n, f"{n} " + "x" * 900) for n in range(10)))
    async with ask() as http:
        answer = (await http.get(LOGS)).json()
        asked = (await http.get(LOGS, params={"lines": 2})).json()
        original = (await http.get("/api/pm/web/logs")).json()
    assert [one["message"][:2] for one in answer["items"]] == ["6 ", "7 ", "8 ", "9 "]
    assert answer["cut"]
    assert ([one["message"][:1] for one in asked["items"]], asked["cut"]) == (["8", "9"], False)
    assert len(original) == 4
    await asyncio.to_thread(log.write_text, row(1, "one") + row(2, "y" * 9000))
    async with ask() as http:
        answer = (await http.get(LOGS)).json()
    assert [len(one["message"]) for one in answer["items"]] == [3999]
    assert answer["cut"]


@pytest.mark.parametrize("kind", ["text/event-stream", "application/x-ndjson"])
async def test_lines_as_they_come(
    operator: Operator, access: Access, log: Path, stack_dir: Path, *, kind: str
) -> None:
    """A follower gets the past it asked for and then each line; when it goes, the stream ends."""
    path = stack_dir / "run" / "operator.sock"
    async with (
        asyncio.timeout(20),
        real(operator, access, path) as http,
        http.stream(
            "GET", LOGS, params={"follow": "1", "lines": "1"}, headers={"Accept": kind}
        ) as answer,
    ):
        assert answer.headers["content-type"].startswith(kind)
        heard: list[Any] = []
        async for line in answer.aiter_lines():
            text = line.removeprefix("data: ")
            if text.strip(": "):
                heard.append(json.loads(text)["message"])
            if heard == ["three"]:
                with log.open("a") as file:
                    file.write(row(4, "four"))
            if heard == ["three", "four"]:
                break


async def test_events_as_they_come(operator: Operator, access: Access, stack_dir: Path) -> None:
    """A follower of events gets the last ones, oldest first, and then each new one once."""
    events: list[dict[str, Any]] = [{"reason": "First"}]
    operator.events = lambda limit, _: events[::-1][:limit]  # type: ignore[method-assign]
    heard = []
    path = stack_dir / "run" / "operator.sock"
    async with (
        asyncio.timeout(20),
        real(operator, access, path) as http,
        http.stream("GET", f"{ROOT}/events/stream") as answer,
    ):
        async for line in answer.aiter_lines():
            if not line.strip():
                continue
            heard.append(json.loads(line)["reason"])
            if heard == ["First"]:
                events.append({"reason": "Second"})
            if "Second" in heard:
                break
    assert heard == ["First", "Second"]


async def test_a_stream_does_not_keep_the_operator(
    operator: Operator, access: Access, stack_dir: Path
) -> None:
    """Told to stop, it ends its streams at once, whole."""
    path = stack_dir / "run" / "operator.sock"
    task = asyncio.create_task(serve(make_app(operator, Metrics(), access), socket=path))
    await eventually_async(path.exists)
    transport = httpx.AsyncHTTPTransport(uds=str(path))
    async with (
        asyncio.timeout(10),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as http,
        http.stream("GET", f"{ROOT}/events/stream") as answer,
    ):
        chunks = answer.aiter_bytes()
        await anext(chunks)
        task.cancel()
        assert all([chunk async for chunk in chunks])  # to its end, not cut off
        await asyncio.wait([task])


async def test_streams_are_counted(
    operator: Operator, access: Access, stack_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only so many go on at a time; one that ends makes room."""
    monkeypatch.setattr(streams, "MOST", 1)
    url = f"{ROOT}/events/stream"
    async with real(operator, access, stack_dir / "run" / "operator.sock") as http:
        async with http.stream("GET", url) as first:
            parts = first.aiter_bytes()  # kept: who drops it ends the stream
            await anext(parts)
            refused = await http.get(url)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")

        async def free() -> bool:
            async with http.stream("GET", url) as again:
                return again.status_code == 200

        await eventually_async(free)


@pytest.mark.parametrize("path", [f"{ROOT}/events/stream", f"{LOGS}?follow=1"])
async def test_head_of_a_stream(
    operator: Operator, access: Access, log: Path, *, stack_dir: Path, path: str
) -> None:
    """It says what would come, and ends there; the connection serves the next request."""
    operator.resources = [process("web-0", log=str(log))]
    async with real(operator, access, stack_dir / "operator.sock") as http:
        head = await http.head(path, headers={"Accept": streams.EVENTS})
        assert head.headers["content-type"].startswith(streams.EVENTS)
        assert (head.status_code, head.content) == (200, b"")
        assert (await http.get(f"{ROOT}/status")).status_code == 200
