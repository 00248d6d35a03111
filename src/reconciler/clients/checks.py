"""One look at whether something works: one function per way of looking.

None of them blocks the event loop; whoever calls sets the time limit.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from ..core.errors import ReconcileError
from ..core.probe import File, Http, Log, Probe, Tcp
from ..core.probe_values import matcher
from ..core.units import format_duration
from ..core.verdict import Result
from .execution import Surroundings, execute
from .logtail import Tail
from .names import Names, connect

T = TypeVar("T")

WORKERS: Final = 32
CLOCKS: Final = 0.000_01
"""What the times of a start and of its first line may be apart by rounding alone."""


class Looks:
    """What looking takes: threads of its own, so that a slow disk or name delays nothing else."""

    def __init__(self) -> None:
        self.names = Names()
        self._stats: dict[File, asyncio.Future[Result]] = {}
        self._threads = ThreadPoolExecutor(WORKERS, thread_name_prefix="probe")

    def close(self) -> None:
        """Let go of the threads; work under way ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def look(self, probe: Probe, around: Callable[[], Surroundings]) -> Result:
        """What one look finds now. A log is looked at by its own ``LogSearch``."""
        try:
            async with asyncio.timeout(probe.timeout):
                if probe.http is not None:
                    return await self.http(probe.http)
                if probe.tcp is not None:
                    return await self.tcp(probe.tcp)
                if probe.file is not None:
                    return await self.file(probe.file)
        except TimeoutError:
            return _late(probe.timeout)
        return await self.exec(probe.exec or (), around, probe.timeout)

    async def http(self, check: Http) -> Result:
        """Whether a request is answered as it should be."""
        from .http_check import ask

        return await ask(check, self.names)

    async def tcp(self, check: Tcp) -> Result:
        """Whether a connection is accepted."""
        try:
            sock = await connect(str(check.host), int(check.port), self.names)
        except OSError as exc:
            return Result(ok=False, message=str(exc))
        sock.close()
        return Result(ok=True)

    async def file(self, check: File) -> Result:
        """Whether a file is there, and new enough. A disk that hangs keeps one thread for each."""
        pending = self._stats.get(check)
        if pending is None:
            pending = self._stats[check] = _apart(lambda: _file(check))
            pending.add_done_callback(lambda _: self._stats.pop(check, None))
        return await asyncio.shield(pending)

    async def exec(
        self, argv: tuple[str, ...], around: Callable[[], Surroundings], limit: float
    ) -> Result:
        """Whether a program ends well. Its time counts from its start, not from its turn."""
        stop = os.eventfd(0, os.EFD_CLOEXEC)
        work = asyncio.ensure_future(self.thread(lambda: execute(argv, around, limit, stop)))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            os.eventfd_write(stop, 1)
            await asyncio.wait([work])
            raise
        finally:
            os.close(stop)

    async def search(self, look: Callable[[], Result], limit: float) -> Result:
        """What a look into a log finds."""
        try:
            async with asyncio.timeout(limit):
                return await self.thread(look)
        except TimeoutError:
            return _late(limit)

    async def thread(self, work: Callable[[], T]) -> T:
        """Run ``work`` in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


class LogSearch:
    """Whether a process wrote a certain line, in the life that is looked at."""

    def __init__(self, path: Path, check: Log) -> None:
        self._path, self._check = path, check
        self._matcher = matcher(check.regex)
        self._turn = threading.Lock()
        self._tail: Tail | None = None
        self._born: float | None = None
        self._adopted = False
        self._found: float | None = None

    def is_for(self, path: Path, check: Log) -> bool:
        """Whether this is what it searches for, and where."""
        return self._path == path and self._check == check

    def look(self, born: float, *, adopted: bool) -> Result:
        """What came since the last look; only what the life that began at ``born`` wrote counts."""
        if not self._turn.acquire(blocking=False):
            return Result(ok=None, message="the last look is still under way")
        try:
            if born != self._born:
                self._born, self._adopted, self._found = born, adopted, None
            self._read(born - CLOCKS)
            return self._judge(time.time())
        except ReconcileError as exc:
            return Result(ok=False, message=str(exc))
        finally:
            self._turn.release()

    def _read(self, since: float) -> None:
        if self._tail is None:
            self._tail = Tail(self._path, "", lines=None, since=since)
        for line in self._tail.look():
            at = time.time() if line.time is None else line.time
            if at >= since and self._matcher.isinstance_python(line.text):
                self._found = at

    def _judge(self, now: float) -> Result:
        limit, found = self._check.max_age, self._found
        if found is not None and (limit is None or now - found <= limit):
            return Result(ok=True)
        if found is None and self._adopted:
            # It may be in what was rotated away before anybody looked.
            return Result(ok=None, message=f"no line with {self._check.regex!r} is left")
        if found is None:
            return Result(ok=False, message=f"no line with {self._check.regex!r} yet")
        age = format_duration(round(now - found, 1))
        return Result(ok=False, message=f"the last line with {self._check.regex!r} is {age} old")


def _apart(work: Callable[[], T]) -> asyncio.Future[T]:
    """Run ``work`` in a thread that nobody waits for in the end: it may never come back."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[T] = loop.create_future()

    def tell(call: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(lambda: None if found.done() else call())

    def run() -> None:
        try:
            done = work()
        except Exception as exc:  # noqa: BLE001 (it is raised where it is waited for)
            why = exc
            tell(lambda: found.set_exception(why))
        else:
            tell(lambda: found.set_result(done))

    threading.Thread(target=run, name="probe-file", daemon=True).start()
    return found


def _file(check: File) -> Result:
    try:
        status = os.stat(check.path)  # noqa: PTH116 (a path of the spec, as it is)
    except OSError as exc:
        return Result(ok=False, message=f"{check.path}: {(exc.strerror or '').lower()}")
    age = max(0.0, time.time() - status.st_mtime)
    if check.max_age is None or age <= check.max_age:
        return Result(ok=True)
    old = format_duration(round(age, 1))
    return Result(ok=False, message=f"{check.path} was written {old} ago")


def _late(timeout: float) -> Result:
    return Result(ok=False, message=f"no answer within {format_duration(timeout)}")
