"""One look at the world: what is asked now, what differs, and what to remember of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ..core.gates import Held
from ..core.kind import Drivers, Kinds
from ..core.model import Ref, World
from ..core.overrides import overridden
from ..core.plan import Plan, make_plan
from ..core.request import Asked
from ..core.rolled import Known, Rolled, rolled
from ..core.turns import FAILED
from ..metrics import Metrics
from .clock import Clock
from .confirmation import Confirmation
from .journal import Event
from .known import without_secrets
from .ledger import Ledger
from .orders import Orders
from .records import Records
from .requests import Requests
from .retries import Retries
from .revisions import Revisions
from .rollouts import Rollouts
from .telling import end_event


@dataclass(frozen=True, slots=True)
class Stack:
    """What every lane works with."""

    kinds: Kinds
    drivers: Drivers
    ledger: Ledger
    records: Records
    clock: Clock
    metrics: Metrics
    resync: float = 30.0
    stopping: Callable[[], bool] = lambda: False
    """Whether the whole stack is being stopped."""
    retries: dict[str, Retries] = field(default_factory=dict)
    """Of each lane: all lanes plan for everything, and must not unsay what another holds."""
    confirmation: Confirmation = field(init=False)
    requests: Requests = field(init=False)
    orders: Orders = field(init=False)
    rollouts: Rollouts = field(init=False)
    revisions: Revisions = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "confirmation", Confirmation(self.records))
        object.__setattr__(self, "requests", Requests(self.kinds, self.records))
        object.__setattr__(self, "orders", Orders(self.records))
        object.__setattr__(self, "rollouts", Rollouts(self.records))
        object.__setattr__(self, "revisions", Revisions(self.records))

    def held(self) -> dict[Ref, Held]:
        """The refs that wait now, whichever lane they belong to."""
        desired, now = self.ledger.desired, self.clock.monotonic()
        return {
            r: one for own in self.retries.values() for r, one in own.held(desired, now).items()
        }


class Drawn(NamedTuple):
    """A plan and what it was made from; ``since`` is when the look at the world began."""

    plan: Plan
    world: World
    rolled: Rolled
    since: float


def look(stack: Stack, world: World, *, since: float) -> Plan:
    """Plan for everything from what was seen, and remember both."""
    drawn = draw(stack, world, since=since)
    take_in(stack, drawn)
    return drawn.plan


def draw(stack: Stack, world: World, *, since: float) -> Drawn:
    """Plan for everything from what was seen; ``since`` in monotonic seconds."""
    ledger, now = stack.ledger, stack.clock.now()
    moment = ledger.moment(stack.requests.asked, now)
    asked = overridden(stack.kinds, ledger.desired, world, moment)
    whys = stack.requests.taken_back.explains(ledger.desired)
    asked = replace(asked, ended=whys | dict(asked.ended)) if whys else asked
    ledger.edits.unsettle(one.ref for one in asked.overrides if one.request.lasts)
    known = Known(stack.rollouts.recall, ledger.edits.applied, now, ledger.shape.leads)
    turned = rolled(stack.kinds, asked, world, known)
    wish = ledger.wish(turned, stack.held(), since=since)
    confirmed, orders = stack.confirmation.covers(ledger.revision), stack.orders.next()
    wish = replace(wish, confirmed=confirmed, orders=orders, now=now)
    recall = ledger.recall
    plan = make_plan(stack.kinds, wish, world, differ=recall.differ, follow=recall.follow)
    if asked.after is not None and (plan.after is None or asked.after < plan.after):
        plan = replace(plan, after=asked.after)
    return Drawn(plan, world, turned, since)


def take_in(stack: Stack, drawn: Drawn) -> None:
    """Remember what was seen and planned."""
    ledger, now = stack.ledger, stack.clock.now()
    if not ledger.is_newest(drawn.since):  # a slow look of another lane says nothing new
        return
    ledger.see(drawn.plan, drawn.world, drawn.rolled, now)
    if ledger.snapshot is None:
        return
    whole = ledger.snapshot.whole
    stack.rollouts.keep_only(ledger.desired, whole=whole)
    stack.rollouts.note(drawn.rolled.notes, now)
    gone = stack.orders.settle(ledger.desired, whole=whole, now=now)
    ledger.journal.record_events(gone, now)
    stack.requests.taken_back.settle(ledger.desired, drawn.world, now, drawn.since)
    if stack.requests.asked:
        over = stack.requests.settle(ledger.desired, drawn.world, whole=whole, now=now)
        ledger.journal.record_events(map(end_event, over), now)


def give_up(stack: Stack, ref: Ref, lead: Ref, *, why: str, lines: Sequence[str]) -> None:
    """Remember that ``ref`` could not take over, and tell."""
    now, health = stack.clock.now(), stack.ledger.health(ref)
    failure = stack.ledger.failures.get(ref)
    cause = str(failure) if failure is not None else health.message
    words = [f"{ref.name} {why}" if why != cause else f"{ref.name} {cause}"]
    words += [cause] if cause and why != cause else []
    words += [f"last words: {lines[-1].strip()}"] if lines and lines[-1].strip() else []
    message = without_secrets("; ".join(words), stack.ledger.snapshot)
    stack.rollouts.fail(lead, message, now)
    stack.requests.drop(lead, frozenset({Asked.RESTART}))
    stack.ledger.journal.record_events([Event(ref, "Warning", FAILED, message)], now)
    if lines:
        stack.ledger.journal.attach(ref, list(lines))
    stack.ledger.journal.commit()
