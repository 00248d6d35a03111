"""What the operator knows now: the specs, its last look at the world, each resource's status."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ..core.errors import ReconcileError
from ..core.gates import Held
from ..core.kind import Kinds
from ..core.model import (
    Change,
    Observed,
    Plan,
    Ref,
    Resource,
    State,
    Unknown,
    World,
)
from ..core.overrides import Override
from ..core.plan import Wish
from ..core.status import Condition, ConditionStatus, Facts, conditions
from ..specs.load import Snapshot
from .journal import Event, Journal, Known
from .restarts import Restarts

ENDING: Final = frozenset({"started", "restored"})
"""Fields of a state that do not outlive the stack."""


class Ledger:
    """The operator's memory. Everything in it can be rebuilt from the specs and the world."""

    def __init__(self, kinds: Kinds, journal: Journal, *, stack_start: str = "") -> None:
        self.kinds = kinds
        self.journal = journal
        self._stack_start = stack_start
        self.snapshot: Snapshot | None = None
        self.desired: dict[Ref, Resource[Any]] = {}
        self.plan: Plan | None = None
        self.world: World = {}
        self.overrides: tuple[Override, ...] = ()
        self.failures: dict[Ref, ReconcileError] = {}
        self.conditions: dict[Ref, dict[str, Condition]] = {}
        self.restarts = Restarts()
        self.observed_at = 0.0
        self._looked_since = float("-inf")
        self.applied_at = 0.0
        self._known = journal.known()
        self._expanded: dict[Ref, tuple[Resource[Any], tuple[Resource[Any], ...]]] = {}
        self._rendered: dict[Ref, tuple[Resource[Any], State]] = {}

    @property
    def revision(self) -> str:
        """The revision of the specs in use; empty before the first."""
        return "" if self.snapshot is None else self.snapshot.revision

    def take_snapshot(self, snapshot: Snapshot) -> bool:
        """Make ``snapshot`` the desired state; says whether any resource changed by it."""
        before = self.snapshot
        self.snapshot = snapshot
        if before is not None and _is_same(before, snapshot):
            return before.revision != snapshot.revision
        self.desired = dict(self._expand(snapshot))
        self._count_edits()
        return True

    def wish(self, held: Mapping[Ref, Held], *, confirmed: bool, now: float) -> Wish:
        """What is wanted, for the planner."""
        if self.snapshot is None:
            raise LookupError("no specs were loaded yet")
        return Wish(
            self.desired,
            revision=self.snapshot.revision,
            prune=self.snapshot.whole,
            confirmed=confirmed,
            held=held,
            applied={r: one.digest for r, one in self._known.items() if self._is_applied(r, one)},
            now=now,
        )

    def render(self, resource: Resource[Any]) -> State:
        """The wanted state of a resource, drawn once per resource."""
        cached = self._rendered.get(resource.ref)
        if cached is not None and cached[0] is resource:
            return cached[1]
        state: State = self.kinds[resource.ref.kind].render(resource)
        self._rendered[resource.ref] = (resource, state)
        return state

    def digests(self) -> dict[Ref, str]:
        """The content of each wanted resource, in one word."""
        return {ref: resource.digest for ref, resource in self.desired.items()}

    def generation(self, ref: Ref) -> int:
        """How often this resource was edited, counted from 1."""
        known = self._known.get(ref)
        return 1 if known is None else known.generation

    def observed_generation(self, ref: Ref) -> int:
        """The generation that is known to be in the world; 0 when none is yet."""
        known = self._known.get(ref)
        if known is None:
            return 0
        return known.generation if self._is_applied(ref, known) else known.generation - 1

    def unsettle(self, refs: Iterable[Ref]) -> None:
        """These are asked to differ from their specs: neither that nor its end is drift."""
        fresh = {
            ref: known._replace(applied="")
            for ref in refs
            if (known := self._known.get(ref)) is not None and known.applied
        }
        self._known.update(fresh)
        self.journal.remember(fresh)

    def is_newest(self, since: float) -> bool:
        """Whether a look that began at ``since`` is newer than all before; it is one then."""
        newest = since >= self._looked_since
        self._looked_since = max(self._looked_since, since)
        return newest

    def see(self, plan: Plan, world: World, overrides: tuple[Override, ...], now: float) -> None:
        """Take in a look at the world and the plan made from it."""
        asked = {change.ref for change in self.plan.changes} if self.plan is not None else set()
        events = [*self.restarts.notice(world, asked)]
        self.plan, self.world, self.overrides, self.observed_at = plan, world, overrides, now
        self._settle_conditions(events, now)
        self._remember_in_sync()
        self.journal.record_events(events, now)

    def live(self, ref: Ref) -> Observed[Any] | None:
        """What was last seen of ``ref``."""
        seen = self.world.get(ref.kind)
        return None if seen is None or isinstance(seen, Unknown) else seen.get(ref.name)

    def _expand(self, snapshot: Snapshot) -> Iterator[tuple[Ref, Resource[Any]]]:
        """Instances, the very same objects for what was not edited: all caches go by identity."""
        expanded = {}
        for ref, written in snapshot.resources.items():
            known = self._expanded.get(ref)
            if known is None or known[0] is not written:
                known = (written, self.kinds[ref.kind].instances(written))
            expanded[ref] = known
            for instance in known[1]:
                yield instance.ref, instance
        self._expanded = expanded

    def _count_edits(self) -> None:
        fresh: dict[Ref, Known] = {}
        for ref, resource in self.desired.items():
            known = self._known.get(ref)
            if known is None:
                fresh[ref] = Known(resource.digest, 1, "")
            elif known.digest != resource.digest:
                fresh[ref] = Known(resource.digest, known.generation + 1, known.applied)
        gone = self._known.keys() - self.desired.keys() if self._is_whole() else set()
        for ref in gone:
            del self._known[ref]
            self._rendered.pop(ref, None)
            self.conditions.pop(ref, None)
        self._known.update(fresh)
        self.journal.remember(fresh, gone)

    def _is_applied(self, ref: Ref, known: Known) -> bool:
        return known.applied == self._mark(ref, known.digest)

    def _mark(self, ref: Ref, digest: str) -> str:
        """Says that this content was in sync, for what ends with the stack: in which start of it.

        To be down after the stack was started anew is nobody's change.
        """
        kind = self.kinds.get(ref.kind)  # a journal may know kinds that this version does not
        ends = kind is not None and not ENDING.isdisjoint(kind.State.model_fields)
        return f"{digest}@{self._stack_start}" if ends else digest

    def _is_whole(self) -> bool:
        return self.snapshot is not None and self.snapshot.whole

    def _remember_in_sync(self) -> None:
        if self.plan is None:
            return
        differing = {change.ref for change in (*self.plan.changes, *self.plan.held)}
        differing |= {override.ref for override in self.overrides}
        fresh = {
            ref: known._replace(applied=self._mark(ref, known.digest))
            for ref, known in self._known.items()
            if ref not in differing and not self._is_applied(ref, known) and self.live(ref)
        }
        self._known.update(fresh)
        self.journal.remember(fresh)

    def _settle_conditions(self, events: list[Event], now: float) -> None:
        moment = datetime.fromtimestamp(now, UTC)
        for ref, facts in self._facts():
            before = self.conditions.get(ref, {})
            after = {one.type: one for one in conditions(facts, before, moment)}
            self.conditions[ref] = after
            old, new = before.get("Ready"), after["Ready"]
            if old is None or (old.status, old.reason) != (new.status, new.reason):
                events.append(_tell(ref, new))

    def _facts(self) -> Iterator[tuple[Ref, Facts]]:
        if self.plan is None:
            return
        changes: dict[Ref, Change[Any]] = {
            change.ref: change for change in (*self.plan.changes, *self.plan.held)
        }
        blocked = {one.ref: one for one in self.plan.blocked}
        for ref in self.desired:
            live = self.live(ref)
            failure = self.failures.get(ref)
            yield (
                ref,
                Facts(
                    self.generation(ref),
                    changes.get(ref),
                    blocked.get(ref),
                    failure,
                    stalled=ref in blocked and blocked[ref].after is None and failure is not None,
                    unknown=isinstance(self.world.get(ref.kind), Unknown),
                    health=self.kinds[ref.kind].health(live) if live else None,
                ),
            )


def _is_same(before: Snapshot, after: Snapshot) -> bool:
    """Whether nothing was edited; a loader hands out unedited resources again, not copies."""
    if before.whole != after.whole or len(before.resources) != len(after.resources):
        return False
    return all(before.resources.get(ref) is one for ref, one in after.resources.items())


def _tell(ref: Ref, ready: Condition) -> Event:
    kind = "Normal" if ready.status is ConditionStatus.TRUE else "Warning"
    return Event(ref, kind, ready.reason, ready.message)
