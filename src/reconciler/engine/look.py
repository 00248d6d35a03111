"""One look at the world: what is asked now, what differs, and what to remember of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ..core.gates import Held
from ..core.kind import Drivers, Kinds
from ..core.model import Ref, World
from ..core.overrides import Overridden, overridden
from ..core.plan import Plan, make_plan
from ..metrics import Metrics
from .clock import Clock
from .ledger import Ledger
from .records import Records
from .requests import Requests
from .retries import Retries
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
    retries: dict[str, Retries] = field(default_factory=dict)
    """Of each lane: all lanes plan for everything, and must not unsay what another holds."""
    requests: Requests = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "requests", Requests(self.kinds, self.records))

    def held(self) -> dict[Ref, Held]:
        """The refs that wait now, whichever lane they belong to."""
        digests, now = self.ledger.digests, self.clock.monotonic()
        return {
            r: one for own in self.retries.values() for r, one in own.held(digests, now).items()
        }

    def confirmed(self, revision: str) -> bool:
        """Whether a person allowed the deletions of this revision."""
        return bool(revision) and self.records.read("confirmation", "deletions") == revision


class Drawn(NamedTuple):
    """A plan and what it was made from; ``since`` is when the look at the world began."""

    plan: Plan
    world: World
    asked: Overridden
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
    ledger.edits.unsettle(one.ref for one in asked.overrides if one.request.lasts)
    wish = ledger.wish(asked, stack.held(), since=since)
    wish = replace(wish, confirmed=stack.confirmed(ledger.revision), now=now)
    recall = ledger.recall
    plan = make_plan(stack.kinds, wish, world, compare=recall.compare, follow=recall.follow)
    ends = [one for one in (plan.after, asked.after) if one is not None]
    return Drawn(replace(plan, after=min(ends, default=None)), world, asked, since)


def take_in(stack: Stack, drawn: Drawn) -> None:
    """Remember what was seen and planned."""
    ledger, now = stack.ledger, stack.clock.now()
    if not ledger.is_newest(drawn.since):  # a slow look of another lane says nothing new
        return
    ledger.see(drawn.plan, drawn.world, drawn.asked, now)
    if stack.requests.asked and ledger.snapshot is not None:
        whole = ledger.snapshot.whole
        over = stack.requests.settle(ledger.desired, drawn.world, whole=whole, now=now)
        ledger.journal.record_events(map(end_event, over), now)
