"""Sources of "dirty": file changes and supervisord's events. None carries a payload."""

from __future__ import annotations

import asyncio
import logging
import os
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


class _SpecFilter(DefaultFilter):
    """All but what git writes while it works; HEAD and refs say when it is done."""

    ignore_dirs = ("objects", "hooks", "info", "__pycache__", "node_modules")

    def __call__(self, change: Change, path: str) -> bool:
        return not path.endswith((".lock", "~", ".swp")) and super().__call__(change, path)


async def file_changes(paths: Callable[[], Iterable[Path]]) -> AsyncIterator[None]:
    """Yields after each burst of changes below the watched folders, which may change themselves."""
    while True:
        there = sorted({path for path in paths() if path.exists()})
        if not there:
            await asyncio.sleep(1.0)
            yield
            continue
        try:
            async for _ in awatch(
                *there, watch_filter=_SpecFilter(), step=STEP, debounce=QUIET, recursive=True
            ):
                yield
                if sorted({path for path in paths() if path.exists()}) != there:
                    break
        except FileNotFoundError:  # a folder went away between the look and the watch
            yield


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
    loop = asyncio.get_running_loop()
    previous = os.umask(0o177)
    try:
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Bell(ring), local_addr=os.fspath(path), family=socket.AF_UNIX
        )
    finally:
        os.umask(previous)
    return transport
