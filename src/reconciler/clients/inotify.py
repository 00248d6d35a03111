"""What the kernel notes about folders, at once; an idle watch costs nothing at all.

Libraries for this look many times a second at what was noted. Here the event loop waits for it.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import fcntl
import os
import sys
import termios
import weakref
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from .notes import (
    ASKED,
    ATTRIB,
    CREATE,
    DONT_FOLLOW,
    FOLDER,
    GONE,
    IGNORED,
    MODIFY,
    MOVED_FROM,
    MOVED_TO,
    OF_ITSELF,
    OVERFLOW,
    Note,
    notes_of,
)


def _deny(told: asyncio.Future[bool]) -> None:
    if not told.done():
        told.set_result(False)


class Inotify:
    """The notes about some folders and all below them, as a context that closes the watch.

    ``ignored`` says which paths are not worth a note; nothing below an ignored folder is. Without
    ``drafts`` a file is noted only once whoever writes it is done.
    Raises OSError when there is no watching them, FileNotFoundError when one is not there;
    more than ``most`` folders are as little watched as more than the kernel allows.
    """

    def __init__(
        self,
        roots: Iterable[Path],
        ignored: Callable[[str], bool],
        *,
        drafts: bool = True,
        most: int = 1 << 30,
    ) -> None:
        self._ignored = ignored
        self._most = most
        self._asked = ASKED if drafts else ASKED & ~MODIFY
        self._paths: dict[int, str] = {}
        self._untold = False
        self._unfinished: set[str] = set()
        self._missing: dict[str, bool] = {}
        """The files that went, and whether each lies under another name now."""
        self._heard = b""
        """Notes that somebody was told of, and has not taken."""
        self._told: asyncio.Future[bool] | None = None
        """What waits for the next note."""
        self._loop: asyncio.AbstractEventLoop | None = None
        """What tells of the next one."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._call("inotify_init1", os.O_NONBLOCK | os.O_CLOEXEC)
        self._close = weakref.finalize(self, os.close, self._descriptor)
        try:
            self._roots = frozenset(self._watch(os.fspath(root)) for root in roots)
            for path in list(self._paths.values()):
                self._watch_below(path)
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._hear_no_more()
        self._close()

    @property
    def pending(self) -> int:
        """How many bytes there are to take."""
        return len(self._heard) + self._unread()

    @property
    def is_calm(self) -> bool:
        """Whether all that was noted has been told: nothing to take, and nothing half done."""
        return not (self.is_closed or self.pending or self._untold)

    @property
    def is_closed(self) -> bool:
        """Whether the watch is over."""
        return not self._close.alive

    @property
    def unfinished(self) -> bool:
        """Whether somebody is in the middle of writing one of the files."""
        return bool(self._unfinished)

    @property
    def missing(self) -> bool:
        """Whether a file went whose successor may be on its way."""
        return bool(self._missing)

    @property
    def put_away(self) -> bool:
        """Whether one of the missing lies under another name, as editors put the old one."""
        return any(self._missing.values())

    def forget(self) -> None:
        """Whoever still writes is not waited for any longer; what was taken is told now."""
        self._untold = False
        self._unfinished.clear()
        self._missing.clear()

    async def noted(self, seconds: float | None = None) -> bool:
        """Wait until there is a note to take; False when there is none in time."""
        if self._heard:
            return True
        loop = asyncio.get_running_loop()
        told: asyncio.Future[bool] = loop.create_future()
        self._told = told
        if self._loop is not loop:
            self._loop = loop
            loop.add_reader(self._descriptor, self._tell)
        timer = None if seconds is None else loop.call_later(seconds, _deny, told)
        try:
            return await told
        finally:
            self._told = None
            if timer is not None:
                timer.cancel()

    def _tell(self) -> None:
        """There is a note. It is read, so as not to be told of again; or left where it is."""
        if self._told is None or self._told.done():
            self._hear_no_more()
        else:
            self._heard = self._drained()
            self._told.set_result(True)

    def _hear_no_more(self) -> None:
        if self._loop is not None:
            self._loop.remove_reader(self._descriptor)
            self._loop = None

    def take(self) -> set[str] | None:
        """The paths where something happened; None when the kernel lost count.

        Raises FileNotFoundError when a root is not there any more.
        """
        touched: set[str] = set()
        lost, self._untold = False, True
        raw, self._heard = self._drained(), b""
        for note in notes_of(raw):
            lost |= bool(note.mask & OVERFLOW)
            if note.watch in self._roots and note.mask & (OF_ITSELF | IGNORED):
                raise FileNotFoundError(errno.ENOENT, "is gone", self._paths[note.watch])
            touched |= self._heed(note)
        return None if lost else touched

    def _heed(self, note: Note) -> set[str]:
        folder = self._paths.get(note.watch)
        if folder is None or note.mask & IGNORED:
            self._paths.pop(note.watch, None)
            return set()
        path = f"{folder}/{note.name}" if note.name else folder
        if self._ignored(path):
            return set()
        if note.mask & FOLDER:
            self._follow(path, note.mask)
        else:
            self._count(path, note.mask)
        return {path}

    def _follow(self, path: str, mask: int) -> None:
        """Folders that come are watched too; those that go are not any more."""
        if mask & (CREATE | MOVED_TO | ATTRIB):  # it may be readable only now
            self._watch_below(path, itself=True)
        elif mask & MOVED_FROM:
            for watch, below in [*self._paths.items()]:
                if below == path or below.startswith(f"{path}/"):
                    self._call("inotify_rm_watch", self._descriptor, watch)
                    del self._paths[watch]

    def _count(self, path: str, mask: int) -> None:
        """Remember what is half done: a file that is being written, one that was put away."""
        self._unfinished.discard(path)
        self._missing.pop(path, None)
        if mask & (CREATE | MODIFY):
            self._unfinished.add(path)
        elif mask & GONE:
            self._missing[path] = bool(mask & MOVED_FROM)

    def _watch_below(self, top: str, *, itself: bool = False) -> None:
        for folder, names, _ in os.walk(top):
            names[:] = [name for name in names if not self._ignored(f"{folder}/{name}")]
            if itself or folder != top:
                try:
                    self._watch(folder, DONT_FOLLOW)
                except (FileNotFoundError, NotADirectoryError, PermissionError):
                    names.clear()  # it went again, or is not ours to read: a change is noted

    def _watch(self, path: str, how: int = 0) -> int:
        known = os.fsencode(path)
        if len(self._paths) >= self._most:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        watch = self._call(
            "inotify_add_watch", self._descriptor, known, self._asked | how, path=path
        )
        self._paths[watch] = path
        return watch

    def _drained(self) -> bytes:
        """All that was noted, and is not taken."""
        fresh = b""
        with suppress(BlockingIOError):  # somebody else was quicker
            if count := self._unread():
                fresh = os.read(self._descriptor, count)
        return self._heard + fresh

    def _unread(self) -> int:
        """How many bytes the kernel has for us."""
        count = bytearray(4)
        fcntl.ioctl(self._descriptor, termios.FIONREAD, count)
        return int.from_bytes(count, sys.byteorder)

    def _call(self, name: str, *arguments: int | bytes, path: str = "") -> int:
        done = int(getattr(self._libc, name)(*arguments))
        if done < 0 and name != "inotify_rm_watch":  # what is gone is not watched, as wished
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), path or None)
        return done
