"""A revision becomes current: what became of it, and when the one before comes back.

All of it follows from the newest commit, what is recorded, and the clock: an operator that is
killed at any moment finds its way to one revision again, never to something between two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

SHORT: Final = 12
"""So many letters of a revision name it."""
GRACE: Final = 30.0
"""A new operator looks for so long before it judges what began before it (seconds)."""
DEADLINE: Final = 300.0


class Phase(StrEnum):
    """What became of a revision."""

    PROGRESSING = "progressing"
    HEALTHY = "healthy"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    ROLLED_BACK = "rolledBack"


OPEN: Final = frozenset({Phase.PROGRESSING, Phase.FAILED})
"""What may still become healthy."""


class Terms(NamedTuple):
    """How long a revision may take, and whether one that takes longer is taken back."""

    revert: bool = False
    deadline: float = DEADLINE
    settle: float = 0.0
    """So long everything must have been well (seconds)."""


class Trouble(NamedTuple):
    """One resource that is not as the revision wants it."""

    ref: str
    reason: str
    message: str
    affected: bool = False
    """Whether the revision changed it, or something it needs."""
    waits: bool = False
    """Whether it merely waits for another one."""

    def __str__(self) -> str:
        return f"{self.ref}: {self.message or self.reason}"


class Facts(NamedTuple):
    """What was seen of a revision at a look; ``at`` is when that was."""

    at: float
    troubles: tuple[Trouble, ...] = ()
    paused: bool = False
    """Whether something is held back that only a person or a calendar lets go on."""


class Rollout(NamedTuple):
    """A revision that became current. ``since`` is what its deadline counts from."""

    revision: str
    before: str = ""
    """The revision that it took over from; empty for the first."""
    cause: str = "commit"
    """``commit``; ``rollback``: it had been current before; ``revert``: a commit of ours."""
    began: float = 0.0
    since: float = 0.0
    sick: tuple[str, ...] = ()
    """What was sick already when a revision last was left that had been well."""
    phase: Phase = Phase.PROGRESSING
    ended: float = 0.0
    ready: float = 0.0
    """Since when all is well; 0 while it is not."""
    culprit: str = ""
    message: str = ""

    @property
    def is_open(self) -> bool:
        return self.phase in OPEN


class Retreat(NamedTuple):
    """A commit that is not to be current, and which one is in its place.

    ``author`` is who said so; empty: nobody had to.
    """

    commit: str
    to: str
    at: float = 0.0
    author: str = ""
    reason: str = ""
    culprit: str = ""
    undone: str = ""
    """The commit of ours on top of it that gives the specs back what they were; empty: none."""


def choose(head: str, retreats: Mapping[str, Retreat], held: str = "") -> str:
    """The commit that is wanted when ``head`` is the newest.

    ``held`` is the one that stays for now, where the calendar lets no new one become current. It
    never keeps anybody from going back.
    """
    known = retreats.get(head)
    return known.to if known is not None else held or head


def begin(revision: str, last: Rollout | None, sick: Iterable[str], now: float) -> Rollout:
    """A revision takes over. What the last one has made sick is no excuse for it."""
    if last is None:
        return Rollout(revision, began=now, since=now)
    inherited = last.sick if last.is_open or last.phase is Phase.ROLLED_BACK else tuple(sick)
    return Rollout(revision, last.revision, began=now, since=now, sick=inherited)


def carry_on(fresh: Rollout, last: Rollout) -> Rollout:
    """A commit wants what is there already: how far that has come is how far this one is."""
    ended = fresh.began if last.phase is Phase.HEALTHY else last.ended
    kept = {name: getattr(last, name) for name in ("since", "sick", "phase", "culprit", "message")}
    return fresh._replace(ready=last.ready, ended=ended, **kept)


def supersede(last: Rollout, now: float) -> Rollout:
    """A newer revision has taken over; what had come to an end stays as it was."""
    if last.phase is not Phase.PROGRESSING:
        return last
    return last._replace(phase=Phase.SUPERSEDED, ended=now)


def judge(
    rollout: Rollout, facts: Facts | None, terms: Terms, *, now: float, started: float
) -> Rollout:
    """What became of it by now; ``facts`` is None when nothing can be said of it.

    ``started`` is when this operator did.
    """
    if not rollout.is_open or facts is None or facts.at <= rollout.began:
        return rollout
    if facts.paused and rollout.phase is Phase.PROGRESSING:
        rollout = rollout._replace(since=now)
    blamed = blame(rollout, facts.troubles)
    if not blamed:
        return _well(rollout, facts, terms, now)
    rollout = rollout._replace(ready=0.0)
    if rollout.phase is Phase.FAILED or now < due(rollout, terms, started):
        return rollout
    first = blamed[0]
    return rollout._replace(
        phase=Phase.FAILED, ended=now, culprit=first.ref, message=first.message or first.reason
    )


def blame(rollout: Rollout, troubles: Iterable[Trouble]) -> list[Trouble]:
    """What speaks against the revision, the likeliest cause first."""
    found = [one for one in troubles if one.affected or one.ref not in rollout.sick]
    return sorted(found, key=lambda one: (one.waits, not one.affected, one.ref))


def due(rollout: Rollout, terms: Terms, started: float) -> float:
    """When patience ends."""
    return max(rollout.since + terms.deadline, started + min(GRACE, terms.deadline))


def retreat(
    rollout: Rollout, facts: Facts | None, terms: Terms, *, good: str, now: float
) -> Retreat | None:
    """The way back from a revision that failed; None when there is none, or none is wanted.

    What failed on the way back has no way back, and what was sick before is not mended by one.
    """
    failed = rollout.phase is Phase.FAILED and rollout.cause == "commit"
    if not (failed and terms.revert and good and good != rollout.revision) or facts is None:
        return None
    fresh = [one for one in blame(rollout, facts.troubles) if one.ref not in rollout.sick]
    if not fresh:
        return None
    return Retreat(rollout.revision, good, now, "", str(fresh[0]), fresh[0].ref)


def _well(rollout: Rollout, facts: Facts, terms: Terms, now: float) -> Rollout:
    ready = rollout.ready or facts.at
    if now - ready < terms.settle:
        return rollout._replace(ready=ready)
    return rollout._replace(phase=Phase.HEALTHY, ended=ready, ready=ready, culprit="", message="")
