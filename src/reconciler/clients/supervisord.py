"""XML-RPC to supervisord over its unix socket. Calls made side by side travel as one request."""

from __future__ import annotations

import asyncio
import os
import xmlrpc.client
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from enum import IntEnum
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias
from xml.parsers.expat import ExpatError

from ..core.errors import ReconcileError, Terminal, Transient
from ..stack.limits import SOCKET_PATH
from .faults import Fault, Refused, refused
from .post import AnswerError, Post, Wire

__all__ = ["Fault", "ProcessInfo", "Refused", "RunState", "Supervisord"]

ProcessInfo: TypeAlias = dict[str, Any]
"""What supervisord says about one process: name, group, state, pid, start, spawnerr, …"""

TARGET: Final = "/RPC2"
DEADLINE: Final = 5.0
PER_CALL: Final = 0.1
CHUNK: Final = 50  # supervisord does nothing else meanwhile, and a start costs it milliseconds
UNREACHABLE: Final = "Unreachable"
_CALL: Final = (
    "<?xml version='1.0'?>\n<methodCall>\n<methodName>{}</methodName>\n<params>\n<param>\n"
    "<value><string>{}</string></value>\n</param>\n</params>\n</methodCall>\n"
)
LARGE: Final = 64 * 1024
NO_WAIT: Final = False
_WORDS: Final[dict[type[Exception], str]] = {
    FileNotFoundError: "nobody answers",
    ConnectionRefusedError: "nobody answers",
    TimeoutError: "no answer in time",
}


class RunState(IntEnum):
    """supervisord's states of a process."""

    STOPPED = 0
    STARTING = 10
    RUNNING = 20
    BACKOFF = 30
    STOPPING = 40
    EXITED = 100
    FATAL = 200
    UNKNOWN = 1000


class _Call(NamedTuple):
    method: str
    args: tuple[str | bool, ...]
    weight: int
    answer: asyncio.Future[Any]


