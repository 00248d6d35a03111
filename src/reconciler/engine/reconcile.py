"""One pass of the loop: observe, plan, apply. Level-based: no event is read here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import groupby
from typing import Any, Final, TypeAlias

from ..core.errors import ReconcileError, Transient
from ..core.kind import DoesMany, Driver, Drivers, Kinds
from ..core.model import Observed, Ref, Step, Unknown, World
from ..core.plan import Plan, Wish, make_plan
from .obeying import Ended, obey

log = logging.getLogger(__name__)

Seen: TypeAlias = "Mapping[str, Observed[Any]] | Unknown"
CUT_SHORT: Final = Unknown("Interrupted", "the look was cut short")
PATIENCE: Final = 0.5
"""What follows from facts is waited for so long before the steps begin (seconds)."""


@dataclass(frozen=True)
class Outcome:
    """What a pass planned, which refs it finished, and which it could not.

    ``ended`` is what came of each order, by its id; one that merely waits is among the failures.
    """

    plan: Plan
    world: World
    failures: Mapping[Ref, ReconcileError] = field(default_factory=dict)
    ended: Mapping[str, Ended] = field(default_factory=dict)

    @cached_property
    def applied(self) -> frozenset[Ref]:
        """The refs all of whose steps were done."""
        steps = (*self.plan.bound, *self.plan.steps, *self.plan.due)
        vain = {order for order, end in self.ended.items() if isinstance(end, ReconcileError)}
        done = frozenset(step.ref for step in steps if step.order not in vain)
        return done - self.failures.keys()


async def observe(drivers: Drivers) -> World:
    """Look at every kind at once; one that cannot be seen is Unknown, never empty."""
    world: dict[str, Seen] = dict.fromkeys(drivers, CUT_SHORT)
    await _all([_see(kind, driver, world) for kind, driver in drivers.items()])
    return world


async def apply(plan: Plan, world: World, drivers: Drivers) -> Outcome:
    """Do what facts ask for, the steps wave by wave, then the due work.

    A failing ref stops its own later steps.
    """
    failures: dict[Ref, ReconcileError] = {}
    ended: dict[str, Ended] = {}
    async with asyncio.TaskGroup() as group:
        if plan.bound:
            following = group.create_task(_side_by_side(plan.bound, drivers, failures))
            await asyncio.wait({following}, timeout=PATIENCE)
        for _, wave in groupby(plan.steps, key=lambda step: step.wave):
            await _side_by_side(wave, drivers, failures)
        group.create_task(obey(plan.due, drivers, failures, ended))
        await _side_by_side((step for step in plan.due if not step.order), drivers, failures)
    return Outcome(plan, world, failures, ended)


async def reconcile(kinds: Kinds, wish: Wish, drivers: Drivers) -> Outcome:
    """One pass over everything."""
    world = await observe(drivers)
    return await apply(make_plan(kinds, wish, world), world, drivers)


async def _see(kind: str, driver: Driver[Any, Any], world: dict[str, Seen]) -> None:
    try:
        world[kind] = await driver.observe()
    except ReconcileError as exc:
        world[kind] = Unknown(exc.reason, str(exc))
    except Exception as exc:  # a fault of ours in one kind must not blind the others
        log.exception("observing %s failed", kind)
        world[kind] = Unknown("InternalError", f"cannot observe {kind}: {type(exc).__name__}")


async def _side_by_side(
    steps: Iterable[Step], drivers: Drivers, failures: dict[Ref, ReconcileError]
) -> None:
    kinds: dict[str, dict[Ref, list[Any]]] = {}
    for step in steps:
        if step.ref not in failures:
            kinds.setdefault(step.ref.kind, {}).setdefault(step.ref, []).append(step.action)
    await _all([_do(drivers[kind], work, failures) for kind, work in kinds.items()])


async def _do(
    driver: Driver[Any, Any], work: dict[Ref, list[Any]], failures: dict[Ref, ReconcileError]
) -> None:
    """What belongs to one kind: together where its driver can, the rest side by side."""
    done = await _together(driver, work) if _does_many(type(driver)) else {}
    failures.update({ref: why for ref, why in done.items() if why is not None})
    rest = {ref: actions for ref, actions in work.items() if ref not in done}
    await _all([_in_turn(ref, own, driver, failures) for ref, own in rest.items()])


async def _all(works: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Side by side; one alone needs no task of its own."""
    if len(works) == 1:
        return await works[0]
    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(work)
    return None


@cache
def _does_many(driver: type) -> bool:
    """Whether it is a DoesMany: to ask that of a protocol takes as long as to draw a plan."""
    return issubclass(driver, DoesMany)


async def _together(driver: Any, work: dict[Ref, list[Any]]) -> dict[Ref, ReconcileError | None]:
    try:
        done = await driver.apply_all({ref.name: actions for ref, actions in work.items()})
    except ReconcileError as exc:
        return dict.fromkeys(work, exc)
    except Exception as exc:  # a fault of ours in one kind must not stop the others
        log.exception("applying to many failed")
        why = Transient(f"internal error: {type(exc).__name__}", reason="InternalError")
        return dict.fromkeys(work, why)
    return {ref: done[ref.name] for ref in work if ref.name in done}


async def _in_turn(
    ref: Ref,
    actions: list[Any],
    driver: Driver[Any, Any],
    failures: dict[Ref, ReconcileError],
) -> None:
    try:
        for action in actions:
            await driver.apply(action)
    except ReconcileError as exc:
        failures[ref] = exc
    except Exception as exc:  # a fault of ours in one ref must not stop the others
        log.exception("applying to %s failed", ref)
        failures[ref] = Transient(f"internal error: {type(exc).__name__}", reason="InternalError")
