"""Processes that another supervisord goes on keeping, as long as nothing about them changes.

What changes is ended there and started here, one process at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from ...clients.proc import start_time
from ...clients.supervisord import ProcessInfo, RunState, Supervisord
from ...core.errors import ReconcileError, Transient
from ...core.model import Observed
from .actions import Keep, ProcessAction, Reload, Remove, Replace, Run, Start, Stop, WriteRecord
from .adoption import (
    STATES,
    Adoption,
    folder_of,
    full_name,
    name_looks,
    parse_adoption,
    vitals,
    write_adoption,
)
from .backend import Backend
from .folder import Folder
from .looks import as_seen, look
from .state import EXECUTED, Program
from .stopping import Stopping

UNREACHABLE: Final = "Unreachable"
POLLS: Final = 10
POLL: Final = 0.02
ENDED: Final = 3.0
"""Seconds after which a process that ended is not started again by its own supervisord."""
_BESIDE: Final = frozenset(Program.model_fields) - {*EXECUTED, "epoch", "installed", "started"}


class Adopting:
    """Keeps processes by ``inner``, but for those that another supervisord still keeps."""

    def __init__(
        self,
        inner: Backend,
        state_dir: Path,
        *,
        shape: Callable[[Program], Program] = lambda program: program,
    ) -> None:
        self._inner = inner
        self._folder: Folder[Adoption] = Folder(folder_of(state_dir), parse_adoption)
        self._shape = shape
        self._seen: dict[str, tuple[Any, Observed[Program]]] = {}
        self._stopping = Stopping()

    async def observe(self) -> Mapping[str, Observed[Program]]:
        """Everything, wherever it is kept."""
        found = await self._inner.observe()
        if not self._folder.may_hold():
            return found
        adopted = await asyncio.to_thread(self._folder.read)
        if not adopted:
            return found
        ours = self._readable(adopted)
        infos = await self._ask_all({one.socket for one in ours})
        live = await asyncio.to_thread(self._observe, ours, infos)
        self._seen = {name: self._seen[name] for name in live}
        return {**found, **live}

    async def apply(self, action: ProcessAction) -> None:
        """Do one thing; what begins, ends or replaces a process makes it ours first."""
        adoption = None
        if self._folder.may_hold(action.name):  # few are: a thread for each would cost more
            adoption = await asyncio.to_thread(self._folder.read_one, action.name)
        if adoption is not None:
            match action:
                case WriteRecord(_, program):
                    await asyncio.to_thread(self._note, adoption, program)
                case Reload(_, signal):
                    async with _opened(adoption.socket) as wire:
                        await wire.signal(adoption.process, signal)
                    return
                case Replace(name, program):
                    await self._retire(adoption)
                    # What is to be replaced is taken to be kept; this one was not, until now.
                    await self._inner.apply(Keep(name, program))
                case Start() | Run() | Stop() | Remove():
                    await self._retire(adoption)
        await self._inner.apply(action)

    async def apply_all(
        self, work: Mapping[str, Sequence[ProcessAction]]
    ) -> Mapping[str, ReconcileError | None]:
        """Do the steps of many at once, while none is kept elsewhere."""
        return {} if self._folder.may_hold() else await self._inner.apply_all(work)

    async def last_lines(self, name: str) -> Sequence[str]:
        """The last output of ``name`` before its last end."""
        return await self._inner.last_lines(name)

    def _readable(self, adopted: Mapping[str, Adoption | None]) -> list[Adoption]:
        """All of them; without one of them, its process would be started here a second time."""
        damaged = sorted(name for name, one in adopted.items() if one is None)
        if damaged:
            path = self._folder.path / f"{damaged[0]}.json"
            text = f"{path} is damaged; adopt again, or remove it when its process is gone"
            raise Transient(text, reason="Unreadable")
        return [one for one in adopted.values() if one is not None]

    async def _ask_all(self, sockets: set[str]) -> dict[str, Mapping[str, ProcessInfo] | None]:
        answers = await asyncio.gather(*map(self._ask, sockets))
        return dict(zip(sockets, answers, strict=True))

    async def _ask(self, socket: str) -> Mapping[str, ProcessInfo] | None:
        """What it keeps; None when nobody answers there."""
        try:
            async with _opened(socket) as wire:
                infos = await wire.processes()
        except Transient as exc:
            if exc.reason == UNREACHABLE:
                return None
            raise
        return {full_name(info): info for info in infos}

    def _observe(
        self, ours: Sequence[Adoption], infos: Mapping[str, Mapping[str, ProcessInfo] | None]
    ) -> dict[str, Observed[Program]]:
        found = {}
        for adoption in ours:
            known = infos[adoption.socket]
            info = known.get(adoption.process) if known is not None else _orphan(adoption)
            if info is not None and info["state"] in STATES:
                found[adoption.name] = self._observe_one(adoption, info)
        return found

    def _observe_one(self, adoption: Adoption, info: ProcessInfo) -> Observed[Program]:
        pid = int(info["pid"])
        born = start_time(pid) or 0 if pid else 0
        key = (adoption, pid, born, info["state"])
        if adoption.name not in self._seen or self._seen[adoption.name][0] != key:
            again = (pid, born) != (adoption.pid, adoption.born)
            running = info["state"] == RunState.RUNNING
            program = _look_again(adoption, pid) if again and running else adoption.program
            state = program.model_copy(update={"installed": True, "started": True})
            seen = Observed(self._shape(state), owned=True, vitals=vitals(adoption, info, born))
            self._seen[adoption.name] = key, seen
        return self._seen[adoption.name][1]

    def _note(self, adoption: Adoption, program: Program) -> None:
        """What costs no restart holds from now on; it is acted on once the process is ours."""
        beside = {name: getattr(program, name) for name in _BESIDE}
        update = adoption.program.model_copy(update=beside)
        write_adoption(self._folder.path, adoption._replace(program=update))

    async def _retire(self, adoption: Adoption) -> None:
        """End it where it is kept; from then on it is ours."""
        try:
            async with _opened(adoption.socket) as wire:
                await wire.stop(adoption.process)
                await self._settle(wire, adoption)
                await _forget_group(wire, adoption.process)
        except Transient as exc:
            if exc.reason != UNREACHABLE or _orphan(adoption) is not None:
                raise
        self._stopping.over(adoption.name)
        self._folder.remove(adoption.name)

    async def _settle(self, wire: Supervisord, adoption: Adoption) -> None:
        for _ in range(POLLS):
            if _is_down(await wire.process(adoption.process)):
                return
            await asyncio.sleep(POLL)
        where = f" in the supervisord at {adoption.socket}"
        raise self._stopping.not_yet(adoption.name, where)


@asynccontextmanager
async def _opened(socket: str) -> AsyncIterator[Supervisord]:
    """The other supervisord, for a moment: it is looked at rarely."""
    wire = Supervisord(Path(socket))
    try:
        yield wire
    finally:
        await wire.aclose()


async def _forget_group(wire: Supervisord, process: str) -> None:
    """Keep a group that has nothing left from coming back by itself."""
    group = process.partition(":")[0]
    members = [info for info in await wire.processes() if info["group"] == group]
    if len(members) == 1:
        await wire.remove(group)


def _is_down(info: ProcessInfo | None) -> bool:
    if info is None:
        return True
    if info["state"] == RunState.EXITED:
        return bool(info["now"] - info["stop"] > ENDED)
    return info["state"] in {RunState.STOPPED, RunState.FATAL}


def _orphan(adoption: Adoption) -> ProcessInfo | None:
    """It lives, though nobody answers for it: it must not be started a second time."""
    if start_time(adoption.pid) != adoption.born:
        return None
    return {"state": RunState.RUNNING, "pid": adoption.pid, "start": 0, "stdout_logfile": ""}


def _look_again(adoption: Adoption, pid: int) -> Program:
    """What its own supervisord started anew; the same, unless somebody changed it there."""
    looks = look(pid)
    if looks is None or name_looks(looks) == adoption.looks:
        return adoption.program
    return as_seen(looks, adoption.program)
