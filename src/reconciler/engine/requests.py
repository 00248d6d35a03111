"""What was asked by hand or by a watched file, on disk until it is done, over or taken back."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from ..core.errors import Transient
from ..core.gates import is_live, seen_of
from ..core.kind import Kinds
from ..core.model import Json, Ref, Resource, World
from ..core.overrides import Override, both, epoch_of, may_run, reached
from ..core.request import Asked, Request
from .records import Records
from .taken_back import LINGER, TakenBack

log = logging.getLogger(__name__)

TOPIC: Final = "override"


class Requests:
    """At most one request that lasts and one restart for each ref; they survive the operator."""

    def __init__(self, kinds: Kinds, records: Records) -> None:
        self._kinds = kinds
        self._records = records
        self.asked = dict(_read_all(records.all(TOPIC)))
        self.taken_back = TakenBack(kinds)

    def __iter__(self) -> Iterator[Override]:
        for ref, own in sorted(self.asked.items()):
            for request in own:
                yield Override(ref, request)

    def add(self, ref: Ref, request: Request) -> None:
        """Ask; the last word counts."""
        self.taken_back.forget(ref)
        rest = [one for one in self.asked.get(ref, ()) if one.lasts != request.lasts]
        self._keep(ref, (*rest, request))

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is asked in here is asked altogether, or not at all."""
        before = dict(self.asked)
        try:
            with self._records.together():
                yield
        except BaseException:
            self.asked = before
            raise

    def drop(self, ref: Ref, verbs: frozenset[Asked] = frozenset(Asked)) -> tuple[Request, ...]:
        """Take back what was asked; returns what that was."""
        own = self.asked.get(ref, ())
        gone = tuple(one for one in own if one.verb in verbs)
        if gone:
            self._keep(ref, tuple(one for one in own if one.verb not in verbs))
        return gone

    def next_epoch(self, want: Resource[Any], world: World) -> int:
        """Later than all that was reached or asked for."""
        asked = (one.epoch for one in self.asked.get(want.lead, ()))
        return 1 + max([*(epoch_of(seen_of(ref, world)) for ref in both(want)), *asked])

    def settle(
        self, desired: Mapping[Ref, Resource[Any]], world: World, *, whole: bool, now: float
    ) -> list[Override]:
        """Forget what is done, over, or speaks of nobody any more; returns what that was."""
        over = []
        for ref, own in list(self.asked.items()):
            want = desired.get(ref)
            if want is None:
                ended = own if whole else ()
            else:
                ended = tuple(one for one in own if self._is_over(one, want, world, now))
            if ended:
                self._forget(ref, tuple(one for one in own if one not in ended))
                over += [Override(ref, one) for one in ended]
        return over

    def _forget(self, ref: Ref, left: tuple[Request, ...]) -> None:
        try:
            self._keep(ref, left)
        except Transient as exc:  # what is over is over, and found to be so after a restart too
            log.warning("%s", exc)
            self._know(ref, left)

    def _is_over(self, request: Request, want: Resource[Any], world: World, now: float) -> bool:
        if request.until is not None and now < request.until:
            return False
        running = any(is_live(ref, world) for ref in both(want))
        if request.until is not None:
            # It explains the change that ends it, so it stays until that is seen.
            undone = running == (request.verb is Asked.STOP)
            return undone or now >= request.until + LINGER
        if request.verb is Asked.RESTART:
            lasting = any(one.lasts for one in self.asked.get(want.ref, ()))
            idle = not lasting and not may_run(self._kinds[want.ref.kind], want)
            return idle or request.epoch <= reached(want, world)
        return request.verb is Asked.START and running

    def _keep(self, ref: Ref, own: tuple[Request, ...]) -> None:
        # On the disk first: who is told that it failed asked for nothing.
        if own:
            self._records.write(TOPIC, str(ref), [one._asdict() for one in own])
        else:
            self._records.clear(TOPIC, str(ref))
        self._know(ref, own)

    def _know(self, ref: Ref, own: tuple[Request, ...]) -> None:
        if own:
            self.asked[ref] = own
        else:
            self.asked.pop(ref, None)


def _read_all(written: Mapping[str, Json]) -> Iterator[tuple[Ref, tuple[Request, ...]]]:
    """What makes sense to us; a newer version may have written something else."""
    for name, value in written.items():
        try:
            kind, _, own = name.partition("/")
            yield Ref(kind, own), tuple(map(_read, value))
        except (TypeError, ValueError, LookupError, AttributeError) as exc:
            text = "what is asked of %s by hand does not count, it makes no sense here: %s"
            log.warning(text, name, exc)


def _read(value: Json) -> Request:
    known = {name: value[name] for name in Request._fields if name in value}
    return Request(**{**known, "verb": Asked(value["verb"])})
