"""Sources of "dirty": file changes and supervisord's events. None carries a payload."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Final

from watchfiles import Change, DefaultFilter, awatch

log = logging.getLogger(__name__)

STEP: Final = 5
"""Milliseconds between two looks at what the kernel reported; fewer would cost an idle stack."""
QUIET: Final = 40
"""Milliseconds without another change after which a burst of edits is one wake."""
_GIT_WORKS: Final = re.compile(r"/\.git/(objects|hooks|info)(/|$)")


class _SpecFilter(DefaultFilter):
    """All but what git writes while it works; HEAD and refs say when it is done."""

    # These would count anywhere in a path, and specs may lie below any name.
    ignore_dirs = ()

    def __call__(self, change: Change, path: str) -> bool:
        busy = path.endswith((".lock", "~", ".swp")) or _GIT_WORKS.search(path) is not None
        return not busy and super().__call__(change, path)


def _there(paths: Callable[[], Iterable[Path]]) -> list[Path]:
    return sorted({path for path in paths() if path.exists()})


async def file_changes(paths: Callable[[], Iterable[Path]]) -> AsyncIterator[set[str] | None]:
    """Yields after each burst of changes below the watched folders, which may change themselves.

    What it yields says where to look first, and None that nobody knows: it is no payload, a look
    at everything finds the same.
    """
    while True:
        there = await asyncio.to_thread(_there, paths)  # it may ask git
        if not there:
            await asyncio.sleep(1.0)
            yield None
            continue
        try:
            async for changes in awatch(
                *there, watch_filter=_SpecFilter(), step=STEP, debounce=QUIET, recursive=True
            ):
                yield {path for _, path in changes}
                if await asyncio.to_thread(_there, paths) != there:
                    break
        except FileNotFoundError:  # a folder went away between the look and the watch
            yield None


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
