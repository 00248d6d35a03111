"""The last work before the stack goes: what is pending is brought to safety, or named."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from itertools import groupby
from typing import Any, Final, NamedTuple

from ..core.errors import ReconcileError
from ..core.model import Observed, Ref, Unknown
from ..core.usual import nothing_left
from .journal import Event
from .look import Stack
from .reconcile import observe

log = logging.getLogger(__name__)

SECONDS: Final = 15.0
"""All of it takes no longer: whoever stops us does not wait for ever."""


class Left(NamedTuple):
    """Something that could not be brought to safety, and why."""

    ref: Ref
    reason: str
    message: str


async def part(stack: Stack, seconds: float = SECONDS) -> list[Left]:
    """Do what every kind wants done before the end; what was not done is said, and returned."""
    work = await _work(stack) if stack.ledger.snapshot is not None else []
    left: list[Left] = []
    end = asyncio.get_running_loop().time() + seconds
    for _, wave in groupby(work, key=lambda one: one[0]):
        for found in await asyncio.gather(*(_do(stack, ref, steps, end) for _, ref, steps in wave)):
            left += found
    _say(stack, left)
    return left


async def _work(stack: Stack) -> list[tuple[int, Ref, tuple[Any, ...]]]:
    """What there is to do, what others stand on last."""
    kinds = {name: kind for name, kind in stack.kinds.items() if kind.parting is not nothing_left}
    world = await observe({name: stack.drivers[name] for name in kinds})
    found = []
    for ref, resource in stack.ledger.desired.items():
        kind, seen = kinds.get(ref.kind), world.get(ref.kind)
        if kind is None or seen is None or isinstance(seen, Unknown) or resource.suspend:
            continue
        live: Mapping[str, Observed[Any]] = seen
        if ref.name in live and (steps := kind.parting(resource, live[ref.name])):
            found.append((-kind.wave, ref, steps))
    return sorted(found, key=lambda one: (one[0], one[1]))


async def _do(stack: Stack, ref: Ref, steps: tuple[Any, ...], end: float) -> list[Left]:
    try:
        async with asyncio.timeout_at(end):
            for step in steps:
                await stack.drivers[ref.kind].apply(step)
    except TimeoutError:
        return [Left(ref, "OutOfTime", "the stack was stopped before it was done")]
    except ReconcileError as exc:
        return [Left(ref, exc.reason, str(exc))]
    except Exception as exc:  # a fault of ours must not keep the others from their turn
        log.exception("the last work on %s failed", ref)
        return [Left(ref, "InternalError", type(exc).__name__)]
    return []


def _say(stack: Stack, left: list[Left]) -> None:
    for one in left:
        log.warning("%s is not in safety: %s (%s)", one.ref, one.message, one.reason)
    events = [
        Event(one.ref, "Warning", "NotPushed", f"at the stop: {one.message} ({one.reason})")
        for one in left
    ]
    stack.ledger.journal.record_events(events, stack.clock.now())
    stack.ledger.journal.commit()
