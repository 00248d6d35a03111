"""Looks after the processes that supervisord keeps by itself: the operator and the gateway."""

from __future__ import annotations

import time
from signal import SIGKILL
from typing import TYPE_CHECKING, Any, Final

from supervisor.events import ProcessGroupEvent, ProcessStateEvent, subscribe
from supervisor.states import STOPPED_STATES, ProcessStates

from . import families
from .loop import NEVER
from .stock import StockProgram

if TYPE_CHECKING:
    from .keeper import Keeper

_AGAIN: Final = 0.1
_ENDED: Final = frozenset({*STOPPED_STATES, ProcessStates.BACKOFF})


class Sweeper:
    """Passes their events on, and ends what one of them left behind when it ended."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._left: set[str] = set()
        self.due = NEVER
        subscribe(ProcessStateEvent, self._hear)
        subscribe(ProcessGroupEvent, lambda event: keeper.ring(event.group))

    def look(self, now: float) -> None:
        """Kill what is left of those that have ended; again, until nothing is."""
        found = {name: families.tree(*self._keeper.strays(name)) for name in self._left}
        self._left = {name for name, pids in found.items() if pids}
        for pids in found.values():
            families.signal_each(pids, SIGKILL)
        if self._left:
            self._keeper.loop.timers.set(self, now + _AGAIN)

    def _hear(self, event: Any) -> None:
        name = event.process.config.name
        if isinstance(event.process, StockProgram):
            return  # it says so itself
        self._keeper.ring(name)
        if event.process.state in _ENDED:
            self._left.add(name)
            self._keeper.look_anew()
            self.look(time.monotonic())  # before anything is started again
        elif event.process.state == ProcessStates.STARTING:
            self._left.discard(name)  # what comes now is the next one's
