"""Deletions that somebody asked for by name: the edit is the confirmation, and of nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..core.model import Ref, Verb
from .look import Stack, draw
from .reconcile import observe

GUARDED: Final = "MassDelete"


@dataclass(slots=True)
class Deletions:
    """What was taken out of the specs by name and is not gone yet."""

    asked: frozenset[Ref] = frozenset()

    async def confirm(self, stack: Stack, removed: frozenset[Ref]) -> list[str]:
        """Allow the deletions of the specs in use if all of them were asked for.

        Returns those that wait for a confirmation all the same: something else goes with them, or
        not everything can be seen.
        """
        if stack.ledger.snapshot is None:
            return []  # nothing is planned before the specs could be read
        since = stack.clock.monotonic()
        world = await observe(stack.drivers)
        # From here on nobody else has a turn: the plan and the revision belong together.
        drawn = draw(stack, world, since=since)
        plan = drawn.plan
        changes = (*plan.changes, *plan.held)
        going = {one.ref for one in changes if one.verb is Verb.DELETE} - drawn.rolled.gone
        self.asked = (self.asked | removed) & going
        guarded = sorted(one.ref for one in plan.blocked if one.reason == GUARDED)
        if guarded and going <= self.asked and not plan.unknown:
            stack.confirmation.give(plan.revision)
            return []
        return [str(ref) for ref in guarded]
