"""What is asked for the moment: resources as they should be now, though the specs say otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, TypeAlias

from .gates import is_live, seen_of
from .kind import AnyKind, Kinds
from .model import Need, Observed, Ref, Resource, World
from .moved import Looked, Version
from .order import Shape, shape_of
from .request import Asked, Request
from .resting import Resting

AUTHOR: Final = "reconciler"
"""Who asks for what follows from the world alone."""

OPPOSITE: Final = {Asked.STOP: Asked.START, Asked.START: Asked.STOP}
"""What ends a request that lasts."""

AnyResource: TypeAlias = Resource[Any]
Live: TypeAlias = Observed[Any] | None


class Override(NamedTuple):
    """What was asked of whom."""

    ref: Ref
    request: Request


class Altered(NamedTuple):
    """A resource that is to be otherwise than it is written."""

    written: AnyResource
    asked: tuple[Asked | None, int]
    result: AnyResource


@dataclass(slots=True)
class Memo:
    """What came out the last time, and of what: only what has moved since is asked again."""

    looked: Looked = field(default_factory=Looked)
    altered: dict[Ref, Altered] = field(default_factory=dict)
    restless: set[Ref] = field(default_factory=set)
    """Those of which more is asked than they and what is seen of them say."""
    result: Mapping[Ref, AnyResource] = field(default_factory=dict)

    def take_result(self, desired: Mapping[Ref, AnyResource], concerned: set[Ref]) -> None:
        """All of ``desired``, the altered ones as altered; only the concerned may be others now."""
        if self.altered:
            results = {ref: one.result for ref, one in self.altered.items()}
            self.result = Version(dict(desired.items()) | results, self.result, concerned)
        else:
            self.result = desired

    def forget(self, ref: Ref) -> None:
        """It is not wanted any more."""
        self.altered.pop(ref, None)
        self.restless.discard(ref)


@dataclass(frozen=True, slots=True)
class Moment:
    """What is asked now, and what is known of the resources from the last look."""

    requests: Mapping[Ref, Sequence[Request]] = field(default_factory=dict)
    now: float = 0.0
    shape: Shape | None = None
    memo: Memo = field(default_factory=Memo)


@dataclass(frozen=True, slots=True)
class Overridden:
    """The resources as they should be now, why, and in how many seconds that ends by itself."""

    desired: Mapping[Ref, AnyResource]
    overrides: tuple[Override, ...] = ()
    ended: Mapping[Ref, Request] = field(default_factory=dict)
    """What is as the specs say again, for the time of a request is over."""
    after: float | None = None

    @property
    def requests(self) -> dict[Ref, Request]:
        """The request that matters most for each ref: a restart comes last."""
        return {**self.ended, **dict(self.overrides)}


def overridden(
    kinds: Kinds, desired: Mapping[Ref, AnyResource], world: World, moment: Moment | None = None
) -> Overridden:
    """The resources with every request applied: by hand, and what the world itself calls for.

    One that runs while data it needs is certainly not restored rests until it is. One whose
    dependency was restarted, or whose probe says it is dead, begins anew. What cannot be seen is
    no reason to do anything.
    """
    moment = moment or Moment()
    shape = moment.shape or shape_of(kinds, desired)
    asking = _Asking(kinds, desired, world, moment, shape)
    memo, found = moment.memo, list[Override]()
    stale = memo.looked.moved(desired, world) | memo.restless | _concerned(desired, moment)
    is_same = memo.looked.desired is desired
    memo.looked.take({}, {})  # cut short, the next look begins anew
    concerned = stale | shape.pulled
    for ref in sorted(concerned):
        before = memo.altered.get(ref)
        if ref in desired:
            found += [Override(ref, request) for request in asking.look_at(desired[ref])]
        else:
            memo.forget(ref)
        is_same &= memo.altered.get(ref) is before
    if not is_same:
        memo.take_result(desired, concerned)
    memo.looked.take(desired, world)
    return Overridden(memo.result, tuple(found), dict(_ended(moment)), _soonest(found, moment.now))


def _concerned(desired: Mapping[Ref, AnyResource], moment: Moment) -> set[Ref]:
    """Those of whom something is asked: of two that take turns, both."""
    leads = [desired[ref] for ref in moment.requests if ref in desired]
    besides = {one.beside for one in leads if one.beside is not None}
    return {one.ref for one in leads} | {ref for ref in besides if ref in desired}


def epoch_of(live: Live) -> int:
    """How often what is there was asked to begin anew."""
    return 0 if live is None else int(getattr(live.state, "epoch", 0))


def reached(one: AnyResource, world: World) -> int:
    """The epoch that all of it has reached: of two that take turns, the one that is behind."""
    seen = [seen_of(ref, world) for ref in both(one)]
    return min((epoch_of(live) for live in seen if live is not None), default=0)


def both(one: AnyResource) -> tuple[Ref, ...]:
    """It, and what it takes turns with."""
    return (one.ref,) if one.beside is None else (one.ref, one.beside)


def may_run(kind: AnyKind, resource: AnyResource) -> bool:
    """Whether it is something that runs, and is to."""
    return kind.paused(resource) != resource


@dataclass(frozen=True, slots=True)
class _Asking:
    kinds: Kinds
    desired: Mapping[Ref, AnyResource]
    world: World
    moment: Moment
    shape: Shape

    def of(self, one: AnyResource, live: Live) -> Iterator[Request]:
        """Everything that is asked of one resource; what lasts first, a restart last."""
        own = [r for r in self.moment.requests.get(one.lead, ()) if not self._is_over(r, one)]
        lasting = [r for r in own if r.lasts]
        if why := Resting(self.kinds, self.desired, self.world, self.shape).why(one):
            lasting.append(Request(Asked.STOP, "restore", why, AUTHOR))
        yield from lasting
        if any(r.verb is Asked.STOP for r in lasting):
            return
        again = [r for r in own if not r.lasts] or self._calls(one, live)
        if again and self._runs(one, lasting):
            yield again[-1]

    def look_at(self, one: AnyResource) -> tuple[Request, ...]:
        """What is asked of one resource; what it is by that is remembered."""
        memo, live = self.moment.memo, seen_of(one.ref, self.world)
        requests = tuple(self.of(one, live))
        self._alter(one, live, requests)
        if requests or one.lead in self.moment.requests or one.ref in self.shape.pulled:
            memo.restless.add(one.ref)
        else:
            memo.restless.discard(one.ref)
        return requests

    def _alter(self, one: AnyResource, live: Live, requests: Sequence[Request]) -> None:
        """Make it as asked; the very same object as long as nothing changes."""
        verbs, altered = {r.verb for r in requests}, self.moment.memo.altered
        hold = next((verb for verb in (Asked.STOP, Asked.START) if verb in verbs), None)
        epoch = max([epoch_of(live), *(r.epoch for r in requests)])
        known, key = altered.get(one.ref), (hold, epoch)
        if known is not None and known.written is one and known.asked == key:
            return
        result = _altered(self.kinds[one.ref.kind], one, hold, epoch)
        if result is not one:
            altered[one.ref] = Altered(one, key, result)
        else:
            altered.pop(one.ref, None)

    def _is_over(self, request: Request, one: AnyResource) -> bool:
        if request.verb is Asked.RESTART:
            return request.epoch <= reached(one, self.world)
        return request.until is not None and request.until <= self.moment.now

    def _runs(self, one: AnyResource, lasting: Sequence[Request]) -> bool:
        return bool(lasting) or may_run(self.kinds[one.ref.kind], one)

    def _calls(self, one: AnyResource, live: Live) -> list[Request]:
        """What the world itself calls for: nobody asked, and it must begin anew."""
        if live is None or not is_live(one.ref, self.world):
            return []
        call = self.kinds[one.ref.kind].calls_for(live) or self._follows(one, live)
        return [] if call is None else [call._replace(epoch=epoch_of(live) + 1)]

    def _follows(self, one: AnyResource, live: Observed[Any]) -> Request | None:
        born = live.vitals.get("born") or 0
        for need in self.shape.needs.get(one.ref, ()):
            for ref in self.shape.members.get(need.ref, ()) if need.follow and born else ():
                if self._began_after(ref, born, need):
                    why = f"{ref} was restarted"
                    return Request(Asked.RESTART, "dependency", why, AUTHOR)
        return None

    def _began_after(self, ref: Ref, born: int, need: Need) -> bool:
        live = seen_of(ref, self.world)
        if live is None or not live.vitals.get("restarts"):
            return False
        younger = (live.vitals.get("born") or 0) > born
        return younger and self.kinds[ref.kind].meets(live, need.condition)


def _altered(kind: AnyKind, one: AnyResource, hold: Asked | None, epoch: int) -> AnyResource:
    if hold is Asked.STOP:
        one = kind.paused(one)
    elif hold is Asked.START:
        one = kind.resumed(one)
    return one if one.epoch == epoch else replace(one, epoch=epoch)


def _ended(moment: Moment) -> Iterator[tuple[Ref, Request]]:
    """What ends a request whose time is over: the opposite, asked by nobody."""
    for ref, own in moment.requests.items():
        for one in own:
            if one.until is not None and one.until <= moment.now:
                why = f"the {one.verb.value} by {one.author} is over"
                yield ref, Request(OPPOSITE[one.verb], "user", why, AUTHOR)


def _soonest(overrides: Sequence[Override], now: float) -> float | None:
    ends = (one.request.until for one in overrides)
    return min((end - now for end in ends if end is not None), default=None)
