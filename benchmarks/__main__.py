"""``python -m benchmarks [--quick|--full] [NAME…]``."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from .converge import commit, converge
from .footprint import footprint
from .loading import loading
from .quiet import quiet
from .rounds import RESULTS, Board, table, write
from .starting import starting


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    programs: tuple[int, ...]
    documents: int
    rounds: int
    repeats: int
    """Single changes in each round."""
    seconds: float


SIZES: Mapping[str, Size] = {
    "quick": Size((1, 10, 50), 1000, rounds=5, repeats=1, seconds=2.0),
    "usual": Size((1, 10, 100), 10_000, rounds=5, repeats=2, seconds=4.0),
    "full": Size((1, 10, 100, 500), 10_000, rounds=7, repeats=3, seconds=10.0),
}
BENCHMARKS: Mapping[str, Callable[[Board, Size], None]] = {
    "starting": lambda board, size: starting(board, rounds=3 * size.rounds),
    "loading": lambda board, size: loading(board, size=size.documents, rounds=3 * size.rounds),
    "converge": lambda board, size: converge(
        board, sizes=size.programs, rounds=size.rounds, repeats=size.repeats
    ),
    "commit": lambda board, _: commit(board, size=10, rounds=10),
    "quiet": lambda board, size: quiet(board, sizes=size.programs, rounds=size.rounds),
    "footprint": lambda board, size: footprint(
        board, size=size.programs[-1], rounds=5, seconds=size.seconds
    ),
}


def main() -> int:
    """Run what is asked for, print the table, keep the samples."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--quick", action="store_const", dest="size", const="quick")
    how.add_argument("--full", action="store_const", dest="size", const="full")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--sizes", type=int, nargs="+", metavar="N", help="numbers of programs")
    parser.set_defaults(size="usual")
    given = parser.parse_args()
    if unknown := set(given.names) - BENCHMARKS.keys():
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    size = SIZES[given.size]
    size = replace(size, programs=tuple(given.sizes)) if given.sizes else size
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left running
    board = Board()
    try:
        for name in given.names or BENCHMARKS:
            began = time.monotonic()
            print(f"{name} …", end=" ", file=sys.stderr, flush=True)
            BENCHMARKS[name](board, size)
            print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    finally:  # what was measured until then is worth reading
        print(table(board.rows.values()))
        write(board.rows.values())
        print(f"samples: {RESULTS}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
