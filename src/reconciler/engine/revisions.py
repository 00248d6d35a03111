"""What is recorded of revisions: which is current, which was well last, which are not to be."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..core.errors import Transient
from ..core.model import Json
from ..core.revision import Phase, Retreat, Rollout, choose
from ..core.windows import Closed, Window, closed
from .records import Records

log = logging.getLogger(__name__)

TOPIC: Final = "revision"
QUARANTINE: Final = "quarantine"
KEPT: Final = 100
"""Of so many commits it is known that they are not to be current, the newest."""


@dataclass(slots=True)
class Revisions:
    """The memory that outlives an operator; ``head`` is the newest commit that was read."""

    records: Records
    head: str = ""
    current: Rollout | None = None
    good: str = ""
    retreats: dict[str, Retreat] = field(default_factory=dict)
    windows: tuple[Window, ...] = ()
    """When new commits may become current."""
    allowed: str = ""
    """A commit that a person wants now."""
    shut: Closed | None = None
    remote: Callable[[], dict[str, Json]] = dict
    """What is known of a source elsewhere; empty where none is followed."""
    revert: Callable[[], dict[str, Json]] = dict
    """How undoing on its branch what was taken back goes; empty where nothing was to be undone."""

    def __post_init__(self) -> None:
        self.current = _rollout(self.records.read(TOPIC, "current"))
        self.good = str(self.records.read(TOPIC, "good") or "")
        written = self.records.read(TOPIC, "windows") or []
        self.windows = tuple(Window(*one) for one in written)
        found = self.records.all(QUARANTINE).items()
        self.retreats = {name: one for name, value in found if (one := _retreat(value))}

    def choose(self, head: str) -> str:
        """The commit to read when ``head`` is the newest."""
        self.head = head
        is_shut = self.current is not None and head not in {self.current.revision, self.allowed}
        is_shut = is_shut and self.undoes(head) is None  # going back never waits
        self.shut = closed(self.windows, time.time()) if is_shut and self.windows else None
        held = self.current.revision if self.current is not None and self.shut else ""
        return choose(head, self.retreats, held)

    @property
    def waits(self) -> Closed | None:
        """Why the newest commit is not current yet, where only the calendar keeps it from that."""
        return self.shut if self.head not in self.retreats else None

    def let(self) -> bool:
        """Have the newest commit whatever the calendar says; whether it was waiting."""
        waits, self.allowed = self.waits, self.head
        return waits is not None

    def keep_windows(self, windows: tuple[Window, ...]) -> None:
        """Remember the calendar: a new operator looks at it before it reads anything."""
        if windows != self.windows:
            self.records.write(TOPIC, "windows", [list(one) for one in windows])
            self.windows = windows

    @property
    def away(self) -> Retreat | None:
        """Why what is current is not the newest commit; None when it is."""
        return self.retreats.get(self.head)

    def keep(self, rollout: Rollout) -> None:
        """Remember how far the current revision has come."""
        self.current = rollout
        try:
            with self.records.together():
                self.records.write(TOPIC, "current", rollout._asdict())
                if rollout.phase is Phase.HEALTHY and self.good != rollout.revision:
                    self.records.write(TOPIC, "good", rollout.revision)
        except Transient as exc:  # a new operator would judge it anew
            log.warning("%s", exc)
        if rollout.phase is Phase.HEALTHY:
            self.good = rollout.revision

    def undoes(self, commit: str) -> Retreat | None:
        """What was taken back by a commit of ours; None for anybody else's."""
        return next((one for one in self.retreats.values() if one.undone == commit), None)

    def leave(self, retreat: Retreat) -> None:
        """From now on that commit is not current. It is on the disk when this returns."""
        self.records.write(QUARANTINE, retreat.commit, retreat._asdict())
        self.retreats[retreat.commit] = retreat
        oldest = sorted(self.retreats.values(), key=lambda one: one.at)[:-KEPT]
        for one in oldest:
            self.forgive(one.commit)

    def forgive(self, commit: str) -> Retreat | None:
        """It may be current again; returns what was known of it."""
        known = self.retreats.get(commit)
        if known is not None:
            self.records.clear(QUARANTINE, commit)
            del self.retreats[commit]
        return known


def _rollout(value: Json) -> Rollout | None:
    known = _known(Rollout._fields, value)
    if not known.get("revision"):
        return None
    try:
        phase = Phase(str(known.get("phase", Phase.PROGRESSING)))
    except ValueError:  # a newer version knows more
        phase = Phase.FAILED
    return Rollout(**{**known, "phase": phase, "sick": tuple(known.get("sick") or ())})


def _retreat(value: Json) -> Retreat | None:
    known = _known(Retreat._fields, value)
    return Retreat(**known) if known.get("commit") and known.get("to") else None


def _known(fields: tuple[str, ...], value: Json) -> Mapping[str, Any]:
    """The fields that this version knows."""
    written = value if isinstance(value, dict) else {}
    return {name: written[name] for name in fields if name in written}
