"""How a target stands in this start of the stack: whether what lies there may be used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from ...core.model import Json
from .latch import Latches
from .place import Place
from .ready import Ready
from .state import SyncTargetState


@dataclass(frozen=True, slots=True)
class Standing:
    """``restored``: it may be used and backed up. ``staged``: it only waits to be put in place.

    ``let_go``: those that wait for it start without; it is not backed up for that.
    """

    restored: bool
    staged: bool = True
    let_go: bool = False
    lets_go_at: float | None = None
    overdue: bool = False
    ordered: bool = False

    @property
    def is_usable(self) -> bool:
        """Whether those that wait for it may start."""
        return self.restored or self.let_go

    @property
    def swaps(self) -> bool:
        """Whether files are to be replaced as soon as nobody has them open."""
        return self.staged and not self.is_usable

    def told(self) -> dict[str, Json]:
        """As vitals."""
        return {
            "meets": ["restored", "started"] if self.is_usable else [],
            "swapping": self.swaps,
            "letGo": self.let_go,
            "letsGoAt": self.lets_go_at,
            "overdue": self.overdue,
            "ordered": self.ordered,
        }


class Moment(NamedTuple):
    """When is asked, what is noted as staged, and whether files are being replaced just then."""

    now: float
    noted: Any = None
    busy: bool = False


def standing(latches: Latches, place: Place, state: SyncTargetState, moment: Moment) -> Standing:
    """How a target stands."""
    ready = Ready.read(moment.noted) if moment.noted is not None else None
    if ready is not None and ready.order is not None:
        return Standing(restored=False, ordered=True)
    if state.on_start == "skip" or latches.holds(place):
        return Standing(restored=True)
    staged = ready is not None and ready.stack == latches.stack
    since = latches.waits_since(place.name)
    end = None if since is None or not state.timeout else since + state.timeout
    over = end is not None and moment.now >= end
    lets_go = state.on_start == "prefer" and not moment.busy
    return Standing(
        restored=False,
        staged=staged,
        let_go=lets_go and over,
        lets_go_at=end if lets_go and not over else None,
        overdue=over,
    )
