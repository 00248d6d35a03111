"""Sources of "dirty": file changes and supervisord's events. None carries a payload."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

from ..clients.inotify import Inotify
from ..clients.mounts import are_local

log = logging.getLogger(__name__)

SETTLED: Final = 0.0005
"""Seconds without another note after which what was written is complete."""
REPLACED: Final = 0.002
"""The same when a file was deleted: whoever replaces it this way creates the new one at once."""
RETURNS: Final = 0.006
"""The same when a file was put away: an editor does so, and only then writes the new one."""
CALM: Final = 0.05
"""Seconds without a note after which there is time to ask whether the right folders are watched."""
QUIET: Final = 0.1
"""Seconds after which a burst is told though it goes on, or though somebody still writes."""
_GIT_WORKS: Final = re.compile(r"/\.git/(objects|hooks|info)(/|$)")


def _is_noise(path: str) -> bool:
    """What editors leave beside a file, drafts too, and what git writes while it works.

    HEAD and refs say when git is done. What is hidden is no spec.
    """
    name = path[path.rfind("/") + 1 :]
    # Two dots: the link by which Kubernetes puts the files of a mounted folder in place.
    is_hidden = name.startswith(".") and not name.startswith("..")
    busy = is_hidden or path.endswith((".lock", "~", ".swp", ".swx", ".swo"))
    return busy or _GIT_WORKS.search(path) is not None


def _there(paths: Callable[[], Iterable[Path]]) -> list[Path]:
    return sorted({path for path in paths() if path.exists()})


@dataclass(slots=True)
class Watch:
    """Whether a watch stands that would have told of any change."""

    notes: Inotify | None = None
    proven: Inotify | None = None
    """The one that stood already when everything was looked at."""
    is_local: bool = False
    """Whether nobody else can write to these files; what others do over a network is not noted."""

    @property
    def is_quiet(self) -> bool:
        """Whether nothing was noted that has not been told; costs next to nothing."""
        notes = self.notes
        return notes is not None and notes is self.proven and self.is_local and notes.is_calm


async def file_changes(
    paths: Callable[[], Iterable[Path]],
    watch: Watch | None = None,
    noticed: Callable[[set[str]], None] = lambda _: None,
) -> AsyncIterator[set[str] | None]:
    """Yields after each burst of changes below the watched folders, which may change themselves.

    What it yields says where to look first, and None that nobody knows: it is no payload, a look
    at everything finds the same. ``noticed`` is told of each part of a burst as it comes.
    """
    watch = watch or Watch()
    while True:
        there = await asyncio.to_thread(_there, paths)  # it may ask git
        if not there:
            await asyncio.sleep(1.0)
            yield None
            continue
        try:
            notes = await asyncio.to_thread(Inotify, there, _is_noise)
            is_local = await asyncio.to_thread(are_local, there)
            watch.notes, watch.is_local = notes, is_local
            async with aclosing(bursts(notes, noticed)) as found:
                async for touched in found:
                    yield touched
                    if touched is None or await _elsewhere(notes, paths, there):
                        break
        except FileNotFoundError:  # a folder went away between the look and the watch
            yield None
        except OSError as exc:  # no watches are left: then look as often as one can
            log.warning("changes of files are found late: %s", exc)
            await asyncio.sleep(1.0)
            yield None
        finally:
            watch.notes = None


async def _elsewhere(
    notes: Inotify, paths: Callable[[], Iterable[Path]], there: Sequence[Path]
) -> bool:
    """Whether other folders are to be watched now; what begins with an edit goes before that."""
    if await notes.noted(CALM):
        return False  # what is asked after the next burst
    return await asyncio.to_thread(_there, paths) != there


async def bursts(
    watch: Inotify, noticed: Callable[[set[str]], None] = lambda _: None
) -> AsyncGenerator[set[str] | None]:
    """What happened together, once it is complete; None when the kernel lost count.

    ``noticed`` is told of each part as it comes, and at the first of a draft that nothing is yet.
    """
    with watch as notes:
        while await notes.noted():
            end = monotonic() + QUIET
            touched = notes.take()
            if touched is not None:
                noticed(touched)
            while touched is not None and (left := end - monotonic()) > 0:
                if not await notes.noted(_patience(notes, left)):
                    break
                more = notes.take()
                if more:
                    noticed(more)
                touched = None if more is None else touched | more
            notes.forget()
            if touched or touched is None:
                yield touched


def _patience(notes: Inotify, left: float) -> float:
    """How long to wait for more before what was noted is taken for complete."""
    if notes.unfinished:
        return left
    if notes.put_away:
        return min(left, RETURNS)
    return min(left, REPLACED if notes.missing else SETTLED)


class _Bell(asyncio.DatagramProtocol):
    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring

    def datagram_received(self, _data: bytes, _addr: object) -> None:
        self._ring()


def forget_bell(path: Path) -> None:
    """Remove the socket of a bell that rings no more."""
    path.unlink(missing_ok=True)


async def open_bell(path: Path, ring: Callable[[], None]) -> asyncio.DatagramTransport:
    """A datagram socket that calls ``ring`` for every datagram; an old socket is taken over."""
    forget_bell(path)
    bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    bell.settimeout(0)
    # On Linux the file takes the mode the socket has; a umask would be everybody's meanwhile.
    os.fchmod(bell.fileno(), 0o600)
    bell.bind(os.fspath(path))
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Bell(ring), sock=bell)
    return transport
