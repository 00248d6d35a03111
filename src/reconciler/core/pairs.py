"""Looks at two instances that take turns: what is wanted of each, seen of each, sent to each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple, TypeAlias

from .diff import diff
from .gates import seen_of
from .kind import AnyKind, Kinds
from .model import Apply, Drift, Observed, Ref, Resource, Unknown, World
from .overrides import epoch_of, may_run
from .turns import Memory, Pair, Slot, Traffic

AnyResource: TypeAlias = Resource[Any]

_HARD: Final = frozenset({Apply.RESTART, Apply.RECREATE})


class Carried(NamedTuple):
    """All that is told of requests on their way; ``dark``: somebody could not be asked."""

    traffic: tuple[Traffic, ...]
    dark: str

    @classmethod
    def of(cls, kinds: Kinds, world: World) -> Carried:
        told, dark = [], ""
        for name, kind in kinds.items():
            seen = world.get(name)
            if kind.traffic is None or seen is None:
                continue
            if isinstance(seen, Unknown):
                dark = f"cannot see what still goes there: {seen.message}"
            else:
                told += [kind.traffic(live) for live in seen.values()]
        return cls(tuple(told), dark)

    def busy(self, own: frozenset[str]) -> str:
        """What still goes to any of these addresses, in words."""
        if not own:
            return ""
        if any(not own.isdisjoint(one.targets) or not one.settled for one in self.traffic):
            return "requests may still be sent to it"
        count = sum(one.open.get(address, 0) for one in self.traffic for address in own)
        if count:
            return f"{count} open request" + ("" if count == 1 else "s")
        return self.dark


class Look(NamedTuple):
    """One pair: what is wanted of each by its spec, and what is seen of each."""

    kind: AnyKind
    wants: tuple[AnyResource, AnyResource]
    lives: tuple[Observed[Any] | None, Observed[Any] | None]
    looking: Looking

    def pair(self, memory: Memory | None) -> Pair:
        first, second = self.wants
        policy = self.kind.turns(first)
        assert policy is not None  # noqa: S101 (it has another one beside it)
        return Pair(
            (first.ref.name, second.ref.name),
            (self._slot(0), self._slot(1)),
            policy,
            memory,
            self.looking.now,
            may_run(self.kind, first),
        )

    def kept(self, number: int) -> AnyResource:
        """What is there, to go on as it is."""
        want, live = self.wants[number], self.lives[number]
        if live is None:
            return want
        if want.ref in self.looking.again:  # the one that takes its place begins anew, not this
            want = replace(want, epoch=epoch_of(live))
        return replace(want, kept=self.kind.keeps(want, live))

    def _slot(self, number: int) -> Slot:
        want, live = self.wants[number], self.lives[number]
        if live is None or not live.owned:
            return Slot()
        health, vitals = self.kind.health(live), live.vitals
        return Slot(
            there=True,
            alive=bool(getattr(live.state, "started", True) or vitals.get("pid")),
            fits=self._fits(want, live),
            ready=self.kind.meets(live, "ready"),
            unjudged=vitals.get("readiness") == "unknown",
            since=float(vitals.get("readySince") or 0.0),
            born=float(vitals.get("born") or 0.0),
            stuck=health.message if health.stuck else "",
            busy=self.looking.carried.busy(self.kind.addresses(live)),
        )

    def _fits(self, want: AnyResource, live: Observed[Any]) -> bool:
        """Whether it need not begin anew to be as it is written, or is not to be corrected."""
        looking = self.looking
        drifted = looking.applied.get(want.ref) == want.digest and want.ref not in looking.again
        if drifted and want.drift is not Drift.CORRECT:
            return True
        change = diff(want.ref, self.kind.render(want), live.state)
        hard = {field.path for field in change.fields if field.apply in _HARD} if change else set()
        return not (hard if want.ref in looking.again else hard - {"epoch"})


class Looking(NamedTuple):
    """What is needed to look at any pair."""

    world: World
    again: frozenset[Ref]
    """Those that are to begin anew by being replaced."""
    carried: Carried
    applied: Mapping[Ref, str]
    """The digests of the specs that were last in sync."""
    now: float

    def at(self, kind: AnyKind, wants: tuple[AnyResource, AnyResource]) -> Look:
        first, second = (seen_of(one.ref, self.world) for one in wants)
        return Look(kind, wants, (first, second), self)
