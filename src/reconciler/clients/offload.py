"""Work on the disk, away from the event loop, and never left running behind its caller."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Abandoned(Exception):  # noqa: N818 (named by what happened; it never leaves this module's users)
    """The caller was cancelled; the work stops at its next look at the flag."""


def check(stop: threading.Event) -> None:
    """Leave the work when nobody waits for it any more."""
    if stop.is_set():
        raise Abandoned


async def offload(work: Callable[[threading.Event], T]) -> T:
    """Run ``work`` in a thread; when cancelled, tell it so and wait until it has ended."""
    stop = threading.Event()
    task = asyncio.ensure_future(asyncio.to_thread(work, stop))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # seen, so that it is not reported as never retrieved
        raise
