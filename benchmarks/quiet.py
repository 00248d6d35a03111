"""What must cost nothing: an apply that changes nothing, a file that was only touched."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
import xmlrpc.client
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import httpx

from reconciler.app import open_operator
from reconciler.clients.post import Post
from reconciler.settings import Settings
from reconciler.testing import eventually

from .rounds import Board, Target
from .sides import Ours, build, folder

READING: Final = frozenset(
    {
        "supervisor.getAllProcessInfo",
        "supervisor.getProcessInfo",
        "reconciler.hello",
        "reconciler.changes",
        "reconciler.view",
    }
)
WINDOW: Final = 0.5
"""Seconds in which a touched file would have started a pass."""


def quiet(board: Board, *, sizes: tuple[int, ...], rounds: int) -> None:
    """A second apply and a touched file, among N programs."""
    for size in sizes:
        _no_mutation(size)
        with folder() as place, Ours(place, build(place)).running() as ours:
            ours.started({f"p{number:04d}": "0" for number in range(size)})
            ours.settle(size)
            _touch(board, ours, size=size, rounds=rounds)
            assert ours.ticks.count() == size, "something was restarted"


def _touch(board: Board, ours: Ours, *, size: int, rounds: int) -> None:
    """How many passes a touch starts. One of the periodic ones may fall into the window."""
    row = board.row(f"passes after a touch of {size}", "", Target(within=0.0))
    path = ours.specs / "p0000.yaml"
    for _ in range(rounds):
        before = _passes(ours)
        path.touch()
        time.sleep(WINDOW)
        row.add(ours.name, _passes(ours) - before)
    passes = row.samples[ours.name]
    assert sum(passes) <= 2, f"a touched file starts passes: {passes}"


def _passes(ours: Ours) -> float:
    page = _get(ours.operator.path, "/metrics")
    lines = [line for line in page.splitlines() if line.startswith("reconciler_pass_total{")]
    assert lines, "no such metric"
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def _get(path: Path, target: str) -> str:
    with socket.socket(socket.AF_UNIX) as wire:
        wire.connect(str(path))
        wire.sendall(f"GET {target} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        return b"".join(iter(lambda: wire.recv(1 << 16), b"")).decode()


def _no_mutation(size: int) -> None:
    """A second apply makes no mutating call at all: every call is looked at on the wire."""
    with folder() as place, _without_operator(Ours(place, build(place))) as ours:
        programs = {f"p{number:04d}": "0" for number in range(size)}
        ours.edit(programs)
        settings = Settings(ours.specs, ours.state, worktree=True)
        with _counted() as calls:
            asyncio.run(_apply_twice(settings, calls))
        ours.ticks.wait(programs)
        assert set(calls) <= READING, f"a second apply is not quiet: {calls}"
        assert calls, "nothing was observed"


async def _apply_twice(settings: Settings, calls: Counter[str]) -> None:
    async with open_operator(settings) as (operator, _):
        first = await operator.reconcile_now()
        assert not first["failures"], first["failures"]
        assert calls["reconciler.do"], "nothing was started"
        calls.clear()
        second = await operator.reconcile_now()
        assert second["after"]["inSync"]


@contextmanager
def _counted() -> Iterator[Counter[str]]:
    """Counts the methods called on the wire, those inside a batch too."""
    calls: Counter[str] = Counter()
    send, post = httpx.AsyncHTTPTransport.handle_async_request, Post.post

    async def count(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        if request.method != "GET":
            calls[f"{request.method} {request.url.path}"] += 1
        return await send(self, request)

    async def count_calls(self: Post, body: bytes) -> bytes:
        calls.update(_methods(body))
        return await post(self, body)

    with (
        patch.object(httpx.AsyncHTTPTransport, "handle_async_request", count),
        patch.object(Post, "post", count_calls),
    ):
        yield calls


def _methods(body: bytes) -> list[str]:
    arguments, method = xmlrpc.client.loads(body)
    if method != "system.multicall":
        return [str(method)]
    batch: Any = arguments[0]
    return [str(call["methodName"]) for call in batch]


@contextmanager
def _without_operator(ours: Ours) -> Iterator[Ours]:
    """The stack alone: this process is its operator."""
    words = [sys.executable, "-m", "reconciler.stack.up", "--no-operator"]
    words += ["--state-dir", str(ours.state), "--specs", str(ours.specs)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(words, stdin=quiet, stdout=quiet, stderr=quiet) as one:
        try:
            eventually((ours.state / "run" / "supervisor.sock").exists, 20)
            yield ours
        finally:
            one.terminate()
            one.wait(60)
