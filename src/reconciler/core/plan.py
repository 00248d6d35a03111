"""desired + observed -> plan. Pure: no clock, no disk, no network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .bound import Bindings, Follow, ending, staying
from .cycles import name_cycles
from .differences import Compare, Differ, comparing, differing
from .due import Agenda, DueWork
from .gates import AnyChange, AnyResource, Context, Held, mass_delete, seen_of, why_not
from .kind import Kinds
from .model import (
    Blocked,
    Cause,
    Change,
    Drift,
    Ref,
    Step,
    Unknown,
    Verb,
    World,
)
from .order import Lineup, Shape, leaving_first, shape_of
from .ordered import Order
from .request import Asked, Request
from .rolled import Rolled


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done, in order.

    ``held`` are changes that a gate holds back: they differ, and are not done now. ``due`` is work
    whose time has come: it is done, but never means "out of sync". So is ``bound``: what follows
    from facts of the moment, done before anything else. ``after`` is the number of seconds until
    time alone may bring new work, None when it will not.
    """

    revision: str
    changes: tuple[Change[Any], ...] = ()
    steps: tuple[Step, ...] = ()
    due: tuple[Step, ...] = ()
    bound: tuple[Step, ...] = ()
    held: tuple[Change[Any], ...] = ()
    blocked: tuple[Blocked, ...] = ()
    unknown: tuple[str, ...] = ()
    after: float | None = None

    @property
    def in_sync(self) -> bool:
        """Whether everything could be seen and nothing differs, held back or not."""
        return not (self.changes or self.held or self.unknown)

    def only(self, kinds: frozenset[str]) -> Plan:
        """The same plan, doing only what concerns ``kinds``."""
        return replace(
            self,
            changes=tuple(change for change in self.changes if change.ref.kind in kinds),
            steps=tuple(step for step in self.steps if step.ref.kind in kinds),
            due=tuple(step for step in self.due if step.ref.kind in kinds),
            bound=tuple(step for step in self.bound if step.ref.kind in kinds),
        )


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted, and what the engine remembers about it. ``now`` is Unix time in seconds."""

    desired: Mapping[Ref, AnyResource]
    revision: str = ""
    prune: bool = True
    unproven: Mapping[str, str] = field(default_factory=dict)
    """Kinds whose own tests fail, and how."""
    confirmed: bool = False
    held: Mapping[Ref, Held] = field(default_factory=dict)
    applied: Mapping[Ref, str] = field(default_factory=dict)
    """Digest of each ref's spec when it was last in sync."""
    requests: Mapping[Ref, Request] = field(default_factory=dict)
    """What is asked for the moment, and is in ``desired`` already."""
    orders: Mapping[Ref, Order] = field(default_factory=dict)
    """The next thing that each was ordered to do once."""
    waited: Mapping[Ref, float] = field(default_factory=dict)
    """For how many seconds a ref waits for what it needs."""
    rolled: Rolled = field(default_factory=Rolled)
    """How far each replacement is; it is in ``desired`` already."""
    shape: Shape | None = None
    """What the resources are to each other, when that is known already."""
    now: float = 0.0


def expand(kinds: Kinds, written: Iterable[AnyResource]) -> dict[Ref, AnyResource]:
    """What is written -> what is to run: one resource may stand for several instances."""
    return {
        instance.ref: instance
        for resource in written
        for instance in kinds[resource.ref.kind].instances(resource)
    }


