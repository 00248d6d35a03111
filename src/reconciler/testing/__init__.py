"""What tests of this project, and of projects that build on it, need."""

from __future__ import annotations

import asyncio
import errno
import inspect
import random
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

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
    """A TCP port of 127.0.0.1 that nobody listens on, and that nobody else is handed by this.

    It lies below the range the kernel gives to outgoing connections, so none takes it meanwhile,
    and outside the one from which a stack picks ports by itself.
    """
    while True:
        if not _own:
            _own.extend(_claim())
        port = _own.pop()
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


_BLOCK: Final = 50
_own: Final[list[int]] = []
_claims: Final[dict[int, socket.socket]] = {}


def _claim() -> range:
    """Ports that are this process's until it ends: the kernel lets a name be bound once.

    A port that is only known to be free is given to two tests that run side by side sooner or
    later, and the second to listen there fails.
    """
    blocks = list(range(10000, 20000, _BLOCK))
    random.shuffle(blocks)
    for first in blocks:
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0reconciler-free-ports-{first}")
        except OSError:
            claim.close()
            continue
        _claims[first] = claim
        return range(first, first + _BLOCK)
    if not _claims:
        raise OSError(errno.EADDRINUSE, "all ports below 20000 are claimed by other tests")
    first = next(iter(_claims))
    _claims[first] = _claims.pop(first)
    return range(first, first + _BLOCK)
