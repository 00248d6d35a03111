"""Development: a file of a process changes, and the process is restarted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path, PurePath
from typing import Any, Final, NamedTuple

from ..core.kind import Kinds
from ..core.model import Ref, Resource
from ..core.request import Watch

log = logging.getLogger(__name__)

STEP: Final = 20
"""Milliseconds between two looks at what the kernel reported."""
NAMED: Final = 3
"""A reason names at most this many files."""
MISSING: Final = 1.0
"""Folders that are not there yet are looked for again after so many seconds."""
FOLDERS: Final = frozenset(
    {
        *(".git", ".hg", ".svn", ".jj", "node_modules", "__pycache__", ".venv", "venv"),
        *(".mypy_cache", ".ruff_cache", ".pytest_cache", ".cache", ".tox", ".idea", ".vscode"),
    }
)
FILES: Final = ("*.log", "*.pyc", "*.pyo", "*.swp", "*.swx", "*~", ".#*", "*.tmp", "*.pid", "4913")
"""What editors and programs write while they work."""

Watched = Mapping[Ref, Watch]
Hit = Callable[[Ref, str], None]


class Files(NamedTuple):
    """Which files count: not those in ``own``, such as the stack's state and its specs.

    ``everything``: every process is restarted for its files, as in development.
    """

    own: tuple[PurePath, ...] = ()
    everything: bool = False


def watched(kinds: Kinds, desired: Mapping[Ref, Resource[Any]], *, everything: bool) -> Watched:
    """Who wants to be restarted when files change, and which."""
    found = {ref: kinds[ref.kind].watches(one, everything) for ref, one in desired.items()}
    return {ref: watch for ref, watch in found.items() if watch is not None}


def concerns(watch: Watch, path: PurePath, *, own: Iterable[PurePath] = ()) -> bool:
    """Whether a change of ``path`` is one that ``watch`` wants to hear of."""
    if any(path.is_relative_to(folder) for folder in own):
        return False
    root = next((r for r in map(PurePath, watch.paths) if path.is_relative_to(r)), None)
    if root is None:
        return False
    inside = path.relative_to(root)
    if not FOLDERS.isdisjoint(inside.parts) or any(fnmatch(path.name, one) for one in FILES):
        return False
    return not any(_fits(inside, pattern) for pattern in watch.ignore)


def _fits(path: PurePath, pattern: str) -> bool:
    """A pattern with a slash means the whole path, one without any part of it."""
    plain = pattern.strip("/").removeprefix("./")
    if "/" in plain:
        whole = path.as_posix()
        return fnmatch(whole, plain) or fnmatch(whole, f"{plain}/*")
    return any(fnmatch(part, plain) for part in path.parts)


@dataclass(slots=True)
class Watching:
    """Follows the files of who wants it; ``hit`` hears whose changed, after a quiet time."""

    wanted: Callable[[], Watched]
    hit: Hit
    own: tuple[PurePath, ...] = ()
    _pending: dict[Ref, set[str]] = field(default_factory=dict)
    _timers: dict[Ref, asyncio.TimerHandle] = field(default_factory=dict)
    _edited: asyncio.Event = field(default_factory=asyncio.Event)
    _lost: bool = False
    _trouble: str = ""

    @property
    def stands(self) -> bool:
        """Whether all files that are to be watched are."""
        return not self._trouble

    def look_again(self) -> None:
        """The specs may want other files watched."""
        self._edited.set()

    async def run(self) -> None:
        """For ever: watch what is wanted now, until something else is."""
        seen: tuple[Watched, list[Path]] = ({}, [])
        try:
            while True:
                self._edited.clear()
                watches = self.wanted()
                there = await asyncio.to_thread(_there, watches)
                if watches == seen[0]:  # what comes back comes with other files
                    came = {*there} - {*seen[1]}
                    self._take(watches, map(str, came))
                seen = watches, there
                await self._follow(watches, there)
        finally:
            for timer in self._timers.values():
                timer.cancel()

    async def _follow(self, watches: Watched, there: list[Path]) -> None:
        stop = asyncio.Event()
        folders = {path for path in there if path.is_dir()}
        # Editors put a new file in the place of the old one: only its folder hears of that.
        parents = {path.parent for path in there if path not in folders}
        async with asyncio.TaskGroup() as group:
            group.create_task(self._until_other(watches, there, stop))
            group.create_task(self._listen(watches, folders, stop, recursive=True))
            group.create_task(self._listen(watches, parents, stop, recursive=False))

    async def _listen(
        self, watches: Watched, paths: set[Path], stop: asyncio.Event, *, recursive: bool
    ) -> None:
        if not paths:
            return
        # Most stacks watch nothing: then a megabyte is not loaded.
        from watchfiles import Change, awatch

        how: Any = {"watch_filter": None, "step": STEP, "debounce": STEP, "recursive": recursive}
        while not stop.is_set():
            try:
                async for changes in awatch(*paths, stop_event=stop, **how):
                    gone = {path for change, path in changes if change is Change.deleted}
                    self._take(watches, (path for _, path in changes), gone)
            except OSError as exc:  # a folder went away meanwhile, or there are too many of them
                self._say(f"files cannot be watched now: {exc}")
                await asyncio.sleep(MISSING)

    def _say(self, trouble: str) -> None:
        """Once; it is tried again every second."""
        if trouble != self._trouble:
            log.warning("%s", trouble)
        self._trouble = trouble

    async def _until_other(self, watches: Watched, there: list[Path], stop: asyncio.Event) -> None:
        """Set ``stop`` once other paths are to be watched, or are there at last."""
        missing = len(there) < len(set(_paths(watches)))
        while not stop.is_set():
            try:
                async with asyncio.timeout(MISSING if missing else None):
                    await self._edited.wait()
            except TimeoutError:
                pass
            self._edited.clear()
            now = self.wanted()
            other = await asyncio.to_thread(_there, now) != there
            if now != watches or other or self._lost:
                self._lost = False
                self._edited.set()
                stop.set()

    def _take(self, watches: Watched, touched: Iterable[str], gone: Iterable[str] = ()) -> None:
        if not set(_paths(watches)).isdisjoint(gone):
            self._lost = True  # it may be back already, as another one
            self.look_again()
        paths = [*map(PurePath, touched)]
        # Many watch the same, and a checkout is thousands of files.
        hits: dict[Watch, set[str]] = {}
        for ref, watch in watches.items():
            if watch not in hits:
                hits[watch] = {str(p) for p in paths if concerns(watch, p, own=self.own)}
            if found := hits[watch]:
                self._pending.setdefault(ref, set()).update(found)
                self._ring_later(ref, watch)

    def _ring_later(self, ref: Ref, watch: Watch) -> None:
        if (timer := self._timers.get(ref)) is not None:
            timer.cancel()
        loop = asyncio.get_running_loop()
        self._timers[ref] = loop.call_later(watch.debounce, self._ring, ref, watch)

    def _ring(self, ref: Ref, watch: Watch) -> None:
        self._timers.pop(ref, None)
        paths = sorted(_inside(watch, path) for path in self._pending.pop(ref, ()))
        more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
        self.hit(ref, f"{', '.join(paths[:NAMED])}{more} changed")


def _inside(watch: Watch, path: str) -> str:
    roots = (root for root in watch.paths if PurePath(path).is_relative_to(root))
    root = next(roots, "/")
    inside = PurePath(path).relative_to(root)
    return str(inside) if inside.parts else PurePath(path).name


def _paths(watches: Watched) -> Iterator[str]:
    for watch in watches.values():
        yield from watch.paths


def _there(watches: Watched) -> list[Path]:
    return sorted({path for text in _paths(watches) if (path := Path(text)).exists()})
