"""Several runs of one program at once: the newest is its life, the older ones stand beside it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..record import Refusal, told
from . import families
from .ending import Ending
from .life import Life
from .policy import Follow

if TYPE_CHECKING:
    from .streams import Streams

MOST: Final = 100
"""Runs of one program at once; more of them never end, and would take the machine."""


@dataclass(slots=True)
class Run:
    """A run that goes on while another one is the program's life; ``status`` once it has ended."""

    pid: int
    born: int
    view: Any
    began: float
    since: float
    streams: Streams
    status: int | None = None
    told: bool = False
    """Whether it has heard the signal to end."""


class Runs(Life):
    """A life with others beside it. They share name, record and log, and end together.

    One that ends takes the place of the life, ends as a life does, and the next one follows.
    """

    def __init__(self, *given: Any) -> None:
        self.beside: list[Run] = []
        self._ends_all: float | None = None
        super().__init__(*given)

    @property
    def pids(self) -> list[int]:
        """Every run that lives."""
        others = [run.pid for run in self.beside if run.status is None]
        return [self.pid, *others] if self.pid else others

    @property
    def dispatchers(self) -> dict[int, Any]:
        """What supervisord reads and writes, of all runs."""
        every = [*(run.streams for run in self.beside), *([self.streams] if self.streams else [])]
        return {fd: one for streams in every for fd, one in streams.dispatchers.items()}

    @dispatchers.setter
    def dispatchers(self, _: object) -> None:
        """Supervisord begins with none."""

    def start_beside(self, follow: Follow) -> str:
        """One more run; why not, if it cannot be started: then the others go on."""
        if len(self.beside) >= MOST - 1:
            return f"{MOST} runs of {self.name} go on already"
        before = self._put_aside()
        try:
            self._spawn(before.streams.log)
        except (Refusal, OSError) as exc:
            self._give_back()
            self._take_up(before)
            return told(exc)
        self.beside.append(before)
        self.history.starts(follow.cause, follow.detail)
        self._note(self.pid)
        self.enter("starting")
        return ""

    def end(self) -> None:
        """Begin to end it, and all that run beside it."""
        if self.beside and self._ends_all is None:
            self._ends_all = time.monotonic()
            if not self.settings.preStop:  # what comes before the signal comes to each in turn
                self._tell_all()
        super().end()

    def finish(self, pid: int, status: int) -> None:
        """One of the runs has been reaped."""
        if pid == self.pid:
            return super().finish(pid, status)
        number = next(n for n, run in enumerate(self.beside) if run.pid == pid)
        run = self.beside[number]
        if self.ending:  # its turn comes
            run.status = status
            return None
        self.beside[number] = self._put_aside()
        self._take_up(run)
        return super().finish(pid, status)

    def _over(self) -> None:
        """Nothing is left of one run; those beside it go on, or end with it."""
        if not self.beside:
            self._ends_all = None
            return super()._over()
        follow, self.follow, self.ending = self.follow, None, None
        self._give_back()
        run = self.beside.pop()
        self._take_up(run)
        if run.status is not None:
            super().finish(run.pid, run.status)
        if self._ends_all is not None or not self.wanted or self.keeper.winding_down:
            return self._end_next(follow, told=run.told)
        if follow and follow.at_once and not self.ending:
            self.error = self.start_beside(follow)
        elif follow and follow.at_once:
            self.follow = follow
        elif not self.ending:
            self.enter("running")
        return self.look_soon()

    def _tell_all(self) -> None:
        for run in self.beside:
            if run.status is None:
                families.signal_group(run.pid, self.settings.stop_signal)
                run.told = True

    def _end_next(self, follow: Follow | None, *, told: bool) -> None:
        """The same end, for the next run: no later than for the first."""
        self.follow = follow
        if self.ending is None:
            since = self._ends_all = self._ends_all or time.monotonic()
            self.ending = Ending(self, since, asked=True, told=told)
        self.enter("stopping")
        self.look_soon()

    def _note(self, pid: int) -> None:
        others = [[run.pid, run.born] for run in self.beside if run.status is None]
        line = self.history.line(self.name, pid, self.born, self.keeper.stack)
        self.keeper.lives.write(line | ({"beside": others} if others else {}))

    def _put_aside(self) -> Run:
        assert self.streams is not None  # noqa: S101 (whoever runs has them)
        run = Run(self.pid, self.born, self.view, self._began, self.since, self.streams)
        self.streams = None
        return run

    def _take_up(self, run: Run) -> None:
        self.pid, self.born, self.view, self.streams = run.pid, run.born, run.view, run.streams
        self._began, self.since = run.began, run.since
