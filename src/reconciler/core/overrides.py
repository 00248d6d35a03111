"""What is asked for the moment: resources as they should be now, though the specs say otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, TypeAlias

from .gates import is_live, seen_of
from .kind import AnyKind, Kinds
from .model import Need, Observed, Ref, Resource, Unknown, World
from .order import Shape, shape_of
from .request import Asked, Request

AUTHOR: Final = "reconciler"
"""Who asks for what follows from the world alone."""

AnyResource: TypeAlias = Resource[Any]
Live: TypeAlias = Observed[Any] | None


class Override(NamedTuple):
    """What was asked of whom."""

    ref: Ref
    request: Request


class Memo(NamedTuple):
    """What came out for one ref the last time; what is the same object again need not be asked."""

    written: AnyResource
    live: Live
    asked: tuple[Asked | None, int]
    result: AnyResource
    quiet: bool


@dataclass(frozen=True, slots=True)
class Moment:
    """What is asked now, and what is known of the resources from the last look."""

    requests: Mapping[Ref, Sequence[Request]] = field(default_factory=dict)
    now: float = 0.0
    shape: Shape | None = None
    memo: dict[Ref, Memo] = field(default_factory=dict)


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
    now: dict[Ref, AnyResource] = {}
    found: list[Override] = []
    for ref, one in desired.items():
        memo, live = moment.memo.get(ref), seen_of(ref, world)
        known = memo is not None and memo.written is one and memo.live is live
        if memo is not None and known and memo.quiet and one.lead not in moment.requests:
            now[ref] = memo.result
            continue
        requests = tuple(asking.of(one, live))
        now[ref] = asking.altered(one, live, requests)
        found += [Override(ref, request) for request in requests]
    return Overridden(now, tuple(found), dict(_ended(moment)), _soonest(found, moment.now))


def epoch_of(live: Live) -> int:
    """How often what is there was asked to begin anew."""
    return 0 if live is None else int(getattr(live.state, "epoch", 0))


def reached(one: AnyResource, world: World) -> int:
    """The epoch that all of it has reached: of two that take turns, the one that is behind."""
    both = [seen_of(ref, world) for ref in (one.ref, one.beside) if ref is not None]
    return min((epoch_of(live) for live in both if live is not None), default=0)


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
        if why := self._must_rest(one):
            lasting.append(Request(Asked.STOP, "restore", why, AUTHOR))
        yield from lasting
        if any(r.verb is Asked.STOP for r in lasting):
            return
        again = [r for r in own if not r.lasts] or self._calls(one, live)
        if again and self._runs(one, lasting):
            yield again[-1]

    def altered(self, one: AnyResource, live: Live, requests: Sequence[Request]) -> AnyResource:
        """The resource as asked; the very same object as long as nothing changes."""
        verbs = {r.verb for r in requests}
        hold = next((verb for verb in (Asked.STOP, Asked.START) if verb in verbs), None)
        epoch = max([epoch_of(live), *(r.epoch for r in requests)])
        memo, key = self.moment.memo.get(one.ref), (hold, epoch)
        if memo is not None and memo.written is one and memo.asked == key:
            result = memo.result
        else:
            result = _altered(self.kinds[one.ref.kind], one, hold, epoch)
        quiet = not requests and one.ref not in self.shape.pulled
        self.moment.memo[one.ref] = Memo(one, live, key, result, quiet)
        return result

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

    def _must_rest(self, one: AnyResource) -> str:
        if not is_live(one.ref, self.world):
            return ""
        for need in self.shape.needs.get(one.ref, ()):
            # One that may start without its data is not stopped for want of it either.
            wanted = need.condition == "restored" and not need.start_anyway
            if wanted and need.ref in self.desired and self._is_certainly_unmet(need):
                return f"rests until {need.ref} is restored"
        return ""

    def _is_certainly_unmet(self, need: Need) -> bool:
        seen = self.world.get(need.ref.kind)
        if seen is None or isinstance(seen, Unknown):
            return False
        live = seen.get(need.ref.name)
        if live is None:
            return True
        return live.owned and not self.kinds[need.ref.kind].meets(live, need.condition)


def _altered(kind: AnyKind, one: AnyResource, hold: Asked | None, epoch: int) -> AnyResource:
    if hold is Asked.STOP:
        one = kind.paused(one)
    elif hold is Asked.START:
        one = kind.resumed(one)
    return one if one.epoch == epoch else replace(one, epoch=epoch)


def _ended(moment: Moment) -> Iterator[tuple[Ref, Request]]:
    """What ends a request whose time is over: the opposite, asked by nobody."""
    opposite = {Asked.STOP: Asked.START, Asked.START: Asked.STOP}
    for ref, own in moment.requests.items():
        for one in own:
            if one.until is not None and one.until <= moment.now:
                why = f"the {one.verb.value} by {one.author} is over"
                yield ref, Request(opposite[one.verb], "user", why, AUTHOR)


def _soonest(overrides: Sequence[Override], now: float) -> float | None:
    ends = (one.request.until for one in overrides)
    return min((end - now for end in ends if end is not None), default=None)
