"""desired + observed -> plan. Pure: no clock, no disk, no network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from .diff import diff
from .gates import AnyChange, AnyResource, Context, Held, mass_delete, why_not
from .kind import Kinds
from .model import (
    Blocked,
    Cause,
    Drift,
    Due,
    Observed,
    Plan,
    Ref,
    State,
    Step,
    Unknown,
    Verb,
    World,
)
from .order import find_cycles, graph_of, members, ranks, users, without

Render: TypeAlias = Callable[[AnyResource], State]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted, and what the engine remembers about it. ``now`` is Unix time in seconds."""

    desired: Mapping[Ref, AnyResource]
    revision: str = ""
    prune: bool = True
    confirmed: bool = False
    held: Mapping[Ref, Held] = field(default_factory=dict)
    applied: Mapping[Ref, str] = field(default_factory=dict)
    """Digest of each ref's spec when it was last in sync."""
    now: float = 0.0

    def with_desired(self, desired: Mapping[Ref, AnyResource]) -> Wish:
        """The same wish for other resources."""
        return replace(self, desired=desired)


def expand(kinds: Kinds, written: Iterable[AnyResource]) -> dict[Ref, AnyResource]:
    """What is written -> what is to run: one resource may stand for several instances."""
    return {
        instance.ref: instance
        for resource in written
        for instance in kinds[resource.ref.kind].instances(resource)
    }


def make_plan(kinds: Kinds, wish: Wish, world: World, *, render: Render | None = None) -> Plan:
    """Everything that differs, what holds some of it back, and the steps for the rest, in order."""
    draw = render or (lambda resource: kinds[resource.ref.kind].render(resource))
    graph = graph_of(kinds, wish.desired)
    cycles = find_cycles(graph)
    rank = ranks(without(graph, (ref for cycle in cycles for ref in cycle)))
    changes = tuple(one for one in _differences(wish, world, draw) if not _is_ignored(one, wish))
    context = Context(
        kinds,
        wish.desired,
        world,
        members=members(wish.desired),
        users=users(kinds, wish.desired),
        held=wish.held,
        cycles=_name_cycles(cycles, wish),
        prune=wish.prune,
    )
    if not wish.confirmed:
        context = replace(context, guard=mass_delete(changes, context))

    verdicts = [(change, why_not(change, context)) for change in changes]
    order = _Order(kinds, wish.desired, rank)
    free = order.sort(change for change, why in verdicts if why is None)
    due = _due_work(kinds, wish, world, {change.ref for change in changes})
    blocked = (*_unseen(wish, world), *(why for _, why in verdicts if why is not None))
    return Plan(
        wish.revision,
        changes=free,
        steps=tuple(order.steps(free)),
        due=tuple(Step(ref, action) for ref, work in due for action in work.actions),
        held=order.sort(change for change, why in verdicts if why is not None),
        blocked=tuple(sorted(blocked, key=lambda one: one.ref)),
        unknown=tuple(sorted(k for k, seen in world.items() if isinstance(seen, Unknown))),
        after=_soonest(blocked, (work for _, work in due)),
    )


@dataclass(frozen=True, slots=True)
class _Order:
    """Deletions first, users before what they use; then creations and updates, needs first."""

    kinds: Kinds
    desired: Mapping[Ref, AnyResource]
    rank: Mapping[Ref, int]

    def sort(self, changes: Iterable[AnyChange]) -> tuple[AnyChange, ...]:
        return tuple(sorted(changes, key=lambda change: (*self._wave(change), *self._tie(change))))

    def steps(self, changes: tuple[AnyChange, ...]) -> Iterator[Step]:
        waves = {key: n for n, key in enumerate(sorted({self._wave(one) for one in changes}))}
        for change in changes:
            for action in self.kinds[change.ref.kind].steps(change):
                yield Step(change.ref, action, waves[self._wave(change)])

    def _wave(self, change: AnyChange) -> tuple[int, int, int]:
        kind_wave = self.kinds[change.ref.kind].wave
        if change.verb is Verb.DELETE:
            return (0, -kind_wave, 0)
        return (1, self.rank.get(change.ref, 0), kind_wave)

    def _tie(self, change: AnyChange) -> tuple[int, Ref]:
        want = self.desired.get(change.ref)
        priority = 0 if want is None else getattr(want.spec, "priority", 0)
        return (priority or 0, change.ref)


def _differences(wish: Wish, world: World, draw: Render) -> Iterator[AnyChange]:
    for kind, seen in world.items():
        if isinstance(seen, Unknown):
            continue
        for name, live in seen.items():
            if live.owned and Ref(kind, name) not in wish.desired:
                yield _because(diff(Ref(kind, name), None, live.state), wish)
    for ref, want in wish.desired.items():
        there = world.get(ref.kind)
        if there is None or isinstance(there, Unknown):
            continue
        live_one = there.get(ref.name)
        change = diff(ref, draw(want), live_one.state if live_one else None)
        if change is not None:
            yield _because(change, wish)


def _is_ignored(change: AnyChange, wish: Wish) -> bool:
    want = wish.desired.get(change.ref)
    return want is not None and want.drift is Drift.IGNORE and change.cause is Cause.DRIFT


def _because(change: AnyChange | None, wish: Wish) -> AnyChange:
    assert change is not None  # noqa: S101 (a thing against nothing always differs)
    want = wish.desired.get(change.ref)
    drifted = want is not None and wish.applied.get(change.ref) == want.digest
    cause = Cause.DRIFT if drifted else Cause.SPEC
    return replace(change, revision=wish.revision, cause=cause)


def _due_work(kinds: Kinds, wish: Wish, world: World, changing: set[Ref]) -> list[tuple[Ref, Due]]:
    """Work that time brings, for what is settled, not held after a failure, and not suspended."""
    found = []
    for ref, want in wish.desired.items():
        live = _live(world, ref)
        if live is None or not live.owned or ref in changing or ref in wish.held or want.suspend:
            continue
        work = kinds[ref.kind].due(want, live, wish.now)
        if work.actions or work.after is not None:
            found.append((ref, work))
    return found


def _live(world: World, ref: Ref) -> Observed[Any] | None:
    seen = world.get(ref.kind)
    return None if seen is None or isinstance(seen, Unknown) else seen.get(ref.name)


def _unseen(wish: Wish, world: World) -> Iterator[Blocked]:
    for ref in wish.desired:
        seen = world.get(ref.kind)
        if isinstance(seen, Unknown):
            yield Blocked(ref, seen.reason, seen.message)


def _name_cycles(cycles: Iterable[tuple[Ref, ...]], wish: Wish) -> dict[Ref, str]:
    return {
        ref: " -> ".join(f"{one} ({wish.desired[one].origin})" for one in (*cycle, cycle[0]))
        for cycle in cycles
        for ref in cycle
    }


def _soonest(blocked: Iterable[Blocked], due: Iterable[Due]) -> float | None:
    times = [*(one.after for one in blocked), *(one.after for one in due)]
    return min((after for after in times if after is not None), default=None)
