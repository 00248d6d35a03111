"""Writes: an edit of the specs, its proof, its plan; then the loop does what it always does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from ..core.model import Json, Ref
from ..core.remark import Remark
from ..specs.desk import Desk, Proposal, Wish
from .deletions import Deletions
from .foresight import foresee
from .journal import Event
from .operator import Operator
from .plan_view import View, plan_view
from .reconcile import observe

T = TypeVar("T")

NOTED: Final = 100
"""A write leaves at most so many events."""


@dataclass(slots=True)
class Writing:
    """Edits the specs that an operator follows."""

    operator: Operator
    specs: Path
    asked: Deletions = field(default_factory=Deletions)

    async def documents(self, kind: str) -> Mapping[Ref, Json]:
        """All resources of a kind as they are written, by name."""
        return await self._at_desk(lambda desk: desk.documents(kind))

    async def document(self, ref: Ref) -> Json:
        """One resource as it is written; None when it is not."""
        return await self._at_desk(lambda desk: desk.document(ref))

    async def write(self, compose: Callable[[Desk], Wish], *, dry_run: bool = False) -> View:
        """Edit the specs as ``compose`` says, who sees them as they are; or only say what would be.

        Raises ReconcileError; then nothing was changed.
        """

        def work(desk: Desk) -> tuple[Proposal, list[Remark]]:
            made = desk.propose(compose(desk))
            if dry_run:
                return made, desk.remarks(made)
            desk.write(made)
            return made, []

        made, remarks = await self._at_desk(work)
        removed = self._removed(made)
        await self.operator.reload()
        view = {
            "revision": self.operator.stack.ledger.revision,
            "dryRun": dry_run,
            "changed": [str(ref) for ref in made.changed],
            "files": list(made.files),
            "diff": made.diff,
            "warnings": [{**one._asdict(), "ref": str(one.ref)} for one in remarks],
            "held": [],
            "plan": None,
        }
        if dry_run:
            return {**view, "plan": await self._foreseen(made)}
        self._note(made)
        if removed:
            held = await self.asked.confirm(self.operator.stack, removed)
            view |= {"revision": self.operator.stack.ledger.revision, "held": held}
        self.operator.wake(complete=True)
        return view

    def _removed(self, made: Proposal) -> frozenset[Ref]:
        """The instances of what is not written any more, by what was read before."""
        gone = {ref for ref in made.changed if made.wish.documents[ref] is None}
        desired = self.operator.stack.ledger.desired
        if not gone:
            return frozenset()
        return frozenset(gone | {r for r, one in desired.items() if one.written_as in gone})

    def _note(self, made: Proposal) -> None:
        """Leave a trace of who it was, where no commit does."""
        stack, text = self.operator.stack, f"by {made.wish.author}, {made.wish.why}"
        events = [Event(ref, "Normal", "Edited", text) for ref in made.changed[:NOTED]]
        stack.ledger.journal.record_events(events, stack.clock.now())
        stack.ledger.journal.commit()

    async def _foreseen(self, made: Proposal) -> View:
        stack = self.operator.stack
        self.operator.reading.demand()
        started = stack.clock.monotonic()
        plan = foresee(stack, made.snapshot, await observe(stack.drivers))
        view = plan_view(stack.ledger, plan, round((stack.clock.monotonic() - started) * 1000))
        return {**view, "problems": [one.to_json() for one in made.snapshot.problems]}

    async def _at_desk(self, work: Callable[[Desk], T]) -> T:
        """Do it where nobody else reads or edits the specs meanwhile."""
        reading = self.operator.reading

        def alone() -> T:
            desk = Desk(self.specs, reading.loader)
            with desk.alone():
                return work(desk)

        return await reading.hold(alone)
