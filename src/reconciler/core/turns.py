"""Two instances that take turns: the nouns of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

FAILED: Final = "RolloutFailed"
ROLLING: Final = "RollingOut"
DRAINING: Final = "Draining"


class Policy(NamedTuple):
    """How one replaces the other, in seconds."""

    min_healthy: float
    """How long the new one must have been ready before it takes over."""
    deadline: float
    """How long it may take until then."""
    drain: float
    """How long the old one may take to finish what it was sent."""


class Traffic(NamedTuple):
    """What one who passes requests on tells of it."""

    targets: frozenset[str] = frozenset()
    """The addresses to which a new request may still go."""
    open: Mapping[str, int] = {}
    """Requests that an address has not finished, WebSockets among them."""
    settled: bool = True
    """Whether that is all: no part of it may still know other addresses."""


class Memory(NamedTuple):
    """What is remembered of one replacement. Times are Unix seconds; 0 is never."""

    digest: str
    """Of the spec that is put in place."""
    began: float
    """Or 0, when it was stopped before it was over."""
    took_over: float = 0.0
    failed: float = 0.0
    message: str = ""


class Slot(NamedTuple):
    """What is seen of one of the two."""

    there: bool = False
    alive: bool = False
    fits: bool = False
    """Whether it runs what is written, so that nothing needs to take its place."""
    ready: bool = False
    unjudged: bool = False
    """Whether nobody can say yet if it is ready."""
    since: float = 0.0
    """Since when it is ready."""
    born: float = 0.0
    stuck: str = ""
    """Why it has given up; empty when it has not."""
    busy: str = ""
    """What it still has to finish, in words."""


class Role(StrEnum):
    """What one of the two is for, now."""

    ABSENT = "absent"
    WRITTEN = "written"
    """It is to be what is written."""
    KEPT = "kept"
    """It serves as it is, until the other one takes over."""
    COMING = "coming"
    """It is to be what is written, and to take over; it is not sent anything yet."""
    LEAVING = "leaving"
    """It is to go, once it has finished what it was sent."""


class Note(StrEnum):
    """What is to be remembered."""

    BEGAN = "began"
    PAUSED = "paused"
    """What is stopped takes no time: it will begin anew."""
    TOOK_OVER = "took over"
    SETTLED = "settled"


class Wait(NamedTuple):
    """Why one waits; ``after`` so many seconds time alone may change that."""

    reason: str
    message: str
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """Two slots, by the names of what is in them, and all that decides between them."""

    names: tuple[str, str]
    slots: tuple[Slot, Slot]
    policy: Policy
    memory: Memory | None
    """Of the spec that is written now."""
    now: float
    runs: bool = True
    """Whether it is to run at all."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What both are for, why some wait, what to remember, and when to look again.

    ``failure`` says why the new one is to be given up, once that is certain.
    """

    roles: tuple[Role, Role]
    waits: tuple[Wait | None, Wait | None] = (None, None)
    note: Note | None = None
    failure: str = ""
