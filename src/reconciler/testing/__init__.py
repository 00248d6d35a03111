"""What tests of this project, and of projects that build on it, need."""

from __future__ import annotations

import asyncio
import inspect
import random
import socket
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

__all__ = ["eventually", "eventually_async", "free_port"]


def _say(condition: Callable[[], object], deadline: float, last: BaseException | None) -> str:
    """Name the condition that never held, and the last error it raised."""
    try:
        text = " ".join(inspect.getsource(condition).split())[:200]
    except (OSError, TypeError):
        text = repr(condition)
    return f"not within {deadline:g} s: {text}" + (f" (last: {last!r})" if last else "")


def eventually(condition: Callable[[], T], deadline: float = 10, *, every: float = 0.02) -> T:
    """Wait until ``condition()`` is true, and return what it returned.

    An AssertionError or OSError of the condition counts as "not yet".
    """
    end = time.monotonic() + deadline
    last: BaseException | None = None
    while True:
        try:
            if value := condition():
                return value
            last = None
        except (AssertionError, OSError) as error:
            last = error
        if time.monotonic() >= end:
            raise AssertionError(_say(condition, deadline, last)) from last
        time.sleep(every)


async def eventually_async(
    condition: Callable[[], T | Awaitable[T]], deadline: float = 10, *, every: float = 0.02
) -> T:
    """Do as ``eventually`` does, without holding up the event loop."""
    end = time.monotonic() + deadline
    last: BaseException | None = None
    while True:
        try:
            value = condition()
            value = await value if inspect.isawaitable(value) else value
            if value:
                return value
            last = None
        except (AssertionError, OSError) as error:
            last = error
        if time.monotonic() >= end:
            raise AssertionError(_say(condition, deadline, last)) from last
        await asyncio.sleep(every)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on.

    It lies below the range the kernel gives to outgoing connections, so none takes it meanwhile.
    """
    while True:
        port = random.randint(12000, 32000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
