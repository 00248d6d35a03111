"""Follows what happens below one place, so that a backup looks only where something did."""

from __future__ import annotations

import asyncio
import errno
import logging
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from ...clients.inotify import Inotify
from .place import Place

log = logging.getLogger(__name__)

PAUSE: Final = 0.2
"""Seconds in which what happens is left with the kernel: a busy file is noted once, not always."""
MOST: Final = 20_000
"""So many touched paths are no longer told apart: looking at all is no dearer."""
_LIMIT: Final = Path("/proc/sys/fs/inotify/max_user_watches")
_SCARCE: Final = frozenset({errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOMEM})


class Watch:
    """One place, followed from ``open`` on."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._task: asyncio.Task[None] | None = None
        self._notes: Inotify | None = None
        self._touched: set[str] = set()
        self._lost = True
        self.last = 0.0
        """When something happened last, by the monotonic clock."""
        self.problem = ""
        """Why the place cannot be followed; empty while it can."""

    @property
    def is_open(self) -> bool:
        return self._task is not None and not self._task.done()

    async def open(self) -> None:
        """Begin to follow; what happened before is unknown."""
        if self.is_open:
            return
        self._touched, self._lost, self.problem = set(), True, ""
        try:
            self._notes = await asyncio.to_thread(self._start)
        except FileNotFoundError:  # nothing is there yet: a look at it costs nothing either
            return
        except OSError as exc:
            self.problem = _explain(exc)
            return
        self._task = asyncio.create_task(self._follow(self._notes))

    def close(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()

    def take(self) -> set[str] | None:
        """The paths touched since the last take, relative to the place; None: it may be any."""
        with suppress(FileNotFoundError):
            if self.is_open and self._notes is not None:
                self._heed(self._notes)
        touched, self._touched = self._touched, set()
        lost, self._lost = self._lost, False
        return None if lost or not self.is_open else touched

    def give_back(self, touched: Iterable[str] | None) -> None:
        """What was taken was not dealt with."""
        if touched is None:
            self._lost = True
        else:
            self._note(touched)

    def _start(self) -> Inotify:
        return Inotify(
            [self._place.folder], lambda path: not self._place.concerns(path), most=_share()
        )

    async def _follow(self, notes: Inotify) -> None:
        with notes, suppress(FileNotFoundError):  # the place itself went away
            while await notes.noted():
                self._heed(notes)
                await asyncio.sleep(PAUSE)
                self._heed(notes)
        self._lost = True

    def _heed(self, notes: Inotify) -> None:
        while notes.pending:
            try:
                touched = notes.take()
            except FileNotFoundError:
                self._lost = True
                raise
            except OSError as exc:
                self.problem = _explain(exc)
                self._lost = True
                raise FileNotFoundError from exc
            notes.forget()
            self.last = time.monotonic()
            if touched is None:
                self._lost = True
            else:
                top = str(self._place.folder)
                self._note(path[len(top) + 1 :] for path in touched)

    def _note(self, paths: Iterable[str]) -> None:
        self._touched.update(paths)
        if "" in self._touched or len(self._touched) > MOST:
            self._touched, self._lost = set(), True


def _share() -> int:
    """How many folders one target may watch: half of what the kernel grants this user."""
    try:
        return int(_LIMIT.read_text("ascii")) // 2
    except (OSError, ValueError):
        return 4096


def _explain(exc: OSError) -> str:
    if exc.errno in _SCARCE:
        return (
            "it has more folders than may be watched, so all of it is looked through each time; "
            "raise fs.inotify.max_user_watches, or exclude folders"
        )
    return f"it cannot be watched ({exc.strerror}), so all of it is looked through each time"
