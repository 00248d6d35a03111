"""What goes first: a graph of needs, cut into waves; cycles are named, not guessed around."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from .cycles import Graph, find_cycles, without
from .kind import Kinds
from .model import Change, Need, Ref, Resource, Step, Verb
from .moved import moved
from .offer import Target
from .usual import nothing_due

Members: TypeAlias = Mapping[Ref, tuple[Ref, ...]]


class Said(NamedTuple):
    """What one resource says of itself, whoever else is there."""

    needs: tuple[Need, ...]
    targets: tuple[Target, ...]
    is_timed: bool
    is_lead: bool
    """Whether it takes turns with another, and is the first of the two."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What wanted resources are to each other: the same as long as none is edited.

    Where nobody needs anything or points at anything, nearly all of it is empty.
    """

    members: Members = field(default_factory=dict)
    needs: Mapping[Ref, tuple[Need, ...]] = field(default_factory=dict)
    """Of each ref that needs anything."""
    users: Mapping[Ref, tuple[Ref, ...]] = field(default_factory=dict)
    """Who needs each written ref."""
    cycles: tuple[tuple[Ref, ...], ...] = ()
    ranks: Mapping[Ref, int] = field(default_factory=dict)
    """How deep each stands; who is not there needs nothing."""
    pulled: frozenset[Ref] = frozenset()
    """Those that must rest or begin anew because of what they need."""
    targets: Mapping[Ref, tuple[Target, ...]] = field(default_factory=dict)
    """What each ref that points at anything points at."""
    timed: tuple[Ref, ...] = ()
    """Those that time may bring work."""
    leads: tuple[Ref, ...] = ()
    """Those that take turns with another, the first of each two."""
    writers: Mapping[Ref, tuple[Ref, ...]] = field(default_factory=dict)
    """Who writes to the data of each, and rests while that is replaced."""
    desired: Mapping[Ref, Resource[Any]] = field(default_factory=dict, compare=False, repr=False)
    said: Mapping[Ref, Said] = field(default_factory=dict, compare=False, repr=False)
    """What those say that say anything."""


def shape_of(
    kinds: Kinds, desired: Mapping[Ref, Resource[Any]], before: Shape | None = None
) -> Shape:
    """What ``desired`` resources are to each other.

    ``before`` is what they were before an edit: who was not edited is not asked again.
    """
    said = _said(kinds, desired, before)
    # Most say nothing: only what says something is looked at.
    every = {ref: one.needs for ref, one in said.items() if one.needs}
    targets = {ref: one.targets for ref, one in said.items() if one.targets}
    timed = tuple(ref for ref, one in said.items() if one.is_timed)
    leads = tuple(ref for ref, one in said.items() if one.is_lead)
    if not every:
        # Of thousands that point somewhere, few are pointed at.
        used = _of_kinds({one.ref.kind for own in targets.values() for one in own}, desired)
        return Shape(
            members(used), targets=targets, timed=timed, leads=leads, desired=desired, said=said
        )
    having = {ref: desired[ref] for ref in every}
    groups = members(desired)
    graph = _edges(every, groups)
    cycles = find_cycles(graph)
    writers = dict(_writers(kinds, having, groups))
    pulled = {ref for ref, own in every.items() if any(map(_pulls, own))}
    return Shape(
        groups,
        every,
        users(kinds, having),
        cycles,
        ranks(without(graph, (ref for cycle in cycles for ref in cycle))),
        frozenset(pulled.union(*writers.values())),
        targets,
        timed,
        leads,
        writers,
        desired,
        said,
    )


def _of_kinds(
    kinds: Collection[str], desired: Mapping[Ref, Resource[Any]]
) -> Mapping[Ref, Resource[Any]]:
    return {ref: one for ref, one in desired.items() if ref.kind in kinds} if kinds else {}


def _writers(
    kinds: Kinds, having: Mapping[Ref, Resource[Any]], groups: Members
) -> Iterator[tuple[Ref, tuple[Ref, ...]]]:
    """Who writes to what; all that has writers needs something, too."""
    for ref, one in having.items():
        named = kinds[ref.kind].writers(one)
        found = {member for written in named for member in groups.get(written, ())}
        if found:
            yield ref, tuple(sorted(found))


def _said(
    kinds: Kinds, desired: Mapping[Ref, Resource[Any]], before: Shape | None
) -> dict[Ref, Said]:
    known = before or Shape()
    said = dict(known.said)
    for ref in sorted(moved(known.desired, desired)):
        said.pop(ref, None)
        if ref in desired and any(one := _ask(kinds, desired[ref])):
            said[ref] = one
    return said


def _ask(kinds: Kinds, one: Resource[Any]) -> Said:
    kind = kinds[one.ref.kind]
    is_timed = kind.due is not nothing_due and kind.is_timed(one)
    is_lead = bool(one.beside) and one.lead == one.ref
    return Said(needs(kinds, one), tuple(kind.points_at(one)), is_timed, is_lead)


def _pulls(need: Need) -> bool:
    return need.follow or need.condition == "restored"


def members(desired: Mapping[Ref, Resource[Any]]) -> dict[Ref, tuple[Ref, ...]]:
    """What each written ref stands for: ``Process/web`` -> ``Process/web-0``, ``Process/web-1``."""
    found: dict[Ref, list[Ref]] = {}
    for ref, resource in desired.items():
        written = resource.instance_of or ref
        found.setdefault(written, []).append(ref)
        if written != ref:
            found.setdefault(resource.lead, []).append(ref)
    return {ref: tuple(own) for ref, own in found.items()}


def needs(kinds: Kinds, resource: Resource[Any]) -> tuple[Need, ...]:
    """What ``resource`` waits for, in the names the user wrote."""
    return tuple(kinds[resource.ref.kind].needs(resource))


def graph_of(kinds: Kinds, desired: Mapping[Ref, Resource[Any]]) -> dict[Ref, set[Ref]]:
    """Edges from each wanted ref to the wanted refs it needs; dangling needs are left out."""
    every = {ref: needs(kinds, resource) for ref, resource in desired.items()}
    return _edges(every, members(desired))


def _edges(every: Mapping[Ref, tuple[Need, ...]], groups: Members) -> dict[Ref, set[Ref]]:
    return {
        ref: {one for need in own for one in groups.get(need.ref, ())} - {ref}
        for ref, own in every.items()
    }


def users(kinds: Kinds, desired: Mapping[Ref, Resource[Any]]) -> dict[Ref, tuple[Ref, ...]]:
    """Who needs each written ref: the graph, turned around."""
    found: dict[Ref, list[Ref]] = {}
    for ref, resource in desired.items():
        for need in needs(kinds, resource):
            found.setdefault(need.ref, []).append(ref)
    return {ref: tuple(own) for ref, own in found.items()}


def ranks(graph: Graph) -> dict[Ref, int]:
    """How deep each ref stands: 0 needs nothing, n needs something of n - 1. No cycles, please."""
    depth: dict[Ref, int] = {}
    for start in graph:
        stack = [start]
        while stack:
            ref = stack[-1]
            open_needs = [need for need in graph.get(ref, ()) if need not in depth]
            if open_needs:
                stack.extend(open_needs)
            else:
                stack.pop()
                depth[ref] = 1 + max((depth[need] for need in graph.get(ref, ())), default=-1)
    return depth


def leaving_first(gone: Mapping[Ref, Any]) -> dict[Ref, tuple[Ref, ...]]:
    """Who of those that go uses each of them, by the families their states come ``after``."""
    families: dict[str, list[Ref]] = {}
    for ref in gone:
        for name in {ref.name, ref.name.rpartition("-")[0]}:
            families.setdefault(name, []).append(ref)
    users: dict[Ref, set[Ref]] = {ref: set() for ref in gone}
    for ref, state in gone.items():
        for family in getattr(state, "after", ()):
            for used in families.get(family, ()):
                users[used] |= {ref} - {used}
    # What once used each other would wait for ever.
    straight = without(users, (ref for cycle in find_cycles(users) for ref in cycle))
    return {ref: tuple(sorted(own)) for ref, own in straight.items() if own}


@dataclass(frozen=True, slots=True)
class Lineup:
    """Deletions first, users before what they use; then creations and updates, needs first."""

    kinds: Kinds
    desired: Mapping[Ref, Resource[Any]]
    rank: Mapping[Ref, int]

    def sort(self, changes: Iterable[Change[Any]]) -> tuple[Change[Any], ...]:
        return tuple(sorted(changes, key=lambda change: (*self._wave(change), *self._tie(change))))

    def steps(self, changes: tuple[Change[Any], ...]) -> Iterator[Step]:
        waves = {key: n for n, key in enumerate(sorted({self._wave(one) for one in changes}))}
        for change in changes:
            for action in self.kinds[change.ref.kind].steps(change):
                yield Step(change.ref, action, waves[self._wave(change)])

    def _wave(self, change: Change[Any]) -> tuple[int, int, int]:
        kind_wave = self.kinds[change.ref.kind].wave
        if change.verb is Verb.DELETE:
            return (0, -kind_wave, 0)
        return (1, self.rank.get(change.ref, 0), kind_wave)

    def _tie(self, change: Change[Any]) -> tuple[int, Ref]:
        want = self.desired.get(change.ref)
        priority = 0 if want is None else getattr(want.spec, "priority", 0)
        return (priority or 0, change.ref)
