"""What the operator knows now: the specs, its last look at the world, each resource's status."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ..core.errors import ReconcileError
from ..core.gates import TIMED_OUT, WAITS, Held, seen_of
from ..core.kind import Kinds
from ..core.model import (
    Blocked,
    Change,
    Health,
    HealthCode,
    Observed,
    Ref,
    Resource,
    Unknown,
    World,
)
from ..core.moved import Looked, moved
from ..core.order import Shape, shape_of
from ..core.overrides import Memo, Moment, Overridden
from ..core.plan import Plan, Wish
from ..core.request import Request
from ..core.rolled import Rolled
from ..core.status import Condition, ConditionStatus, Facts, conditions
from ..specs.load import Snapshot
from ..specs.remarks import Reviewed
from .allocate import Ports
from .edits import Edits
from .expansion import Expansion
from .journal import Event, Journal
from .recall import Recall
from .restarts import Restarts
from .telling import is_meant, ready_event

PATIENT: Final = frozenset({WAITS, TIMED_OUT})
"""Reasons of those that merely wait for others."""


class Ledger:
    """The operator's memory. Everything in it can be rebuilt from the specs and the world."""

    def __init__(
        self,
        kinds: Kinds,
        journal: Journal,
        *,
        stack_start: str = "",
        ports: Ports | None = None,
    ) -> None:
        self.kinds = kinds
        self.journal = journal
        self.edits = Edits(kinds, journal, stack_start=stack_start)
        self.recall = Recall(kinds)
        self.restarts = Restarts()
        self.snapshot: Snapshot | None = None
        self.reviewed = Reviewed()
        self.desired: Mapping[Ref, Resource[Any]] = {}
        self.wanted_kinds: frozenset[str] = frozenset()
        self._counts: Counter[str] = Counter()
        """How many of each kind are wanted."""
        self.shape = Shape()
        self.plan: Plan | None = None
        self.world: World = {}
        self.rolled = Rolled()
        self.failures: dict[Ref, ReconcileError] = {}
        self.conditions: dict[Ref, dict[str, Condition]] = {}
        self._sick: set[Ref] = set()
        """Those that were not ready when it was last judged."""
        self.observed_at, self.applied_at, self._looked_since = 0.0, 0.0, float("-inf")
        self._waiting: dict[Ref, float] = {}
        self.ports, self._expansion = ports, Expansion(kinds, ports)
        self._overridden = Memo()
        self._looked = Looked()
        self._restless: set[Ref] = set()
        """Those that differ, wait, have failed or are not there."""

    @property
    def revision(self) -> str:
        """The revision of the specs in use; empty before the first."""
        return "" if self.snapshot is None else self.snapshot.revision

    def take_snapshot(self, snapshot: Snapshot) -> bool:
        """Make ``snapshot`` the desired state; says whether any resource changed by it."""
        before, self.snapshot = self.snapshot, snapshot
        self.journal.revision = snapshot.revision
        is_same = before is not None and before.whole == snapshot.whole
        if before and is_same and not moved(before.resources, snapshot.resources):
            return before.revision != snapshot.revision
        old, self.desired = self.desired, self._expansion.expand(snapshot)
        edited = moved(old, self.desired)
        for ref in edited:
            self._counts[ref.kind] += (ref in self.desired) - (ref in old)
        self.wanted_kinds = frozenset(kind for kind, count in self._counts.items() if count)
        self.shape = shape_of(self.kinds, self.desired, self.shape)
        gone = self.edits.count(self.desired, edited, whole=snapshot.whole)
        self.recall.forget(gone)
        self.restarts.forget(gone)
        for ref in gone:
            self.conditions.pop(ref, None)
        self._sick.difference_update(gone)
        return True

    def moment(self, requests: Mapping[Ref, tuple[Request, ...]], now: float) -> Moment:
        """What is asked now, for the overrides."""
        return Moment(requests, now, self.shape, self._overridden)

    @property
    def asked(self) -> Overridden:
        """What was asked for the moment at the last look."""
        return self.rolled.asked

    @property
    def present(self) -> Iterator[Ref]:
        """Those that are wanted now, or still there after another one has taken their place."""
        return (ref for ref in self.desired if ref not in self.rolled.gone or self.live(ref))

    def wish(self, rolled: Rolled, held: Mapping[Ref, Held], *, since: float) -> Wish:
        """What is wanted, for the planner; ``since`` is when the world was looked at."""
        assert self.snapshot is not None, "no specs were loaded yet"  # noqa: S101 (who plans has them)
        return Wish(
            rolled.asked.desired,
            revision=self.snapshot.revision,
            prune=self.snapshot.whole,
            unproven=self.snapshot.unproven,
            held=held,
            applied=self.edits.applied,
            requests=rolled.asked.requests,
            rolled=rolled,
            waited={ref: since - began for ref, began in self._waiting.items()},
            shape=self.shape,
        )

    def renew_patience(self, refs: Iterable[Ref] | None = None) -> None:
        """Who waits for something begins to wait anew, as a person asked."""
        for ref in list(self._waiting if refs is None else refs):
            self._waiting.pop(ref, None)

    def is_newest(self, since: float) -> bool:
        """Whether a look that began at ``since`` is newer than all before; it is one then."""
        newest = since >= self._looked_since
        self._looked_since = max(self._looked_since, since)
        return newest

    def see(self, plan: Plan, world: World, rolled: Rolled, now: float) -> None:
        """Take in a look at the world and the plan made from it."""
        meant = {change.ref for change in self.plan.changes} if self.plan is not None else set()
        events = [*self.restarts.notice(world, meant)]
        stale = self._looked.moved(self.desired, world) | (self.rolled.gone ^ rolled.gone)
        self.plan, self.world, self.rolled, self.observed_at = plan, world, rolled, now
        self._count_waiting(plan)
        self._settle_conditions(plan, stale, events)
        self._looked.take(self.desired, world)
        self._remember_in_sync(plan)
        self.journal.record_events(events, now)

    @property
    def sick(self) -> list[Ref]:
        """Those that were not well at the last look."""
        return sorted(self._sick)

    def live(self, ref: Ref) -> Observed[Any] | None:
        """What was last seen of ``ref``."""
        return seen_of(ref, self.world)

    def waits(self, ref: Ref, blocked: Blocked | None) -> bool:
        """Whether all that keeps ``ref`` from running is what it needs."""
        return blocked is not None and blocked.reason in PATIENT and self._rests(ref)

    def health(self, ref: Ref, blocked: Blocked | None = None) -> Health:
        """How well ``ref`` does. Who only waits is on its way, who cannot be started is not."""
        if blocked is not None and self.waits(ref, blocked):
            timely = blocked.reason == WAITS
            code = HealthCode.PROGRESSING if timely else HealthCode.DEGRADED
            return Health(code, blocked.reason, blocked.message)
        failure = self.failures.get(ref)
        if failure is not None and self._rests(ref):
            return Health(HealthCode.DEGRADED, failure.reason, str(failure))
        return self.recall.health(ref, self.live(ref))

    def _rests(self, ref: Ref) -> bool:
        live = self.live(ref)
        return live is None or not getattr(live.state, "started", True)

    def _count_waiting(self, plan: Plan) -> None:
        waiting = (one.ref for one in plan.blocked if one.reason in PATIENT)
        self._waiting = {ref: self._waiting.get(ref, self._looked_since) for ref in waiting}

    def _remember_in_sync(self, plan: Plan) -> None:
        differing = {change.ref for change in (*plan.changes, *plan.held)}
        asked = {override.ref for override in self.asked.overrides}
        unsettled = self.desired.keys() - self.edits.applied.keys() - differing
        if unsettled:
            seen = {ref for ref in unsettled if self.live(ref)}
            self.edits.settle(seen - asked)
            self.edits.settle(seen & asked, asked=True)

    def _settle_conditions(self, plan: Plan, stale: set[Ref], events: list[Event]) -> None:
        moment = datetime.fromtimestamp(self.observed_at, UTC)
        for ref, facts in self._facts(plan, stale):
            before = self.conditions.get(ref, {})
            after = {one.type: one for one in conditions(facts, before, moment)}
            self.conditions[ref] = after
            old, new = before.get("Ready"), after["Ready"]
            if new.status is ConditionStatus.TRUE:
                self._sick.discard(ref)
            else:
                self._sick.add(ref)
            if old is None or (old.status, old.reason) != (new.status, new.reason):
                events.append(ready_event(ref, new, calm=is_meant(facts)))

    def _facts(self, plan: Plan, stale: set[Ref]) -> Iterator[tuple[Ref, Facts]]:
        """What the conditions of each ref are made of, of those where anything may be new."""
        changes: dict[Ref, Change[Any]] = {c.ref: c for c in (*plan.changes, *plan.held)}
        blocked = {one.ref: one for one in plan.blocked}
        restless = changes.keys() | blocked.keys() | self.failures.keys()
        stale = stale | self._restless | restless
        for ref in sorted(stale & self.desired.keys()):
            if ref in self.rolled.gone:
                self.conditions.pop(ref, None)
                self._sick.discard(ref)
                continue
            if self.live(ref) is None:
                restless.add(ref)
            yield ref, self._fact(ref, changes.get(ref), blocked.get(ref))
        self._restless = restless

    def _fact(self, ref: Ref, change: Change[Any] | None, blocked: Blocked | None) -> Facts:
        failure, live = self.failures.get(ref), self.live(ref)
        told = failure is not None or live is not None or self.waits(ref, blocked)
        return Facts(
            self.edits.generation(ref),
            change,
            blocked,
            failure,
            stalled=blocked is not None and blocked.after is None and failure is not None,
            unknown=isinstance(self.world.get(ref.kind), Unknown),
            health=self.health(ref, blocked) if told else None,
            told=self.recall.told(ref, live),
        )
