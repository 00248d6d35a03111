"""``python -m benchmarks [--full] [--sizes N…] [--sides SIDE…] [NAME…]``."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from .backup import backup
from .commit import commit
from .events import events
from .gateway import traffic, updates
from .large import large
from .loading import loading
from .plane import NAMES, Run, plane
from .quiet import quiet
from .remote import remote
from .report import RESULTS, report, write
from .rounds import Board
from .scrape import scrape
from .sides import SIDES, present
from .starting import starting


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    programs: tuple[int, ...]
    documents: int
    rounds: int
    seconds: float
    routes: tuple[int, ...]
    files: tuple[int, ...]
    megabytes: tuple[int, ...]


QUICK = Size(
    (10,), 1000, rounds=3, seconds=5.0, routes=(10, 10_000), files=(10_000,), megabytes=(256,)
)
FULL = Size(
    (10, 100, 500),
    10_000,
    rounds=7,
    seconds=30.0,
    routes=(10, 1000, 10_000),
    files=(10_000, 100_000),
    megabytes=(256, 1024),
)
OTHERS: Mapping[str, Callable[[Board, Size], None]] = {
    "starting": lambda board, size: starting(board, rounds=3 * size.rounds),
    "loading": lambda board, size: loading(board, size=size.documents, rounds=3 * size.rounds),
    "commit": lambda board, size: commit(board, size=10, rounds=size.rounds),
    "remote": lambda board, size: remote(board, size=10, rounds=2 * size.rounds),
    "traffic": lambda board, size: traffic(
        board, sizes=size.routes, rounds=size.rounds, seconds=round(min(size.seconds / 2, 3))
    ),
    "updates": lambda board, size: updates(board, sizes=size.routes, rounds=3 * size.rounds),
    "backup": lambda board, size: backup(board, sizes=size.files, rounds=size.rounds),
    "large": lambda board, size: large(board, sizes=size.megabytes, rounds=1),
    "scrape": lambda board, size: scrape(board, sizes=(10, 100, 1000), rounds=3 * size.rounds),
    "events": lambda board, _: events(board, count=10_000),
    "quiet": lambda board, size: quiet(board, sizes=size.programs[:1], rounds=size.rounds),
}


def main() -> int:
    """Run what is asked for, print the tables, keep the samples."""
    given = _arguments()
    size = FULL if given.full else QUICK
    size = replace(size, rounds=given.rounds or size.rounds)
    sizes = given.sizes or size.programs
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left running
    names = given.names or [*NAMES, *OTHERS]
    board = Board()
    try:
        if cases := [name for name in NAMES if name in names]:
            run = Run(board, present(given.sides or SIDES), size.rounds, size.seconds)
            _timed(" ".join(cases), lambda: plane(run, cases, sizes=sizes))
        for name in OTHERS:
            if name in names:
                _timed(name, partial(OTHERS[name], board, size))
    finally:  # what was measured until then is worth reading
        print(report(list(board.rows.values()), SIDES))
        write(board.rows.values())
        print(f"samples: {RESULTS}", file=sys.stderr)
    return 0


def _timed(what: str, work: Callable[[], None]) -> None:
    began = time.monotonic()
    print(f"{what} …", end=" ", file=sys.stderr, flush=True)
    work()
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)


def _arguments() -> argparse.Namespace:
    known: Sequence[str] = (*NAMES, *OTHERS)
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--full", action="store_true", help="500 programs too, and more rounds")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    parser.add_argument("--sizes", type=int, nargs="+", metavar="N", help="numbers of programs")
    parser.add_argument("--rounds", type=int, help="how often")
    parser.add_argument("--sides", nargs="+", metavar="SIDE", choices=SIDES, help=", ".join(SIDES))
    given = parser.parse_args()
    if unknown := set(given.names) - set(known):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    return given


if __name__ == "__main__":
    sys.exit(main())
