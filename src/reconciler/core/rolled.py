"""Which instances are wanted now, where one replaces another without a pause."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, TypeAlias

from .kind import Kinds
from .model import Blocked, Ref, Resource, Unknown, World
from .overrides import Overridden
from .pairs import Carried, Look, Looking
from .request import Asked, Request
from .rollout import turn
from .turns import Memory, Note, Pair, Role, Turn
from .units import format_duration

AnyResource: TypeAlias = Resource[Any]
Recalled: TypeAlias = Callable[[Ref, str], Memory | None]

ROLLED_FOR: Final = frozenset({"user", "watch"})
"""Causes of a restart that are done by a replacement; what is sick begins anew where it is."""


class Stage(NamedTuple):
    """What one instance is for, in the course of a replacement, and why it waits."""

    role: Role
    other: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Rolled:
    """The instances as they are wanted now, and how far each replacement is.

    ``written`` is what a kept one would be by its spec. ``aside`` are not to be sent anything
    new; of those ``unsure`` nobody can say it yet.
    """

    asked: Overridden = field(default_factory=lambda: Overridden({}))
    written: Mapping[Ref, AnyResource] = field(default_factory=dict)
    waits: Mapping[Ref, Blocked] = field(default_factory=dict)
    stages: Mapping[Ref, Stage] = field(default_factory=dict)
    gone: frozenset[Ref] = frozenset()
    """Those that are wanted only while one replaces another, and are not now."""
    aside: frozenset[Ref] = frozenset()
    unsure: frozenset[Ref] = frozenset()
    notes: tuple[tuple[Ref, Note, str], ...] = ()
    """Lead ref, what to remember, and the digest of the spec it is about."""
    failing: Mapping[Ref, tuple[Ref, str]] = field(default_factory=dict)
    """New instance -> lead ref, and why it is to be given up."""


class Known(NamedTuple):
    """What the engine remembers: each replacement, and the digests that were last in sync."""

    recall: Recalled
    applied: Mapping[Ref, str]
    now: float
    leads: Iterable[Ref]
    """The first of each two that take turns."""


def rolled(kinds: Kinds, asked: Overridden, world: World, known: Known) -> Rolled:
    """Work out every replacement; where there is none, everything stays as it is asked."""
    leads = [asked.desired[ref] for ref in known.leads if ref in asked.desired]
    if not leads:
        return Rolled(asked)
    again = frozenset(o.ref for o in asked.overrides if _is_rolled(o.request))
    looking = Looking(world, again, Carried.of(kinds, world), known.applied, known.now)
    found = _Found(dict(asked.desired))
    for lead in leads:
        look = looking.at(kinds[lead.ref.kind], (lead, asked.desired[lead.beside or lead.ref]))
        if isinstance(world.get(lead.ref.kind), Unknown):
            continue  # either may be the one that serves: nobody withdraws it
        if lead.suspend:
            found.leave(look)
        else:
            memory = known.recall(lead.ref, lead.digest)
            found.take(look, look.pair(memory))
    return found.rolled(asked)


def _is_rolled(request: Request) -> bool:
    return request.verb is Asked.RESTART and request.cause in ROLLED_FOR


@dataclass(slots=True)
class _Found:
    """What comes of all pairs, one after another."""

    desired: dict[Ref, AnyResource]
    written: dict[Ref, AnyResource] = field(default_factory=dict)
    waits: dict[Ref, Blocked] = field(default_factory=dict)
    stages: dict[Ref, Stage] = field(default_factory=dict)
    aside: set[Ref] = field(default_factory=set)
    unsure: set[Ref] = field(default_factory=set)
    notes: list[tuple[Ref, Note, str]] = field(default_factory=list)
    failing: dict[Ref, tuple[Ref, str]] = field(default_factory=dict)
    names: dict[Ref, list[Ref]] = field(default_factory=dict)
    """Lead -> those of the two that are wanted."""

    def leave(self, look: Look) -> None:
        """Nothing is decided here: what is not there is not wanted beside what is."""
        there = [want.ref for want, live in zip(look.wants, look.lives, strict=True) if live]
        for want in look.wants:
            if want.ref not in (there or [look.wants[0].ref]):
                del self.desired[want.ref]

    def take(self, look: Look, pair: Pair) -> None:
        """Find out what both are for, and remember all that follows."""
        now, lead = turn(pair), look.wants[0]
        if now.note is not None:
            self.notes.append((lead.ref, now.note, lead.digest))
        for number in (0, 1):
            self._place(look, pair, now, number)
            want, wait = look.wants[number], now.waits[number]
            if wait is not None:
                self.waits[want.ref] = Blocked(want.ref, *wait)
            if now.failure and now.roles[number] is Role.COMING:
                self.failing[want.ref] = (lead.ref, now.failure)
        self.names[lead.ref] = [one.ref for one in look.wants if one.ref in self.desired]
        self._share_out(look, pair, now)

    def _place(self, look: Look, pair: Pair, now: Turn, number: int) -> None:
        role, want = now.roles[number], look.wants[number]
        if role is Role.KEPT:
            self.desired[want.ref] = look.kept(number)
            if pair.runs:
                self.written[want.ref] = want
        elif role in {Role.ABSENT, Role.LEAVING}:
            del self.desired[want.ref]
        if role is not Role.ABSENT and (role is not Role.WRITTEN or Role.LEAVING in now.roles):
            self.stages[want.ref] = _stage(pair, now, number)

    def _share_out(self, look: Look, pair: Pair, now: Turn) -> None:
        """Who is not to be sent anything new."""
        if not all(slot.alive for slot in pair.slots):
            return
        for number in (0, 1):
            other = pair.slots[1 - number]
            ref, role = look.wants[number].ref, now.roles[number]
            if role in {Role.COMING, Role.LEAVING} and (other.ready or other.unjudged):
                self.aside.add(ref)
            if any(slot.unjudged for slot in pair.slots):
                self.unsure.add(ref)

    def rolled(self, asked: Overridden) -> Rolled:
        gone = asked.desired.keys() - self.desired.keys()
        ended = {
            ref: request
            for lead, request in asked.ended.items()
            for ref in self.names.get(lead, [lead])
        }
        overrides = tuple(one for one in asked.overrides if one.ref not in gone)
        return Rolled(
            replace(asked, desired=self.desired, overrides=overrides, ended=ended),
            self.written,
            self.waits,
            self.stages,
            frozenset(gone),
            frozenset(self.aside),
            frozenset(self.unsure),
            tuple(self.notes),
            self.failing,
        )


def _stage(pair: Pair, now: Turn, number: int) -> Stage:
    name, wait = pair.names[1 - number], now.waits[number]
    role = now.roles[number]
    if wait is not None:
        message = wait.message
    elif role is Role.COMING:
        long = format_duration(pair.policy.min_healthy)
        message = f"takes over from {name} once it has been ready for {long}"
    elif role is Role.WRITTEN:
        message = f"has taken over from {name}"
    else:
        message = f"{name} has taken over" if role is Role.LEAVING else "goes on as it is"
    return Stage(role, name, message)
