"""Process, in the world: supervisord, its file, and the records beside it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Final, assert_never

from ...clients.proc import command_line, parent, start_time
from ...clients.supervisord import ProcessInfo, RunState, Supervisord
from ...core.errors import Transient, Waiting
from ...core.model import Observed
from .actions import Load, ProcessAction, Remove, Start, Stop, Unload, WriteProgram, WriteRecord
from .file import ProgramFile, Quiet
from .layout import Layout
from .records import Folder, Record, Run, parse_record, parse_run, write_record
from .seen import Traces, observe
from .state import Program

# supervisord notices the end of a process when it is asked something, else within a second:
# asking a few times is what makes a restart quick. Longer stops are left to later passes.
POLLS: Final = 20
POLL: Final = 0.004
SOON: Final = 0.02
LATE: Final = 1.0
_DOWN: Final = frozenset({RunState.STOPPED, RunState.FATAL, RunState.EXITED, RunState.UNKNOWN})


class ProcessDriver:
    """Keeps programs under one supervisord."""

    def __init__(self, supervisord: Supervisord, layout: Layout) -> None:
        self._supervisord = supervisord
        self._layout = layout
        self._writers = Quiet()
        self._file = ProgramFile(layout, supervisord, self._writers)
        self._records: Folder[Record] = Folder(layout.records, parse_record)
        self._runs: Folder[Run] = Folder(layout.runs, parse_run)
        self._stopping: dict[str, float] = {}
        self._fresh: frozenset[str] = frozenset()

    async def observe(self) -> Mapping[str, Observed[Program]]:
        """Every program supervisord knows, and every one we ever wrote down."""
        infos = {_name(info): info for info in await self._supervisord.processes()}
        for info in infos.values():
            info["logfile"] = str(self._layout.state_dir / info["logfile"])
        return await asyncio.to_thread(self._observe, infos)

    async def apply(self, action: ProcessAction) -> None:
        """Do one thing; it may have been done before."""
        match action:
            case WriteRecord(name, program, revision):
                await self._write_record(name, program, revision)
            case WriteProgram(name, stamp):
                await self._file.put(name, stamp)
            case Load(name):
                await self._file.reread()
                await self._supervisord.replace(name)
            case Start(name, working_dir):
                await asyncio.to_thread(_check_folder, name, working_dir)
                await self._supervisord.start(name)
            case Stop(name):
                await self._stop(name)
            case Unload(name):
                await self._supervisord.remove(name)
            case Remove(name):
                await self._file.put(name, None)
                await asyncio.to_thread(self._forget, name)
            case _:
                assert_never(action)

    def _observe(self, infos: Mapping[str, ProcessInfo]) -> dict[str, Observed[Program]]:
        sections, records, runs = self._file.read(), self._records.read(), self._runs.read()
        ours = sections.keys() | records.keys() | runs.keys()
        found = {}
        for name in sorted(infos.keys() | ours):
            traces = Traces(
                name,
                info=infos.get(name),
                section=sections.get(name),
                record=records.get(name),
                run=runs.get(name),
                ours=name in ours,
            )
            found[name] = observe(self._look_closer(traces))
        launching = (name for name, one in found.items() if one.vitals.get("launching"))
        self._fresh = frozenset(launching)
        return found

    def _look_closer(self, traces: Traces) -> Traces:
        """Add what the kernel says of its live process."""
        if not traces.live or traces.info is None or not traces.ours:
            return traces
        pid = int(traces.info["pid"])
        traces = replace(traces, start_time=start_time(pid))
        if traces.running:
            return traces
        if self._launching(pid):
            return replace(traces, launching=True)
        # It may have stopped launching since the records were read; its record was there before.
        return replace(traces, run=self._runs.read_one(traces.name))

    def _launching(self, pid: int) -> bool:
        """Whether ``pid`` has yet to become what it is meant to be."""
        words = command_line(pid).split(b"\0")
        return os.fsencode(self._layout.launcher) in words or _forked(pid)

    async def _write_record(self, name: str, program: Program, revision: str) -> None:
        with self._writers.broken():
            folder = self._layout.records
            await asyncio.to_thread(write_record, folder, name, program, revision)

    async def _stop(self, name: str) -> None:
        if name in self._fresh:
            await self._await_exec(name)
        await self._supervisord.stop(name)
        for _ in range(POLLS):
            info = await self._supervisord.process(name)
            if info is None or info["state"] in _DOWN:
                self._stopping.pop(name, None)
                if info is not None and info["state"] == RunState.EXITED:
                    # Only a program that is loaded anew is "stopped"; this one would come back.
                    await self._supervisord.replace(name)
                return
            await asyncio.sleep(POLL)
        since = self._stopping.setdefault(name, monotonic())
        after = min(LATE, max(SOON, (monotonic() - since) / 4))
        raise Waiting(f"{name} is stopping", reason="Stopping", after=after)

    async def _await_exec(self, name: str) -> None:
        """Let a fresh child get past its fork: until then it would swallow the signal."""
        info = await self._supervisord.process(name)
        for _ in range(POLLS):
            if info is None or not info["pid"] or not _forked(int(info["pid"])):
                return
            await asyncio.sleep(POLL)

    def _forget(self, name: str) -> None:
        self._runs.remove(name)
        self._records.remove(name)


def _name(info: ProcessInfo) -> str:
    """Ours are alone in a group of the same name; another's carry their group."""
    return str(info["name"] if info["name"] == info["group"] else f"{info['group']}:{info['name']}")


def _forked(pid: int) -> bool:
    """Whether ``pid`` still looks like supervisord, or, having just ended, like nothing."""
    words, above = command_line(pid), parent(pid)
    return not words or (above is not None and command_line(above) == words)


def _check_folder(name: str, path: str) -> None:
    folder = Path(path)
    if folder.is_dir():
        return
    there = next(parent for parent in folder.parents if parent.exists())
    try:
        owner = there.owner()
    except KeyError:
        owner = str(there.stat().st_uid)
    raise Transient(
        f"the working directory {path} of {name} does not exist "
        f"({there} belongs to {owner}); create it, or correct workingDir",
        reason="WorkingDirMissing",
    )
