"""Why a thing becomes as the specs say again: somebody took back what was asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..core.gates import is_live, seen_of
from ..core.kind import Kinds
from ..core.model import Ref, Resource, World
from ..core.overrides import both, may_run
from ..core.request import Asked, Request

LINGER: Final = 10.0
"""Seconds in which a stop or a start that was on its way may still come to be."""
_ENDS: Final = frozenset({"stopping"})
"""It was told to stop and takes its time."""
_HAS_RUN: Final = frozenset({"completed", "armed"})
"""It may have begun and ended between two looks."""


@dataclass(slots=True)
class _Note:
    why: Request
    since: float
    """When that was, in monotonic seconds: a look that began before tells nothing of it."""
    begun: bool = False
    """Whether it was seen as it was asked to be, so that there is something to make up for."""


@dataclass(slots=True)
class TakenBack:
    """The last of it for each, until what comes of it is seen; in memory alone, it decides nothing.

    A stop may be under way when it is taken back: the start that makes up for it comes later.
    """

    _kinds: Kinds
    _notes: dict[Ref, _Note] = field(default_factory=dict)

    def note(self, lead: Ref, why: Request, since: float) -> None:
        """From now on, which is ``since``, ``why`` explains that it starts, or stops."""
        self._notes[lead] = _Note(why, since)

    def forget(self, lead: Ref) -> None:
        """Something else was asked."""
        self._notes.pop(lead, None)

    def explains(self, desired: Mapping[Ref, Resource[Any]]) -> dict[Ref, Request]:
        """Why each of these changes, if it does; of two that take turns, whichever it is."""
        found = ((desired[lead], note.why) for lead, note in self._notes.items() if lead in desired)
        return {ref: why for want, why in found for ref in both(want)}

    def settle(
        self, desired: Mapping[Ref, Resource[Any]], world: World, now: float, since: float
    ) -> None:
        """Forget what was made up for, and what did not come to be; seen by a look since then."""
        for lead, note in list(self._notes.items()):
            if note.since <= since and self._is_over(note, desired.get(lead), world, now):
                self.forget(lead)

    def _is_over(self, note: _Note, want: Resource[Any] | None, world: World, now: float) -> bool:
        is_start = note.why.verb is Asked.START
        is_late = now >= note.why.at + LINGER
        if want is None or may_run(self._kinds[want.ref.kind], want) is not is_start:
            return True
        if is_start and is_late and _is_in(_HAS_RUN, want, world):
            return True
        if any(is_live(ref, world) for ref in both(want)) is not is_start:
            note.begun = True
            return False
        return note.begun or (is_late and not _is_in(_ENDS, want, world))


def _is_in(states: frozenset[str], want: Resource[Any], world: World) -> bool:
    seen = (seen_of(ref, world) for ref in both(want))
    return any(live is not None and live.vitals.get("state") in states for live in seen)
