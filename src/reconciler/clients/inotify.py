"""What the kernel notes about folders, at once; an idle watch costs nothing at all.

Libraries for this look many times a second at what was noted. Here the event loop waits for it.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import fcntl
import os
import struct
import sys
import termios
import weakref
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

_MODIFY: Final = 0x2
_ATTRIB: Final = 0x4
_CLOSE_WRITE: Final = 0x8
_MOVED_FROM: Final = 0x40
_MOVED_TO: Final = 0x80
_CREATE: Final = 0x100
_DELETE: Final = 0x200
_DELETE_SELF: Final = 0x400
_MOVE_SELF: Final = 0x800
_UNMOUNT: Final = 0x2000
_OVERFLOW: Final = 0x4000
_IGNORED: Final = 0x8000
_FOLDER: Final = 0x4000_0000
_DONT_FOLLOW: Final = 0x0200_0000

_GONE: Final = _DELETE | _MOVED_FROM
_OF_ITSELF: Final = _DELETE_SELF | _MOVE_SELF | _UNMOUNT
_ASKED: Final = _MODIFY | _ATTRIB | _CLOSE_WRITE | _MOVED_TO | _CREATE | _GONE | _OF_ITSELF
_HEAD: Final = struct.Struct("iIII")
_ROOM: Final = 1 << 18


class _Note(NamedTuple):
    watch: int
    mask: int
    name: str


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
        self._asked = _ASKED if drafts else _ASKED & ~_MODIFY
        self._paths: dict[int, str] = {}
        self._untold = False
        self._unfinished: set[str] = set()
        self._missing: dict[str, bool] = {}
        """The files that went, and whether each lies under another name now."""
        self._told: asyncio.Future[bool] | None = None
        """What waits for the next note."""
        self._heard_by: asyncio.AbstractEventLoop | None = None
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
        count = bytearray(4)
        fcntl.ioctl(self._descriptor, termios.FIONREAD, count)
        return int.from_bytes(count, sys.byteorder)

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
        loop = asyncio.get_running_loop()
        told: asyncio.Future[bool] = loop.create_future()
        self._told = told
        if self._heard_by is None:
            loop.add_reader(self._descriptor, self._tell)
            self._heard_by = loop
        timer = None if seconds is None else loop.call_later(seconds, _deny, told)
        try:
            return await told
        finally:
            self._told = None
            if timer is not None:
                timer.cancel()

    def _tell(self) -> None:
        """There is a note to take. While nobody waits for it, nobody is to be told of it again."""
        if self._told is not None and not self._told.done():
            self._told.set_result(True)
        elif self.pending:
            self._hear_no_more()

    def _hear_no_more(self) -> None:
        if self._heard_by is not None:
            self._heard_by.remove_reader(self._descriptor)
            self._heard_by = None

    def take(self) -> set[str] | None:
        """The paths where something happened; None when the kernel lost count.

        Raises FileNotFoundError when a root is not there any more.
        """
        touched: set[str] = set()
        lost, self._untold = False, True
        for note in self._read():
            lost |= bool(note.mask & _OVERFLOW)
            if note.watch in self._roots and note.mask & (_OF_ITSELF | _IGNORED):
                raise FileNotFoundError(errno.ENOENT, "is gone", self._paths[note.watch])
            touched |= self._heed(note)
        return None if lost else touched

    def _heed(self, note: _Note) -> set[str]:
        folder = self._paths.get(note.watch)
        if folder is None or note.mask & _IGNORED:
            self._paths.pop(note.watch, None)
            return set()
        path = f"{folder}/{note.name}" if note.name else folder
        if self._ignored(path):
            return set()
        if note.mask & _FOLDER:
            self._follow(path, note.mask)
        else:
            self._count(path, note.mask)
        return {path}

    def _follow(self, path: str, mask: int) -> None:
        """Folders that come are watched too; those that go are not any more."""
        if mask & (_CREATE | _MOVED_TO | _ATTRIB):  # it may be readable only now
            self._watch_below(path, itself=True)
        elif mask & _MOVED_FROM:
            for watch, below in [*self._paths.items()]:
                if below == path or below.startswith(f"{path}/"):
                    self._call("inotify_rm_watch", self._descriptor, watch)
                    del self._paths[watch]

    def _count(self, path: str, mask: int) -> None:
        """Remember what is half done: a file that is being written, one that was put away."""
        self._unfinished.discard(path)
        self._missing.pop(path, None)
        if mask & (_CREATE | _MODIFY):
            self._unfinished.add(path)
        elif mask & _GONE:
            self._missing[path] = bool(mask & _MOVED_FROM)

    def _watch_below(self, top: str, *, itself: bool = False) -> None:
        for folder, names, _ in os.walk(top):
            names[:] = [name for name in names if not self._ignored(f"{folder}/{name}")]
            if itself or folder != top:
                try:
                    self._watch(folder, _DONT_FOLLOW)
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

    def _read(self) -> Iterator[_Note]:
        try:
            raw = os.read(self._descriptor, _ROOM)
        except BlockingIOError:
            return
        at = 0
        while at < len(raw):
            watch, mask, _, length = _HEAD.unpack_from(raw, at)
            at += _HEAD.size + length
            yield _Note(watch, mask, os.fsdecode(raw[at - length : at].rstrip(b"\0")))

    def _call(self, name: str, *arguments: int | bytes, path: str = "") -> int:
        done = int(getattr(self._libc, name)(*arguments))
        if done < 0 and name != "inotify_rm_watch":  # what is gone is not watched, as wished
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), path or None)
        return done
