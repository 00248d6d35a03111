"""Reads logs from their end, and follows them through rotation; never in the way of a writer.

``looks`` is for the event loop, the rest and ``Follower`` for plain programs and threads.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from heapq import merge
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

from .logline import LONGEST, Joiner, Line
from .logscan import Room, Wanted, find_start, unreadable

__all__ = ["Line", "Room", "find_logs", "last_lines", "looks", "merged"]

MANY: Final = 200
SNIFF: Final = 100
EVERY: Final = 0.2

Paths: TypeAlias = Mapping[str, Path]


async def looks(
    paths: Paths | Callable[[], Paths],
    *,
    lines: int | None = 0,
    since: float | None = None,
    room: Room | None = None,
    every: float = EVERY,
) -> AsyncGenerator[list[Line]]:
    """The end of some logs, then what comes; ``paths`` (by process) may be asked anew.

    One list for each look, empty when nothing came: to notice who has gone.
    """
    import asyncio

    from .logtail import Follower

    follower = Follower(paths, lines=lines, since=since, room=room)
    while True:
        yield await asyncio.to_thread(follower.look)
        if not follower.behind:
            await asyncio.sleep(every)


def find_logs(folder: Path, name: str | None = None) -> dict[str, Path]:
    """The log of each instance; ``web`` means web-0, web-1 and so on, None every log there is."""
    own = instances_of(name)
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise unreadable(folder, error) from error
    stems = (one.removesuffix(".log") for one in names if one.endswith(".log"))
    return {stem: folder / f"{stem}.log" for stem in stems if own.fullmatch(stem)}


def instances_of(name: str | None) -> re.Pattern[str]:
    """What the instances of ``name`` are called."""
    return re.compile(rf"{re.escape(name)}(-[0-9]+b?|(?<=[0-9])b)?" if name else ".*")


def last_lines(
    path: Path,
    *,
    lines: int | None = None,
    since: float | None = None,
    process: str = "",
    room: Room | None = None,
) -> Iterator[Line]:
    """The end of a log, oldest first; what was rotated away counts. Reads no more than it must."""
    with ExitStack() as opened:
        files = find_start(path, opened, Wanted(lines, since, room))
        found = _lines(files, process or path.stem)
        if since is not None:
            found = not_before(found, since)
        if lines is None:
            yield from found
            return
        last = deque(found, maxlen=lines)
    yield from last


def merged(
    paths: Paths, *, lines: int | None, since: float | None = None, room: Room | None = None
) -> Iterator[Line]:
    """The ends of several logs as one, by time."""
    ends = (
        last_lines(path, lines=lines, since=since, process=process, room=room)
        for process, path in paths.items()
    )
    if len(paths) > MANY:
        ends = (iter(list(end)) for end in ends)  # so that not all are open at once
    dated = [dates(end, _changed(path)) for end, path in zip(ends, paths.values(), strict=True)]
    return (line for _, line in merge(*dated, key=lambda one: one[0]))


def dates(lines: Iterable[Line], otherwise: float) -> Iterator[tuple[float, Line]]:
    """Each line with when it was printed: a line without a time has that of the one before it."""
    rest = iter(lines)
    first = list(islice(rest, SNIFF))
    last = next((line.time for line in first if line.time is not None), otherwise)
    for line in chain(first, rest):
        last = last if line.time is None else line.time
        yield last, line


def not_before(lines: Iterable[Line], since: float) -> Iterator[Line]:
    """The lines from then on; one without a time belongs to the one before it."""
    known = since
    for line in lines:
        known = known if line.time is None else line.time
        if known >= since:
            yield line


def _lines(files: Iterable[BinaryIO], process: str) -> Iterator[Line]:
    joiner = Joiner(process)
    for row in _rows(files):
        if line := joiner.join(row):
            yield line
    yield from joiner.rest()


def _rows(files: Iterable[BinaryIO]) -> Iterator[bytes]:
    """Rows; rotation may have cut one in two."""
    rest = b""
    for file in files:
        for piece in iter(partial(file.readline, LONGEST), b""):
            rest += piece
            if rest.endswith(b"\n") or len(rest) >= LONGEST:
                yield rest.removesuffix(b"\n")
                rest = b""
    if rest:
        yield rest


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
