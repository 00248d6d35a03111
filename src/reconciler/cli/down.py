"""`reconciler down`: stops a stack that runs in another terminal or detached."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ..core.lines import Span, Style, line
from ..settings import Settings
from ..stack.astray import astray
from ..stack.kernel import is_zombie, parent_of, start_time
from ..stack.leftovers import end_earlier, left_behind
from ..stack.place import Place, holder, note_ending, note_nobody, open_lock, prepare
from .outcome import Exit, Failure, processes
from .terminal import Terminal

EVERY: Final = 0.1


def down(settings: Settings, terminal: Terminal, *, timeout: float) -> int:
    """Have the stack's parent end it, and end what one that was killed has left running."""
    place = Place(settings.state_dir, settings.specs)
    wait = _Wait(place, timeout)
    lived = _end_living(place, wait)
    strayed = _end_astray(place, wait)
    ended = _end_left(place, terminal, wait)
    done = "stopped" if lived or strayed or ended else "nothing runs in"
    terminal.talk(line(Span(f"{done} {settings.state_dir}", Style.FAINT)))
    return Exit.OK


class _Wait:
    """The time there is for all of it."""

    def __init__(self, place: Place, timeout: float) -> None:
        self._place, self._timeout = place, timeout
        self._end = time.monotonic() + timeout

    def once(self) -> None:
        """Wait a moment; a Failure when the time is over."""
        if time.monotonic() > self._end:
            raise Failure(
                f"the stack in {self._place.state_dir} did not stop within {self._timeout:g} s",
                hint="`reconciler logs supervisord` says what it waits for",
            )
        time.sleep(EVERY)


def _end_living(place: Place, wait: _Wait) -> bool:
    """Ask the parent, and wait until it has ended; whether there was one."""
    asked, lived = 0, False
    while (pid := holder(place)) is not None:
        lived = True
        if pid and asked and pid != asked:
            break  # an `up` has waited for the end, and begun anew
        if pid and not asked:
            _ask(pid)
            asked = pid
        wait.once()
    return lived


def _end_astray(place: Place, wait: _Wait) -> bool:
    """The same for a parent that lives though its state directory was taken away."""
    if (pid := astray(place.state_dir)) is None:
        return False
    began = start_time(pid)
    _ask(pid)
    while start_time(pid) == began and not is_zombie(pid):
        wait.once()
    return True


def _ask(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:  # it has just ended by itself
        pass
    except PermissionError as error:
        raise Failure(
            f"the stack's parent (pid {pid}) may not be stopped by this user",
            hint="run `reconciler down` as the user who started the stack",
        ) from error


def _end_left(place: Place, terminal: Terminal, wait: _Wait) -> bool:
    """End what nobody holds any more; whether there was anything."""
    if not left_behind(place.state_dir):
        return False
    with _kept_free(place) as free:
        if not free or not (found := left_behind(place.state_dir)):
            return False
        parents = {parent_of(pid) for pid in found} - found
        told = f"ending {processes(found)} that a stack which was killed had left running"
        terminal.talk(line(told))
        end_earlier(place.state_dir, "")
        if left := left_behind(place.state_dir):
            raise Failure(
                f"{processes(left)} in {place.state_dir} cannot be ended",
                hint="run `reconciler down` as the user who started the stack",
            )
    if holder(place) in parents:  # it was not killed, and has begun anew
        _end_living(place, wait)
    return True


@contextmanager
def _kept_free(place: Place) -> Iterator[bool]:
    """Keeps an `up` waiting meanwhile; False when one came first, which then ends what is left."""
    prepare(place)  # taken away by hand, there would be no lock to hold
    if (lock := open_lock(place)) is None:
        yield False
        return
    try:
        note_ending(lock)
        yield True
    finally:
        note_nobody(lock)
        os.close(lock)
