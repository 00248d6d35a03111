"""What the operator holds after thousands of events: it must not grow with them."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from contextlib import closing, suppress
from typing import Final

from .rounds import Board, Target
from .sides import Ours, build, folder
from .sides.ours import SPEC
from .weight import held

MEGABYTES: Final = 8.0
"""What it may hold more than before; two looks at the same operator differ by some of them."""
WARM: Final = 1000
PART: Final = 2500
PROGRAMS: Final = 25


class Restless(Ours):
    """Begins anew at once whatever ends, however often."""

    spec = SPEC.replace(
        "backoff: 0s", "backoff: 0s, maxBackoff: 0s, maxRetries: -1, healthyAfter: 1ms"
    )


def events(board: Board, *, count: int) -> None:
    """Memory before and after ``count`` ends of programs, each begun anew; ``WARM`` come first."""
    grown = board.row(
        f"memory of operator, more after {count} events", "MB", Target(within=MEGABYTES)
    )
    with folder() as place, Restless(place, build(place)).running() as ours:
        ours.started({f"p{number:04d}": "0" for number in range(PROGRAMS)})
        ours.settle(PROGRAMS)
        _kill(ours, WARM)
        before = _weigh(board, ours, WARM)
        after = before
        for part in range(PART, count + 1, PART):
            _kill(ours, PART)
            after = _weigh(board, ours, WARM + part)
        grown.add(ours.name, after - before)
        _show(ours, count)


def _kill(ours: Ours, count: int) -> None:
    """End each program and wait until it runs again, over and over."""
    for _ in range(count // PROGRAMS):
        lives = {name: one.pid for name, one in ours.ticks.last().items()}
        for pid in lives.values():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for name, pid in lives.items():
            ours.ticks.wait_again(name, pid)


def _weigh(board: Board, ours: Ours, so_far: int) -> float:
    ours.settle(PROGRAMS)
    found = held(ours.pid())
    board.row(f"memory of operator after {so_far} events", "MB").add(ours.name, found)
    return found


def _show(ours: Ours, count: int) -> None:
    """Say how many events were told, and how many rows that makes: the same again only counts."""
    path = ours.state / "state" / "journal.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as journal:
        rows, told = journal.execute("SELECT count(*), sum(count) FROM event").fetchone()
    assert told >= count, f"only {told} events were told"
    print(f"{told} events in {rows} rows …", end=" ", file=sys.stderr, flush=True)
