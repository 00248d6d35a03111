"""`reconciler down`: stops a stack that runs in another terminal or detached."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from ..core.lines import Span, Style, line
from ..settings import Settings
from ..stack.leftovers import end_earlier, left_behind
from ..stack.place import Place, holder, note_ending, open_lock
from .outcome import Exit, Failure, processes
from .terminal import Terminal

EVERY: Final = 0.1


def down(settings: Settings, terminal: Terminal, *, timeout: float) -> int:
    """Have the stack's parent end it, and end what one that was killed has left running."""
    place = Place(settings.state_dir, settings.specs)
    lived = _end_living(place, timeout=timeout)
    ended = _end_left(place, terminal)
    done = "stopped" if lived or ended else "nothing runs in"
    terminal.talk(line(Span(f"{done} {settings.state_dir}", Style.FAINT)))
    return Exit.OK


def _end_living(place: Place, *, timeout: float) -> bool:
    """Ask the parent, and wait until it has ended; whether there was one."""
    end, asked, lived = time.monotonic() + timeout, 0, False
    while (pid := holder(place)) is not None:
        lived = True
        if pid and asked and pid != asked:
            break  # an `up` has waited for the end, and begun anew
        if pid and not asked:
            with suppress(ProcessLookupError):  # it has just ended by itself
                os.kill(pid, signal.SIGTERM)
            asked = pid
        if time.monotonic() > end:
            raise Failure(
                f"the stack in {place.state_dir} did not stop within {timeout:g} s",
                hint="`reconciler logs supervisord` says what it waits for",
            )
        time.sleep(EVERY)
    return lived


def _end_left(place: Place, terminal: Terminal) -> bool:
    """End what nobody holds any more; whether there was anything."""
    if not left_behind(place.state_dir):
        return False
    with _kept_free(place) as free:
        if not free or not (found := left_behind(place.state_dir)):
            return False
        told = f"ending {processes(found)} that a stack which was killed had left running"
        terminal.talk(line(told))
        end_earlier(place.state_dir, "")
        if left := left_behind(place.state_dir):
            raise Failure(
                f"{processes(left)} in {place.state_dir} cannot be ended",
                hint="run `reconciler down` as the user who started the stack",
            )
    return True


@contextmanager
def _kept_free(place: Place) -> Iterator[bool]:
    """Keeps an `up` waiting meanwhile; False when one came first, which then ends what is left."""
    if not place.socket.parent.is_dir():  # taken away by hand: there is no lock to hold
        yield True
        return
    if (lock := open_lock(place)) is None:
        yield False
        return
    try:
        note_ending(lock)
        yield True
    finally:
        os.close(lock)
