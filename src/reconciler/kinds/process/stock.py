"""Processes under a stock supervisord: its file, its policy, its polling."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, assert_never

from ...clients.proc import command_line, parent, start_time
from ...clients.supervisord import Fault, ProcessInfo, Refused, RunState, Supervisord
from ...core.errors import ReconcileError, Terminal
from ...core.model import Observed
from .actions import (
    Keep,
    ProcessAction,
    Reload,
    Remove,
    Replace,
    Run,
    Start,
    Stop,
    WriteRecord,
)
from .checks import check_folder, check_ports, check_program
from .cron import CronNotes
from .file import ProgramFile, Quiet
from .folder import Folder
from .layout import Layout
from .records import Record, RunRecord, parse_record, parse_run, write_record
from .seen import Traces, observe
from .state import Program, stamp
from .stopping import Stopping

# supervisord notices the end of a process when it is asked something, else within a second:
# asking a few times is what makes a restart quick. Longer stops are left to later passes.
POLLS: Final = 20
POLL: Final = 0.004
_DOWN: Final = frozenset({RunState.STOPPED, RunState.FATAL, RunState.EXITED, RunState.UNKNOWN})


class Stock:
    """Keeps programs under a supervisord that knows nothing of us."""

    def __init__(self, supervisord: Supervisord, layout: Layout, notes: CronNotes) -> None:
        self._supervisord = supervisord
        self._layout = layout
        self._notes = notes
        self._writers = Quiet()
        self._file = ProgramFile(layout, supervisord, self._writers)
        self._records: Folder[Record] = Folder(layout.records, parse_record)
        self._runs: Folder[RunRecord] = Folder(layout.runs, parse_run)
        self._stopping = Stopping()
        self._fresh: frozenset[str] = frozenset()
        self._lives: dict[str, tuple[int | None, int]] = {}

    async def observe(self) -> Mapping[str, Observed[Program]]:
        """Every program supervisord knows, and every one we ever wrote down."""
        infos = {name_of(info): info for info in await self._supervisord.processes()}
        for info in infos.values():
            info["logfile"] = str(self._layout.state_dir / info["logfile"])
        return await asyncio.to_thread(self._observe, infos)

    async def apply(self, action: ProcessAction) -> None:
        """Do one thing; it may have been done before."""
        match action:
            case WriteRecord(name, program, revision):
                await self._write_record(name, program, revision)
            case Keep(name, program):
                await self._keep(name, program)
            case Start() | Replace() | Run():
                await self._begin(action)
            case Reload(name, signal):
                await self._reload(name, signal)
            case Stop(name):
                if self._notes.is_armed(name):
                    await asyncio.to_thread(self._notes.disarm, name)
                await self._stop(name)
            case Remove(name):
                await self._remove(name)
            case _:
                assert_never(action)

    async def apply_all(
        self, work: Mapping[str, Sequence[ProcessAction]]
    ) -> dict[str, ReconcileError | None]:
        """Nothing: what is done side by side becomes one call anyway."""
        del work
        return {}

    async def last_lines(self, name: str) -> list[str]:
        """Nothing: a stock supervisord does not say which lines were the last of a life."""
        del name
        return []

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
                armed=self._notes.is_armed(name),
                cron=self._notes.vitals(name),
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
            return replace(traces, restarts=self._count(traces.name, traces.start_time))
        if self._launching(pid):
            return replace(traces, launching=True)
        # It may have stopped launching since the records were read; its record was there before.
        return replace(traces, run=self._runs.read_one(traces.name))

    def _count(self, name: str, born: int | None) -> int:
        """How many lives of ``name`` this operator has seen end."""
        last, count = self._lives.get(name, (born, 0))
        self._lives[name] = (born, count + (last != born))
        return self._lives[name][1]

    def _launching(self, pid: int) -> bool:
        """Whether ``pid`` has yet to become what it is meant to be."""
        words = command_line(pid).split(b"\0")
        return os.fsencode(self._layout.launcher) in words or _forked(pid)

    async def _write_record(self, name: str, program: Program, revision: str) -> None:
        if program.mode == "cron":
            await asyncio.to_thread(self._notes.reschedule, name, program.schedule or "")
        with self._writers.broken():
            folder = self._layout.records
            await asyncio.to_thread(write_record, folder, name, program, revision)

    async def _keep(self, name: str, program: Program) -> None:
        if program.mode == "cron" and program.started:
            await asyncio.to_thread(self._notes.arm, name, program.schedule or "")
        with self._writers.broken():
            info = await self._supervisord.process(name)
            # A program that is down is loaded anew; one that ended well would then run again.
            loads = info is None or info["state"] in _DOWN - {RunState.EXITED}
            if loads and info is not None:
                # supervisord must never know a program otherwise than the file says it does.
                await self._supervisord.remove(name)
        await self._file.put(name, stamp(program))
        if loads:
            await self._file.reread()
            await self._supervisord.replace(name)

    async def _begin(self, action: Start | Replace | Run) -> None:
        match action:
            case Start(name, program):
                await self._start(name, program)
            case Replace(name, program):
                await asyncio.to_thread(check_program, name, program)
                await self._stop(name)
                await self._start(name, program)
            case Run(name, _, concurrency):
                await self._run(name, concurrency)

    async def _reload(self, name: str, signal: str) -> None:
        try:
            await self._supervisord.signal(name, signal)
        except Refused as exc:
            if exc.fault is not Fault.NOT_RUNNING:
                raise

    async def _remove(self, name: str) -> None:
        await self._stop(name)
        await self._supervisord.remove(name)
        await self._file.put(name, None)
        await asyncio.to_thread(self._forget, name)

    async def _start(self, name: str, program: Program) -> None:
        await asyncio.to_thread(check_folder, name, program.working_dir)
        if program.mode == "cron":
            await asyncio.to_thread(self._notes.arm, name, program.schedule or "")
            return
        await asyncio.to_thread(check_ports, name, program)
        await self._supervisord.start(name)

    async def _run(self, name: str, concurrency: str) -> None:
        if concurrency == "allow":
            text = (
                f"{name}: several runs at once take the keeper, and this supervisord runs without "
                "it; write concurrency: forbid or replace, or let the keeper run"
            )
            raise Terminal(text, reason="KeeperNeeded")
        info = await self._supervisord.process(name)
        live = info is not None and info["state"] not in _DOWN
        if live and concurrency == "replace":
            await self._stop(name)
        await asyncio.to_thread(self._notes.run, name)
        if info is not None and (not live or concurrency == "replace"):
            await self._supervisord.start(name)

    async def _stop(self, name: str) -> None:
        if name in self._fresh:
            await self._await_exec(name)
        await self._supervisord.stop(name)
        for _ in range(POLLS):
            info = await self._supervisord.process(name)
            if info is None or info["state"] in _DOWN:
                self._stopping.over(name)
                if info is not None and info["state"] == RunState.EXITED:
                    # Only a program that is loaded anew is "stopped"; this one would come back.
                    await self._supervisord.replace(name)
                return
            await asyncio.sleep(POLL)
        raise self._stopping.not_yet(name)

    async def _await_exec(self, name: str) -> None:
        """Let a fresh child get past its fork: until then it would swallow the signal."""
        info = await self._supervisord.process(name)
        for _ in range(POLLS):
            if info is None or not info["pid"] or not _forked(int(info["pid"])):
                return
            await asyncio.sleep(POLL)

    def _forget(self, name: str) -> None:
        self._lives.pop(name, None)
        self._notes.forget(name)
        self._runs.remove(name)
        self._records.remove(name)


def name_of(info: ProcessInfo) -> str:
    """Ours are alone in a group of the same name; another's carry their group."""
    return str(info["name"] if info["name"] == info["group"] else f"{info['group']}:{info['name']}")


def _forked(pid: int) -> bool:
    """Whether ``pid`` still looks like supervisord, or, having just ended, like nothing."""
    words, above = command_line(pid), parent(pid)
    return not words or (above is not None and command_line(above) == words)
