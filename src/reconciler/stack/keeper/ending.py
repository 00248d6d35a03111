"""Ends a program with all that belongs to it: asks first, waits, then kills what is left."""

from __future__ import annotations

import os
import time
from signal import SIGKILL
from typing import TYPE_CHECKING, Final

from ..record import Refusal, told
from . import families
from .history import exit_words
from .loop import NEVER

if TYPE_CHECKING:
    from .life import Life

_LEAST: Final = 2.0
"""Seconds left for the signal by what ran before it, or the grace where that is shorter."""
_FIRST_LOOK: Final = 0.01
_LAST_LOOK: Final = 0.25
_PATIENCE: Final = 5.0
"""Seconds after which it is said that something cannot be killed: it belongs to another user."""


class Hook:
    """A command that runs before a program is asked to stop."""

    def __init__(self, program: Life, pid: int, until: float) -> None:
        self.pid = pid
        self.until = until
        self.ended = self._killed = False
        self._program = program

    def finish(self, _pid: int, status: int) -> None:
        """Called by supervisord when it has reaped it."""
        self.ended = True
        if status and not self._killed:
            _warn(self._program, f"ended with {exit_words(status)}")
        self._program.look_soon()

    def end(self, now: float) -> None:
        """Leave nothing of it."""
        if not self.ended:
            self._killed = True
            families.signal_group(self.pid, SIGKILL)
            if now >= self.until:
                _warn(self._program, "was not over in time and was killed; raise stop.grace")


class Ending:
    """One end, from the first question to the last trace; ``look`` says when to look again.

    The grace counts from ``since``; ``told`` is who has heard the signal already.
    """

    def __init__(self, program: Life, since: float, *, asked: bool, told: bool = False) -> None:
        self._program = program
        self._since = since
        self._leader = program.pid
        self._alive = True
        self._group = True
        self._family: dict[int, int] = {}
        self._asked = {program.pid} if told else set[int]()
        self._deadline = NEVER
        self._pause = _FIRST_LOOK
        self._hook: Hook | None = None
        self.crash = not asked
        if asked:
            self._family = families.named(families.tree(self._leader) - {self._leader})
            self._hook = self._start_hook(since + program.settings.grace)

    def main_ended(self) -> None:
        """The process itself is gone; what belongs to it may not be."""
        self._alive = False

    def look(self, now: float) -> float | None:
        """Do what is due; None when nothing is left."""
        if self._hook and self._alive and not self._hook.ended and now < self._hook.until:
            return self._hook.until
        if self._deadline == NEVER:
            self._ask(now)
        rest = set() if self._alive else self._rest()
        if not self._alive and not rest and not self._group:
            return None
        return self._press(rest, now)

    def _ask(self, now: float) -> None:
        """After what was to run before it: the signal, and the rest of the grace."""
        grace = self._program.settings.grace
        self._deadline = self._since + grace
        if self._hook:
            self._hook.end(now)
            self._hook = None
            self._deadline = max(self._deadline, now + min(_LEAST, grace))
        if self._alive and self._leader not in self._asked:
            families.signal_group(self._leader, self._program.settings.stop_signal)
            self._asked.add(self._leader)

    def _press(self, rest: set[int], now: float) -> float:
        if now >= self._deadline:
            self._kill(rest, now)
        elif self._alive:
            return self._deadline
        else:
            # The process is gone: now, and not before, is what it left asked on its own.
            families.signal_each(rest - self._asked, self._program.settings.stop_signal)
            if self._group and not self._asked:
                families.signal_group(self._leader, self._program.settings.stop_signal)
            self._asked |= rest | {self._leader}
        self._pause = min(_LAST_LOOK, self._pause * 1.5)
        soon = now + self._pause
        return min(soon, self._deadline) if now < self._deadline else soon

    def _kill(self, rest: set[int], now: float) -> None:
        if self._alive:
            rest = families.tree(self._leader) - {self._leader}
            self._family |= families.named(rest)
        if self._group:
            families.signal_group(self._leader, SIGKILL)
        families.signal_each(rest, SIGKILL)
        if now > self._deadline + _PATIENCE and not self._program.error:
            pids = ", ".join(map(str, sorted(rest or {self._leader})))
            self._program.error = f"does not end, not even killed: pid {pids}; end it by hand"
            self._program.touch()
            self._program.keeper.ring(self._program.name)

    def _rest(self) -> set[int]:
        """What is left outside the group; whether the group is left is noted on the way."""
        # Once it is gone its number may be another's.
        self._group = self._group and families.group_lives(self._leader)
        roots = families.living(self._family) | self._program.strays()
        return families.tree(*roots) if roots else roots

    def _start_hook(self, until: float) -> Hook | None:
        program = self._program
        argv = list(program.settings.preStop)
        if not argv:
            return None
        try:
            pid = _run_beside(program, argv)
        except (Refusal, OSError) as exc:
            _warn(program, f"cannot run: {told(exc)}")
            return None
        hook = Hook(program, pid, until)
        program.keeper.options.pidhistory[pid] = hook
        return hook


def _warn(program: Life, text: str) -> None:
    """What became of ``preStop``; the end goes on."""
    message = f"preStop {text}"
    program.warning = {"at": time.time(), "reason": "PreStopFailed", "message": message}
    program.keeper.say(f"{program.name}: {message}")
    program.touch()
    program.keeper.ring(program.name)


def _run_beside(program: Life, argv: list[str]) -> int:
    """Start a command with the program's surroundings and log."""
    if program.streams is None:
        raise Refusal("the program does not run")
    starter = program.keeper.starter
    record = starter.record(program.name) | {"interpreter": ""}
    out = program.streams.beside()
    nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return starter.run(record, argv, (nothing, out, out))
    finally:
        os.close(out)
        os.close(nothing)