class Supervisord:
    """One supervisord. Every call has a deadline; every failure is one of ours."""

    def __init__(
        self, socket: Path, *, deadline: float = DEADLINE, wire: Wire | None = None
    ) -> None:
        if len(os.fsencode(socket)) > SOCKET_PATH:
            raise Terminal(
                f"{socket}: too long for a socket path; choose a shorter --state-dir",
                reason="SocketPathTooLong",
            )
        self._socket = socket
        self._deadline = deadline
        self._wire = wire or Post(socket, TARGET, "text/xml")
        self._waiting: list[_Call] = []
        self._sender: asyncio.Task[None] | None = None

    async def processes(self) -> Sequence[ProcessInfo]:
        """All processes, of all groups."""
        found = await self._call("getAllProcessInfo")
        return list(found)

    async def process(self, name: str) -> ProcessInfo | None:
        """One process; None when supervisord does not know it."""
        try:
            info: ProcessInfo = await self._call("getProcessInfo", name)
        except Refused as exc:
            if exc.fault is Fault.BAD_NAME:
                return None
            raise
        return info

    async def start(self, name: str) -> None:
        """Start it; one that runs is left alone."""
        await self._tolerating(Fault.ALREADY_STARTED, "startProcess", name, NO_WAIT)

    async def stop(self, name: str) -> None:
        """Ask it to stop, without waiting; one that does not run or is unknown is left alone."""
        try:
            await self._tolerating(Fault.NOT_RUNNING, "stopProcess", name, NO_WAIT)
        except Refused as exc:
            if exc.fault is not Fault.BAD_NAME:
                raise

    async def signal(self, name: str, signal: str) -> None:
        """Send a signal (``HUP``) to a running process."""
        await self._call("signalProcess", name, signal)

    async def reread(self) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
        """Read the files again; what is added, changed, removed against what is loaded."""
        [[added, changed, removed]] = await self._call("reloadConfig")
        return frozenset(added), frozenset(changed), frozenset(removed)

    async def add(self, group: str) -> None:
        """Load a group as it was last read; one that is loaded is left alone."""
        await self._tolerating(Fault.ALREADY_ADDED, "addProcessGroup", group)

    async def remove(self, group: str) -> None:
        """Forget a stopped group; one that is not loaded is left alone."""
        await self._tolerating(Fault.BAD_NAME, "removeProcessGroup", group)

    async def replace(self, group: str) -> None:
        """Load a stopped group anew, as it was last read."""
        await asyncio.gather(self.remove(group), self.add(group))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._wire.aclose()

    async def _tolerating(self, fault: Fault, method: str, *args: str | bool) -> None:
        try:
            await self._call(method, *args)
        except Refused as exc:
            if exc.fault is not fault:
                raise

    @asynccontextmanager
    async def patience(self, weight: int) -> AsyncIterator[None]:
        """As long as so many usual calls may take. Raises Transient when that is over."""
        try:
            async with asyncio.timeout(self._deadline + PER_CALL * weight):
                yield
        except TimeoutError as exc:
            raise self._unreachable(exc) from exc

    async def call(self, method: str, *args: str | bool, weight: int = 1) -> Any:
        """Any method by its full name; ``weight`` says how many usual calls it costs."""
        loop = asyncio.get_running_loop()
        call = _Call(method, args, weight, loop.create_future())
        self._waiting.append(call)
        if self._sender is None or self._sender.done():
            self._sender = loop.create_task(self._send_waiting())
        return await call.answer

    async def _call(self, method: str, *args: str | bool) -> Any:
        return await self.call(f"supervisor.{method}", *args)

    async def _send_waiting(self) -> None:
        """Send what waits, one request at a time: what is called meanwhile goes with the next."""
        await asyncio.sleep(0)  # who calls at the same moment, by way of a task, comes along
        while self._waiting:
            calls, self._waiting = self._waiting[:CHUNK], self._waiting[CHUNK:]
            try:
                await self._send(calls)
            except ReconcileError as exc:
                if exc.reason == UNREACHABLE:  # those behind would only wait for the same
                    calls, self._waiting = calls + self._waiting, []
                _fail(calls, exc)
            except BaseException:
                error = Transient("talking to supervisord was cut short", reason="Interrupted")
                _fail(calls + self._waiting, error)
                self._waiting = []
                raise

    async def _send(self, calls: list[_Call]) -> None:
        count = sum(call.weight for call in calls)
        if len(calls) == 1:
            method, args, *_ = calls[0]
            answers: list[Any] = [await self._post(method, args, count=count)]
        else:
            batch = [{"methodName": call.method, "params": list(call.args)} for call in calls]
            answers = await self._post("system.multicall", (batch,), count=count)
        for call, answer in zip(calls, answers, strict=True):
            if call.answer.done():  # its caller gave up
                continue
            if isinstance(answer, dict) and "faultCode" in answer:
                call.answer.set_exception(refused(answer["faultCode"], answer["faultString"]))
            else:
                call.answer.set_result(answer)

    async def _post(self, method: str, args: tuple[Any, ...], *, count: int = 1) -> Any:
        body = _encode(method, args)
        try:
            async with self.patience(count):
                content = await self._wire.post(body)
                if len(content) > LARGE:
                    return await asyncio.to_thread(_decode, content)
                return _decode(content)
        except xmlrpc.client.Fault as exc:
            raise refused(exc.faultCode, exc.faultString) from exc
        except (OSError, AnswerError, xmlrpc.client.Error, ExpatError) as exc:
            raise self._unreachable(exc) from exc

    def _unreachable(self, exc: Exception) -> Transient:
        what = _WORDS.get(type(exc), f"{type(exc).__name__} {exc}".strip())
        text = f"supervisord at {self._socket}: {what}; start it with `reconciler up`"
        return Transient(text, reason=UNREACHABLE)


def _encode(method: str, args: tuple[Any, ...]) -> bytes:
    """As ``xmlrpc.client`` would write it; for one text without all that it can do besides."""
    if len(args) == 1 and isinstance(args[0], str):
        return _CALL.format(method, xmlrpc.client.escape(args[0])).encode()
    return xmlrpc.client.dumps(args, method).encode()


def _decode(content: bytes) -> Any:
    (value,), _ = xmlrpc.client.loads(content)
    return value


def _fail(calls: list[_Call], error: ReconcileError) -> None:
    for call in calls:
        if not call.answer.done():
            call.answer.set_exception(error)
