"""The stack's parent: keeps supervisord alive, and lets nothing outlive the stack."""

from __future__ import annotations

import argparse
import os
import resource
import secrets
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .answer import answers, await_answer
from .kernel import Kernel, descendants, next_signal
from .leftovers import end_descendants, end_earlier, end_strays
from .place import (
    Place,
    ask_operator,
    clean_environment,
    holds,
    leave_terminal,
    note_ending,
    note_holder,
    note_nobody,
    open_lock,
    prepare,
    take_again,
)

OK, COULD_NOT, ALREADY_RUNNING, LOST, INTERRUPTED = 0, 2, 4, 5, 130

_ENDS: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
_WATCHED: Final = frozenset({signal.SIGCHLD, signal.SIGUSR1, *_ENDS})
_HEALTHY_AFTER: Final = 10.0
_FIRST_DELAY: Final = 0.2
_LAST_DELAY: Final = 30.0
_KICK: Final = 0.02
_LOOK_AROUND: Final = 1.0
"""Seconds between two looks for what processes left behind; nobody tells us of an adoption."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stack that the arguments name, until it is asked to stop."""
    parser = argparse.ArgumentParser(prog="reconciler up", description=__doc__)
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--specs", type=Path, required=True)
    parser.add_argument("--worktree", action="store_true")
    parser.add_argument("--listen", default="")
    parser.add_argument("--detach", action="store_true")
    parser.add_argument("--no-operator", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    place = Place(
        given.state_dir.absolute(),
        given.specs.absolute(),
        worktree=given.worktree,
        listen=given.listen,
        operator=not given.no_operator,
    )
    return up(place, detach=given.detach)


def up(place: Place, *, detach: bool = False, held: Callable[[], None] = lambda: None) -> int:
    """Run a stack until it is asked to stop; ``detach`` returns as soon as supervisord answers.

    ``held`` is called once it is certain that no other stack runs there.
    The code is OK, COULD_NOT, ALREADY_RUNNING or INTERRUPTED; what went wrong is said on stderr.
    """
    try:
        prepare(place)
        lock = open_lock(place)
    except (OSError, ValueError) as exc:
        print(f"error: {exc}", file=sys.stderr)
        return COULD_NOT
    if lock is None:
        print(f"already running in {place.state_dir}", file=sys.stderr)
        return ALREADY_RUNNING
    note_nobody(lock)
    held()
    if detach:
        child = os.fork()
        if child:
            os.close(lock)
            return await_answer(place, child)
        leave_terminal(place)
    code = _run(place, lock)
    if detach:
        os._exit(code)
    return code


def _run(place: Place, lock: int | None) -> int:
    """Run the stack, and begin anew when its state directory was taken away."""
    while lock is not None:
        note_holder(lock)
        code = Parent(place, lock).run()
        note_nobody(lock)
        os.close(lock)
        if code != LOST:
            return code
        lock = take_again(place)
    return COULD_NOT


@dataclass(slots=True)
class Life:
    """One supervisord, from its start to its end."""

    pid: int
    began: float
    status: int | None = None


class Parent:
    """Adopts every orphan of the stack; one supervisord after another lives below it."""

    def __init__(self, place: Place, lock: int) -> None:
        self._place = place
        self._lock = lock
        self._kernel = Kernel()
        self._spared: frozenset[int] = frozenset()
        self._asked: signal.Signals | None = None
        self._start = f"{time.time_ns()}-{secrets.token_hex(4)}"

    def run(self) -> int:
        """Keep supervisord alive until a signal asks for the end."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
        self._kernel.adopt_orphans()
        self._spared = frozenset(descendants(os.getpid()))
        # Whoever speaks for this stack must know its start, or it takes live data for a lost one.
        self._place.hand_over({**os.environ, "RECONCILER_STACK_START": self._start})
        end_earlier(self._place.state_dir, self._start)
        try:
            code = self._keep()
        finally:
            if holds(self._place, self._lock):
                self._place.environ.unlink(missing_ok=True)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
        return code

    def _keep(self) -> int:
        delay, lives = _FIRST_DELAY, 0
        while holds(self._place, self._lock):
            life = self._live()
            lives += 1
            end_descendants(self._spared)
            if self._asked:
                return self._code()
            if not holds(self._place, self._lock):
                break
            if life.status == 0:
                print("supervisord was told to stop", file=sys.stderr)
                return OK
            uptime = time.monotonic() - life.began
            if lives == 1 and uptime < 1.0 and not os.WIFSIGNALED(life.status or 0):
                log = self._place.state_dir / "log" / "supervisord.log"
                print(f"error: supervisord could not start; see {log}", file=sys.stderr)
                return COULD_NOT
            delay = _FIRST_DELAY if uptime > _HEALTHY_AFTER else min(_LAST_DELAY, delay * 2)
            print(f"supervisord ended unexpectedly; again in {delay:g} s", file=sys.stderr)
            if self._wait(delay):
                return self._code()
        return LOST

    def _code(self) -> int:
        return INTERRUPTED if self._asked is signal.SIGINT else OK

    def _live(self) -> Life:
        life = Life(self._spawn(), time.monotonic())
        while life.status is None:
            found = next_signal(_WATCHED, _KICK if self._asked else _LOOK_AROUND)
            if found is None:
                self._look_around(life)
            elif found is signal.SIGUSR1:
                ask_operator(self._place, found)
            elif found in _ENDS:
                # Asked twice: at once, not in order.
                os.kill(life.pid, signal.SIGKILL if self._asked else signal.SIGTERM)
                self._note_end(found)
            self._reap(life)
        return life

    def _look_around(self, life: Life) -> None:
        if self._asked:
            # supervisord looks at its children once a second, or when somebody knocks.
            answers(self._place)
        elif holds(self._place, self._lock):
            end_strays(self._place.state_dir, {life.pid, *self._spared})
        else:
            os.kill(life.pid, signal.SIGTERM)  # nobody can reach it any more

    def _wait(self, seconds: float) -> bool:
        """Whether a signal asked for the end meanwhile; any other does not shorten it."""
        deadline = time.monotonic() + seconds
        while found := next_signal(_WATCHED, max(0.0, deadline - time.monotonic())):
            if found in _ENDS:
                self._note_end(found)
                return True
        return False

    def _note_end(self, asked: signal.Signals) -> None:
        self._asked = asked
        note_ending(self._lock, pid=os.getpid())

    def _reap(self, life: Life) -> None:
        """Notice every child that has ended, adopted ones too."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == life.pid:
                    life.status = status
                if pid == 0:
                    return

    def _spawn(self) -> int:
        environment = clean_environment(self._place, os.environ, self._start)
        parent = os.getpid()
        child = os.fork()
        if child:
            return child
        try:
            os.setsid()  # Ctrl-C is for us; we end it in order
            self._kernel.end_with_parent(signal.SIGTERM, parent)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            self._exec(environment)
        finally:
            os._exit(127)

    def _exec(self, environment: Mapping[str, str]) -> None:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        with open(os.devnull, "rb") as nothing:  # noqa: PTH123 (a device)
            os.dup2(nothing.fileno(), 0)
        os.chdir(self._place.state_dir)
        command = [sys.executable, "-P", "-W", "ignore", "-m", "supervisor.supervisord"]
        command += ["-c", str(self._place.configuration)]
        os.execve(sys.executable, command, environment)  # noqa: S606 (no shell is the point)


if __name__ == "__main__":
    sys.exit(main())
