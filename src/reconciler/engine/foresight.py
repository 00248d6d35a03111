"""What would be done if the specs were others than they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..core.kind import Kinds
from ..core.model import Ref, Resource, World
from ..core.order import shape_of
from ..core.overrides import Moment, overridden
from ..core.plan import Plan, Wish, make_plan
from ..core.rolled import Known, rolled
from ..specs.load import Snapshot
from .look import Stack


def foresee(stack: Stack, trial: Snapshot, world: World) -> Plan:
    """The plan for ``trial``; nothing of it is remembered. Raises LookupError before any specs."""
    ledger, now = stack.ledger, stack.clock.now()
    if ledger.snapshot is None:
        raise LookupError("no specs were loaded yet")
    desired = _moved(stack.kinds, ledger.desired, ledger.snapshot, trial)
    shape = shape_of(stack.kinds, desired)
    moment = Moment(stack.requests.asked, now, shape)
    asked = overridden(stack.kinds, desired, world, moment)
    known = Known(stack.rollouts.recall, ledger.edits.applied, now, shape.leads)
    turned = rolled(stack.kinds, asked, world, known)
    wish = Wish(
        turned.asked.desired,
        revision=ledger.revision,
        prune=trial.whole,
        held=stack.held(),
        applied=ledger.edits.applied,
        requests=turned.asked.requests,
        rolled=turned,
        shape=shape,
        now=now,
    )
    return make_plan(stack.kinds, wish, world)


def _moved(
    kinds: Kinds, desired: Mapping[Ref, Resource[Any]], now: Snapshot, trial: Snapshot
) -> dict[Ref, Resource[Any]]:
    """What is wanted, with the differences of two snapshots: ports stay where they are."""
    before, after = now.resources, trial.resources
    gone = (one for ref, one in before.items() if after.get(ref) is not one)
    come = (one for ref, one in after.items() if before.get(ref) is not one)
    left = {one.ref for one in _instances(kinds, gone)}
    kept = {ref: one for ref, one in desired.items() if ref not in left}
    return kept | {one.ref: one for one in _instances(kinds, come)}


def _instances(kinds: Kinds, written: Iterable[Resource[Any]]) -> Iterable[Resource[Any]]:
    return (one for each in written for one in kinds[each.ref.kind].instances(each))
