"""What the operator knows of a target between two backups, and loses when it ends."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Final

from ...clients.git_objects import Entry
from .place import Place
from .scan import Copy, Scan
from .state import SyncTargetState
from .take import AGAIN, Skipped
from .watch import Watch

LOOK_THROUGH: Final = 1800.0
"""Seconds after which all is looked through though nothing was noted: not every way to write a
file is (a mapped one, another machine's mount)."""


@dataclass(slots=True)
class Sight:
    """One target, as it was when it was last looked at."""

    place: Place
    state: SyncTargetState
    watch: Watch
    entry: Entry | None = None
    """The last copy that was stored; None when there is none to go on from."""
    modes: Entry | None = None
    marks: Entry | None = None
    odd: int = -1
    skipped: dict[str, Skipped] = field(default_factory=dict)
    looked_through: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)
    """What an idle interval would write down, if that were worth a write."""

    @classmethod
    def of(cls, place: Place, state: SyncTargetState) -> Sight:
        return cls(place, state, Watch(place))

    def fits(self, place: Place, state: SyncTargetState) -> bool:
        """Whether this still speaks of the target as it is written now."""
        mine, theirs = self.state, state
        how = (mine.snapshot, mine.command) == (theirs.snapshot, theirs.command)
        how &= (mine.secrets, mine.allowed) == (theirs.secrets, theirs.allowed)
        return how and self.place == place and mine.large == theirs.large

    @property
    def copy(self) -> Copy:
        """What the remote should have."""
        return Copy(self.entry, self.modes, self.marks)

    async def since(self) -> set[str] | None:
        """The paths to look at; None: at all of them."""
        if self.state.command:  # only the command knows whether there is something new
            return None
        await self.watch.open()
        late = time.monotonic() - self.looked_through > LOOK_THROUGH
        touched = self.watch.take()
        if touched is None or late or self.entry is None:
            return None
        touched |= {one.path for one in self.skipped.values() if one.reason in AGAIN}
        return touched if self.place.is_folder or not touched else None

    def learn(self, scan: Scan) -> None:
        """A look has ended well, and what it found is stored."""
        self.entry, self.modes, self.odd = scan.entry, scan.modes, scan.odd
        self.marks = scan.marks
        if "" in scan.covers:
            self.looked_through = time.monotonic()
        kept = {path: one for path, one in self.skipped.items() if not is_below(path, scan.covers)}
        self.skipped = {**kept, **{one.path: one for one in scan.skipped}}

    def quiet(self) -> float:
        """Seconds since something happened at the place."""
        return time.monotonic() - self.watch.last


def is_below(path: str, tops: set[str]) -> bool:
    """Whether a path is one of some, or below one."""
    while path:
        if path in tops:
            return True
        path = path.rpartition("/")[0]
    return "" in tops