def make_plan(
    kinds: Kinds,
    wish: Wish,
    world: World,
    *,
    differ: Differ | None = None,
    follow: Follow | None = None,
) -> Plan:
    """Everything that differs, what holds some of it back, and the steps for the rest, in order."""
    shape = wish.shape or shape_of(kinds, wish.desired)
    differences = (differ or differing(kinds))(wish.desired, world)
    differences = (_because(one, wish) for one in differences)
    changes = tuple(one for one in differences if not _is_ignored(one, wish))
    context = _context(kinds, wish, world, shape=shape, changes=changes)
    verdicts = [(change, why_not(change, context)) for change in changes]
    order = Lineup(kinds, wish.desired, shape.ranks)
    free = order.sort(change for change, why in verdicts if why is None)
    held = order.sort(change for change, why in verdicts if why is not None)
    due = DueWork(kinds, wish.desired, world, _agenda(wish, shape, changes))
    rolled = wish.rolled
    bindings = Bindings(
        kinds, wish.desired, world, shape, ending(free), staying(held), rolled.aside, rolled.unsure
    )
    kept = tuple(_kept(wish, world, comparing(kinds)))
    whys = (why for _, why in verdicts if why is not None)
    blocked = (*_unseen(wish, world), *whys, *(rolled.waits[one.ref] for one in kept))
    return Plan(
        wish.revision,
        changes=free,
        steps=tuple(order.steps(free)),
        due=due.steps,
        bound=tuple(bindings.steps(follow)),
        held=order.sort((*held, *kept)),
        blocked=tuple(sorted(blocked, key=lambda one: one.ref)),
        unknown=tuple(sorted(k for k, seen in world.items() if isinstance(seen, Unknown))),
        after=_soonest(blocked, due.times),
    )


def _context(
    kinds: Kinds, wish: Wish, world: World, *, shape: Shape, changes: tuple[AnyChange, ...]
) -> Context:
    gone = {change.ref: change.before for change in changes if change.verb is Verb.DELETE}
    context = Context(
        kinds,
        wish.desired,
        world,
        shape=shape,
        waited=wish.waited,
        now=wish.now,
        waits=wish.rolled.waits,
        turned=wish.rolled.gone,
        leaving=leaving_first(gone),
        held=wish.held,
        cycles=name_cycles(shape.cycles, wish.desired),
        prune=wish.prune,
        unproven=wish.unproven,
    )
    guard = "" if wish.confirmed else mass_delete(changes, context)
    return replace(context, guard=guard) if guard else context


def _kept(wish: Wish, world: World, compare: Compare) -> Iterator[AnyChange]:
    """How what is kept for now differs from its spec."""
    for ref, written in wish.rolled.written.items():
        change = compare(written, seen_of(ref, world))
        if change is not None and ref in wish.rolled.waits:
            yield _because(change, wish)


def _is_ignored(change: AnyChange, wish: Wish) -> bool:
    want = wish.desired.get(change.ref)
    return want is not None and want.drift is Drift.IGNORE and change.cause is Cause.DRIFT


def _because(change: AnyChange, wish: Wish) -> AnyChange:
    want, request = wish.desired.get(change.ref), wish.requests.get(change.ref)
    if request is not None and not _explains(request, change):
        request = None
    drifted = want is not None and wish.applied.get(change.ref) == want.digest
    cause = Cause.DRIFT if drifted else Cause.SPEC
    cause = cause if request is None else Cause.REQUEST
    known = change.ref, change.verb, change.before, change.after, change.fields
    return Change(*known, revision=wish.revision, cause=cause, request=request)


def _explains(request: Request, change: AnyChange) -> bool:
    """Whether the thing differs where it was asked to."""
    asked = "epoch" if request.verb is Asked.RESTART else "started"
    return any(changed.path == asked for changed in change.fields)


def _agenda(wish: Wish, shape: Shape, changes: Iterable[AnyChange]) -> Agenda:
    """What is asked to rest rests from due work too."""
    resting = {ref for ref, one in wish.requests.items() if one.verb is Asked.STOP}
    passed_over = frozenset({one.ref for one in changes} | wish.held.keys() | resting)
    return Agenda(shape.timed, wish.orders, passed_over, wish.now)


def _unseen(wish: Wish, world: World) -> Iterator[Blocked]:
    hidden = {kind: seen for kind, seen in world.items() if isinstance(seen, Unknown)}
    for ref in wish.desired if hidden else ():
        if ref.kind in hidden:
            yield Blocked(ref, *hidden[ref.kind])


def _soonest(blocked: Iterable[Blocked], due: Iterable[float]) -> float | None:
    times = (one.after for one in blocked if one.after is not None)
    return min((*times, *due), default=None)
