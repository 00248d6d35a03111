"""What the managers hold and burn while nothing happens."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from .rounds import Board, Target
from .sides import Ours, Side, Supervisord

MEGABYTES: Final = 80.0
WINDOWS: Final = 5
# "Unchanged": within what two runs of the same program differ by.
UNCHANGED: Final = Target(Supervisord.name, within=1.15)
OPERATOR: Final = Target(within=MEGABYTES)


class Part(NamedTuple):
    """Some processes of a side: all that keep its programs, or one of them by itself."""

    name: str
    side: str
    pids: Sequence[int]


def weigh(board: Board, sides: Sequence[Side], *, size: int, seconds: float) -> None:
    """Memory and idle processor time of all that keeps the programs, and of its parts."""
    time.sleep(2.0)
    starts = [side.ticks.count() for side in sides]
    parts = [part for side in sides for part in _parts(side)]
    for part in parts:
        targets = {"supervisord": (UNCHANGED,), "operator": (OPERATOR,)}.get(part.name, ())
        # Hundreds of small keepers share most of their pages; one alone is what it holds.
        kind = "Rss" if part.name else "Pss"
        row = board.row(_title("memory", part, size), "MB", *targets)
        row.add(part.side, sum(held(pid, kind) for pid in part.pids))
    for _ in range(WINDOWS):
        for part, share in zip(parts, _watch(parts, seconds / WINDOWS), strict=True):
            board.row(_title("idle CPU", part, size), "%").add(part.side, share)
    assert starts == [side.ticks.count() for side in sides], "something was restarted"


def _title(what: str, part: Part, size: int) -> str:
    return f"{what}{f' of {part.name}' if part.name else ''} with {size}"


def _parts(side: Side) -> Iterator[Part]:
    yield Part("", side.name, side.keepers())
    if isinstance(side, Ours):
        yield Part("supervisord", side.name, [side.supervisord()])
        yield Part("operator", side.name, [side.pid()])
    if isinstance(side, Supervisord):
        yield Part("supervisord", side.name, [side.pid()])


def _watch(parts: Sequence[Part], seconds: float) -> list[float]:
    """The share of a processor that each burns, in the same window of time."""
    before = [_burnt(part.pids) for part in parts]
    began = time.monotonic()
    time.sleep(seconds)
    window = time.monotonic() - began
    pairs = zip(parts, before, strict=True)
    return [100 * (_burnt(part.pids) - was) / window for part, was in pairs]


def held(pid: int, kind: str = "Rss") -> float:
    """Megabytes in memory; ``Pss`` counts what is shared by its shares."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(pid)


def _burnt(pids: Iterable[int]) -> float:
    """Seconds of processor time so far."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
