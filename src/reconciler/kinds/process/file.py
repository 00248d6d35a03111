"""supervisord's file, written and read together for all programs of a pass."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeAlias

from ...clients.files import write_atomic
from ...clients.supervisord import Supervisord
from ...core.errors import Terminal, Transient
from .layout import Layout
from .sections import Foreign, Section, parse_file, render_file

Version: TypeAlias = tuple[int, int, int] | None
"""Which bytes a file holds, without reading them; None when there is no file."""


class Quiet:
    """Counts work under way, so that others can wait until there is none."""

    def __init__(self) -> None:
        self._count = 0
        self._none = asyncio.Event()
        self._none.set()

    @contextmanager
    def broken(self) -> Iterator[None]:
        """Something is under way."""
        self._count += 1
        self._none.clear()
        try:
            yield
        finally:
            self._count -= 1
            if not self._count:
                self._none.set()

    async def wait(self) -> None:
        """Wait until nothing is under way."""
        await self._none.wait()


class ProgramFile:
    """The one file that says how programs are kept.

    supervisord reads all of it for every change, so changes made side by side become one write
    and one reading: whoever comes first waits until ``writers`` are done and takes all along.
    """

    def __init__(self, layout: Layout, supervisord: Supervisord, writers: Quiet) -> None:
        self._layout = layout
        self._path = layout.programs
        self._supervisord = supervisord
        self._writers = writers
        self._putters = Quiet()
        self._wanted: dict[str, str | None] = {}
        self._write_lock = asyncio.Lock()
        self._read_lock = asyncio.Lock()
        self._seen: tuple[Version, Mapping[str, Section]] = (None, {})
        self._loaded: Version = None

    def read(self) -> Mapping[str, Section]:
        """What the file says. Raises when it is there and cannot be read, or is not ours."""
        version = self._version()
        if version is None:
            return {}
        if self._seen[0] != version:
            self._seen = (version, self._parse())
        return self._seen[1]

    async def put(self, name: str, stamp: str | None) -> None:
        """Say how ``name`` is kept; None: no longer."""
        self._wanted[name] = stamp
        with self._putters.broken():
            async with self._write_lock:
                await self._writers.wait()
                await self._write()

    async def reread(self) -> None:
        """Make supervisord read what the file says now."""
        async with self._read_lock:
            await self._writers.wait()
            await self._putters.wait()
            version = self._version()
            if version is None or version != self._loaded:
                await self._supervisord.reread()
                self._loaded = version

    async def _write(self) -> None:
        batch, self._wanted = self._wanted, {}
        if not batch:
            return  # somebody took ours along
        try:
            await asyncio.to_thread(self._merge, batch)
        except BaseException:
            self._wanted = batch | self._wanted
            raise

    def _merge(self, batch: dict[str, str | None]) -> None:
        there = {name: section.stamp for name, section in self.read().items() if section.stamp}
        stamps = {name: stamp for name, stamp in {**there, **batch}.items() if stamp is not None}
        text = render_file(self._layout, stamps).encode()
        if text != self._content():
            write_atomic(self._path, text)

    def _parse(self) -> Mapping[str, Section]:
        try:
            return parse_file(self._layout, self._content().decode(errors="replace"))
        except Foreign:
            text = f"{self._path}: not written by reconciler; move it away"
            raise Terminal(text, reason="NotOwned") from None

    def _content(self) -> bytes:
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as exc:
            raise self._unreadable(exc) from exc

    def _version(self) -> Version:
        try:
            status = os.stat(self._path)  # noqa: PTH116 (it is asked in every pass)
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise self._unreadable(exc) from exc
        return status.st_ino, status.st_mtime_ns, status.st_size

    def _unreadable(self, exc: OSError) -> Transient:
        text = f"cannot read {self._path}: {exc.strerror}"
        return Transient(text, reason="Unreadable")
