"""The lives of one program: how each begins, what happens in it, and what follows its end."""

from __future__ import annotations

import json
import os
import random
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from ..kernel import start_time, ticks
from ..record import Refusal, told
from . import families
from .ending import Ending
from .history import History, exit_words, signal_name
from .loop import NEVER
from .policy import Follow, Settings
from .stock import StockProgram
from .streams import Streams

if TYPE_CHECKING:
    from .keeper import Keeper
    from .output import LogFile
    from .stock import Group, ProgramConfig

_STARTING: Final = 1.0
_MEMORY_EVERY: Final = 1.0


class Life(StockProgram):
    """A process of supervisord's; the policy decides what follows when it ends."""

    def __init__(self, config: ProgramConfig, group: Group, keeper: Keeper) -> None:
        super().__init__(config)
        self.group = group
        self.keeper = keeper
        self.name: str = config.name
        self.settings = Settings()
        self.wanted = self.departing = False
        self.history = History.read(keeper.lives.of(self.name))
        self.follow: Follow | None = None
        self.ending: Ending | None = None
        self.error = ""
        self.warning: dict[str, Any] | None = None
        self.born = 0
        self.since = time.time()
        self.next: float | None = None
        self.memory = 0
        self.view: Any = None
        self.tail: list[str] = []
        self.due = NEVER
        self.streams: Streams | None = None
        self._began = self._next_at = 0.0

    @property
    def live(self) -> bool:
        """Whether there is a process, or something is left of one."""
        return bool(self.pid or self.ending)

    @property
    def pids(self) -> list[int]:
        """What of it lives."""
        return [self.pid] if self.pid else []

    @property
    def family(self) -> str:
        """What others name when they need it."""
        return self.settings.family or self.name

    @property
    def stdin(self) -> Any:
        """Where ``supervisorctl`` writes to the process."""
        return self.streams.stdin if self.streams else None

    def write(self, chars: bytes) -> None:
        """``supervisorctl`` says something to the process; what it cannot take yet is kept."""
        super().write(chars)
        self.keeper.written_to[self.name] = self.keeper.programs[self.name]

    def start(self, follow: Follow) -> None:
        """Start it now; a refusal is a failure like any other."""
        self.follow, self.error, self.next = None, "", None
        if self.keeper.winding_down:
            return self.enter("stopped")
        try:
            self._spawn()
        except (Refusal, OSError) as exc:
            self._give_back()
            self.error = self.spawnerr = told(exc)
            self.since = self.laststop = time.time()
            return self.decide(follow._replace(good=False))
        self.history.starts(follow.cause, follow.detail)
        self._note(self.pid)
        return self.enter("starting")

    def _spawn(self, log: LogFile | None = None) -> None:
        record = self.keeper.starter.record(self.name)
        # What was tried counts, or the same refusal would look like news for ever.
        self.history.digest = str(record.get("digest") or "")
        self.history.revision = str(record.get("revision") or "")
        self.streams = Streams(self, log)
        before = ticks()
        self.pid = self.keeper.starter.run(record, record["argv"], self.streams.of_child)
        is_exact = before == ticks()
        self.keeper.options.pidhistory[self.pid] = self
        self.streams.open()
        self.pipes = self.streams.ours
        # Between two looks at the same clock that showed the same, it cannot have been otherwise.
        self.born = before if is_exact else start_time(self.pid) or 0
        self.view = record.get("view")  # put into few bytes when there is time
        self._began, self.since = time.monotonic(), time.time()
        self.laststart, self.spawnerr, self.exitstatus = self.since, None, None

    def finish(self, _pid: int, status: int) -> None:
        """Supervisord has reaped the process."""
        signal = signal_name(os.WTERMSIG(status)) if os.WIFSIGNALED(status) else None
        code = None if signal else os.waitstatus_to_exitcode(status)
        uptime = time.monotonic() - self._began
        if self.streams:
            self.tail = self.streams.last_words()
        if uptime >= self.settings.healthyAfter:
            self.history.forgive()
        self.history.ends(code, signal, uptime)
        if self.ending is None:
            is_good = code in self.settings.successExitCodes
            self.follow = Follow("end" if is_good else "crash", exit_words(status), good=is_good)
            self.ending = Ending(self, time.monotonic(), asked=False)
        self.pid = self.born = self.memory = 0
        self.exitstatus, self.laststop = -1 if code is None else code, time.time()
        self.since = self.laststop
        self.ending.main_ended()
        self.look_soon()

    def end(self) -> None:
        """Begin to end it, unless that has begun already."""
        if self.ending is None:
            self.ending = Ending(self, time.monotonic(), asked=True)
            self.enter("stopping")
            self.look_soon()

    def look(self, now: float) -> None:
        """Do what is due, and say when to look again."""
        again = NEVER
        if self.ending:
            later = self.ending.look(now)
            if later is None:
                return self._over()
            again = later
            if self.phase != "stopping":
                self.enter("stopping")  # after a crash, when something is left of it
        elif self.pid:
            again = self._look_at_live(now)
        elif self.phase == "backoff":
            if self._next_at <= now:
                return self.start(self.follow or Follow("crash", ""))
            again = self._next_at
        return self.keeper.loop.timers.set(self, again)

    def _look_at_live(self, now: float) -> float:
        """Note what time alone changes; when to look again."""
        up, healthy = self._began + _STARTING, self._began + self.settings.healthyAfter
        if self.phase == "starting" and now >= up:
            self.view = self.view if isinstance(self.view, str) else json.dumps(self.view)
            self.enter("running")
        if self.history.brief and now >= healthy:
            self.history.forgive()
            self.touch()
            self.keeper.ring(self.name)
        again = up if self.phase == "starting" else NEVER
        if self.history.brief:
            again = min(again, healthy)
        if self.settings.memory:
            self._weigh()
            again = min(again, now + _MEMORY_EVERY)
        return again

    def _weigh(self) -> None:
        """Look at its memory; too much is a fault."""
        self.memory, before = families.memory(self.pids), self.memory
        if self.memory != before:
            self.touch()
        if self.memory > self.settings.memory:
            used, allowed = self.memory >> 20, self.settings.memory >> 20
            self.follow = Follow("memory", f"{used} MiB used, {allowed} MiB allowed")
            self.end()

    def _over(self) -> None:
        """Nothing is left of it: what now?"""
        follow, self.follow, self.ending = self.follow, None, None
        self._give_back()
        if self.departing:
            self.keeper.drop(self)
        elif not self.wanted or follow is None or self.keeper.winding_down:
            self._note(0)
            self.enter("stopped")
        elif follow.at_once:
            self.start(follow)
        else:
            self.decide(follow)

    def decide(self, follow: Follow, *, more: int = 1) -> None:
        """Do what the policy says after an end, or after a start that was refused."""
        history, settings = self.history, self.settings
        verdict = settings.verdict(history.failures + more, good=follow.good)
        if verdict in {"completed", "armed"}:
            history.forgive()
        else:
            history.counts(more, good=follow.good)
            self.error = follow.fault or self.error
        history.completed, history.failed = verdict == "completed", verdict == "failed"
        self._note(0)
        if verdict == "backoff":
            wait = settings.delay(history.brief, random.random())  # noqa: S311 (dice, not keys)
            if wait <= 0.0:
                return self.start(follow)
            self.follow, self._next_at = follow, time.monotonic() + wait
            self.next = time.time() + wait
            self.keeper.loop.timers.set(self, self._next_at)
        return self.enter(verdict)

    def enter(self, phase: str) -> None:
        """Be in ``phase`` from now on, and say so."""
        if phase != "backoff":
            self.next = None
        self.show(phase)
        self.touch()
        self.keeper.ring(self.name)
        if phase == "starting":
            self.look_soon()

    def touch(self) -> None:
        """Something about it has changed."""
        self.keeper.touch(self.name)

    def look_soon(self) -> None:
        """Look at it in the next turn."""
        self.keeper.loop.timers.set(self, time.monotonic())

    def _note(self, pid: int) -> None:
        self.keeper.lives.write(self.history.line(self.name, pid, self.born, self.keeper.stack))

    def _give_back(self) -> None:
        if self.streams:
            self.streams.close()
        self.streams, self.pipes = None, {}
        with suppress(AttributeError):
            del self.event
