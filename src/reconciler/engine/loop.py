"""One lane: wait for dirty or due, run a pass, decide the next wake-up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ..core.errors import ReconcileError, Waiting
from ..core.kind import Hears
from ..core.model import Cause, HealthCode, Ref
from ..core.moved import Looked
from ..metrics import PassResult, StepResult
from .early import Early
from .journal import PassRecord
from .last_words import last_lines
from .look import Stack, draw, give_up, take_in
from .reconcile import Outcome, apply
from .retries import BACKOFF, Retries
from .telling import outcome_events

log = logging.getLogger(__name__)

DEBOUNCE: Final = 0.03
"""What was just started gets the processors for itself before the world is looked at (seconds)."""
LOOK_AGAIN: Final = 0.02
"""After a pass that did something, the world is looked at again this soon (seconds)."""
BRIEF: Final = 0.005
"""What is done in less is done first, before what was seen is written down (seconds)."""
PROGRESS: Final = 1.0
"""While something is on its way to health, it is looked at this often (seconds)."""


PASSES: Final = 1000
"""What is not settled after so many passes is left to the loop."""
NAMED: Final = 10
"""A pass names at most this many changes in the history."""


@dataclass(slots=True)
class Lane:
    """A loop over some kinds. A slow lane never delays another."""

    name: str
    kinds: frozenset[str]
    stack: Stack
    on_change: Callable[[Lane], None] = lambda _: None
    retries: Retries = field(default_factory=Retries)
    _dirty: asyncio.Event = field(default_factory=asyncio.Event)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _after: float = 0.0
    _is_complete: bool = False
    _early: Early = field(init=False)
    _looked: Looked = field(default_factory=Looked)
    _busy: set[Ref] = field(default_factory=set)
    """Those that were on their way to health then."""
    _blind: int = 0
    """How many passes in a row could not see all there is."""

    def __post_init__(self) -> None:
        self.stack.retries[self.name] = self.retries
        self._early = Early(self.stack.clock)

    def wake(self, *, complete: bool = False) -> None:
        """Something may have changed: look soon; at once when it is all there (``complete``)."""
        self._is_complete |= complete
        if not complete:  # the world has moved since a look that began before
            self._early.drop()
        self._dirty.set()

    def expect(self) -> None:
        """An edit is being read, and a pass is to come: look already."""
        if not self._turn.locked() and not self._early.is_fresh:
            ledger = self.stack.ledger
            unwanted = ledger.world.keys() - ledger.wanted_kinds
            nothing = {kind: ledger.world[kind] for kind in unwanted if not ledger.world[kind]}
            self._early.begin(self.stack.drivers, nothing)

    @property
    def is_needed(self) -> bool:
        """Whether there is anything for this lane, wanted or seen; if not, its timer is enough."""
        ledger, is_new = self.stack.ledger, not self._after
        seen = any(ledger.world.get(kind) for kind in self.kinds)
        return is_new or seen or not self.kinds.isdisjoint(ledger.wanted_kinds)

    async def run(self) -> None:
        """For ever: wait, then pass."""
        while True:
            await self._wait()
            if self.stack.ledger.snapshot is not None:
                await self.pass_once()

    async def settle(self) -> Outcome:
        """Pass until there is nothing left to do now; what waits longer is left to the loop."""
        outcome = await self.pass_once()
        for _ in range(PASSES):
            if not outcome.applied and _soon(outcome) is None:
                break
            await self.stack.clock.sleep(_soon(outcome) or 0.0)
            outcome = await self.pass_once()
        return outcome

    async def pass_once(self) -> Outcome:
        """Observe, plan, apply what is this lane's, and remember what was true."""
        async with self._turn:
            self._dirty.clear()
            self._is_complete = False
            started = self.stack.clock.monotonic()
            outcome = await self._observe_and_apply()
            seconds = self.stack.clock.monotonic() - started
            self._record(outcome, seconds)
            await self._hear()
            await self._give_up()
            self._after = self._next_wake(outcome)
        if outcome.applied:
            self.on_change(self)
        return outcome

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._after if self.stack.ledger.snapshot else None):
                await self._dirty.wait()
            if not self._is_complete:
                await self.stack.clock.sleep(DEBOUNCE)
        except TimeoutError:
            return

    async def _observe_and_apply(self) -> Outcome:
        world, since = await self._early.look(self.stack.drivers, self.stack.ledger.wanted_kinds)
        drawn = draw(self.stack, world, since=since)
        plan = drawn.plan.only(self.kinds)
        self.stack.orders.begin(plan.due)
        async with asyncio.TaskGroup() as group:
            doing = group.create_task(apply(plan, world, self.stack.drivers))
            # What is to be done is on its way before what was seen is written down.
            await asyncio.wait({doing}, timeout=BRIEF)
            take_in(self.stack, drawn)
        return doing.result()

    def _record(self, outcome: Outcome, seconds: float) -> None:
        ledger, now = self.stack.ledger, self.stack.clock.now()
        self.retries.learn(outcome, ledger.desired, self.stack.clock.monotonic())
        mine = {ref for ref in ledger.failures if ref.kind in self.kinds}
        for ref in mine - {one.ref for one in outcome.plan.blocked}:
            del ledger.failures[ref]
        real = {r: e for r, e in outcome.failures.items() if not isinstance(e, Waiting)}
        ledger.failures.update(real)
        result = _result(outcome, real)
        if outcome.applied:
            ledger.applied_at = now
        if outcome.applied or real:
            ledger.journal.record_events(outcome_events(outcome), now)
            ledger.journal.record_pass(self._pass_record(outcome, result, seconds))
        told = self.stack.orders.learn(outcome.plan.due, outcome.ended, now)
        ledger.journal.record_events(told, now)
        ledger.journal.commit()
        self._count(outcome, result, seconds)

    async def _hear(self) -> None:
        """Ask for the last words of what ended, for the events."""
        ended = {ref for ref in self.stack.ledger.restarts.ended if ref.kind in self.kinds}
        self.stack.ledger.restarts.ended -= ended
        for ref in sorted(ended):
            driver = self.stack.drivers[ref.kind]
            if isinstance(driver, Hears) and (lines := await last_lines(driver, ref)):
                self.stack.ledger.journal.attach(ref, lines)
        if ended:
            self.stack.ledger.journal.commit()

    async def _give_up(self) -> None:
        """Remember what could not take over, with its last words, before it is removed."""
        failing = self.stack.ledger.rolled.failing
        for ref, (lead, why) in failing.items() if self.kinds else ():
            driver = self.stack.drivers[ref.kind]
            if ref.kind not in self.kinds:
                continue
            lines = await last_lines(driver, ref) if isinstance(driver, Hears) else []
            give_up(self.stack, ref, lead, why=why, lines=lines)
            self._dirty.set()

    def _count(self, outcome: Outcome, result: PassResult, seconds: float) -> None:
        metrics = self.stack.metrics
        metrics.observe_pass(self.name, result, seconds)
        for ref in outcome.applied:
            metrics.count_step(ref.kind, StepResult.SUCCESS)
        for ref, error in outcome.failures.items():
            waits = isinstance(error, Waiting)
            metrics.count_step(ref.kind, StepResult.WAITING if waits else StepResult.FAILURE)
        for change in outcome.plan.changes:
            if change.cause is Cause.DRIFT and change.ref in outcome.applied:
                metrics.count_drift(change.ref.kind)

    def _pass_record(self, outcome: Outcome, result: PassResult, seconds: float) -> PassRecord:
        plan = outcome.plan
        done = [f"{change.verb.value} {change.ref}" for change in plan.changes]
        done += sorted({f"due {step.ref}" for step in (*plan.bound, *plan.due)})
        more = f" and {len(done) - NAMED} more" if len(done) > NAMED else ""
        return PassRecord(
            self.stack.clock.now(),
            plan.revision,
            self.name,
            len(plan.changes),
            result.value,
            round(seconds * 1000),
            ", ".join(done[:NAMED]) + more,
        )

    def _next_wake(self, outcome: Outcome) -> float:
        """The one table from outcome to wake-up, in seconds."""
        times = [self.stack.resync]
        if outcome.applied or outcome.ended:
            times.append(LOOK_AGAIN)
        if (soon := _soon(outcome)) is not None:
            times.append(soon)
        if outcome.plan.after is not None:
            times.append(outcome.plan.after)
        held = (one for ref, one in self.stack.held().items() if ref.kind in self.kinds)
        times.extend(one.after for one in held if one.after is not None)
        if self._progressing():
            times.append(PROGRESS)
        self._blind = self._blind + 1 if self.kinds.intersection(outcome.plan.unknown) else 0
        if self._blind:
            times.append(BACKOFF.delay(self._blind))
        return min(times)

    def _progressing(self) -> bool:
        """Whether anything is on its way to health."""
        ledger = self.stack.ledger
        world = {kind: ledger.world[kind] for kind in self.kinds if kind in ledger.world}
        for ref in self._looked.moved(ledger.desired, world):
            self._busy.discard(ref)
            live = ledger.live(ref) if ref.kind in self.kinds and ref in ledger.desired else None
            if live and ledger.recall.health(ref, live).code is HealthCode.PROGRESSING:
                self._busy.add(ref)
        self._looked.take(ledger.desired, world)
        return bool(self._busy)


def _result(outcome: Outcome, failures: Mapping[Ref, ReconcileError]) -> PassResult:
    if failures:
        return PassResult.FAILURE
    return PassResult.UNKNOWN if outcome.plan.unknown else PassResult.SUCCESS


def _soon(outcome: Outcome) -> float | None:
    """When to look again at what merely needs a moment."""
    waits = [error.after for error in outcome.failures.values() if isinstance(error, Waiting)]
    return min(waits, default=None)
