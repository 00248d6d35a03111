"""Processes for tests: a fake world, and a real supervisord under its real parent."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, assert_never

from ..clients.supervisord import RunState
from ..core.errors import Transient, Waiting
from ..core.model import Observed
from ..kinds.process.actions import (
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
from ..kinds.process.records import Record, RunRecord
from ..kinds.process.sections import Section
from ..kinds.process.seen import Traces, observe
from ..kinds.process.state import Program, digest, stamp
from ..stack.answer import answers
from ..stack.place import Place
from . import eventually


@dataclass(slots=True)
class FakeProgram:
    """A program that a supervisord has loaded: the stamp it was loaded with, and what runs."""

    stamp: str
    state: RunState = RunState.STOPPED
    pid: int = 0
    exit_status: int = 0


@dataclass(slots=True)
class FakeWorld:
    """What survives the operator: files, and what supervisord has loaded and runs."""

    records: dict[str, Record] = field(default_factory=dict)
    sections: dict[str, str] = field(default_factory=dict)
    runs: dict[str, RunRecord] = field(default_factory=dict)
    loaded: dict[str, FakeProgram] = field(default_factory=dict)
    stubborn: set[str] = field(default_factory=set)
    """Programs that take a second asking to stop."""
    pids: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    armed: set[str] = field(default_factory=set)
    signals: list[tuple[str, str]] = field(default_factory=list)
    mutations: int = 0

    def start(self, name: str) -> None:
        """As supervisord and the launcher do."""
        program, record = self.loaded[name], self.records.get(name)
        program.pid = next(self.pids)
        program.state = RunState.RUNNING
        if record is None:
            program.pid, program.state, program.exit_status = 0, RunState.FATAL, 127
            return
        self.runs[name] = RunRecord(*record, program.pid, program.pid, program.stamp, "")

    def stop(self, name: str) -> None:
        """The process is gone, as after a stop by hand."""
        self.loaded[name].pid, self.loaded[name].state = 0, RunState.STOPPED

    def crash(self, name: str) -> None:
        """The process dies, and supervisord starts it again by its policy."""
        self.stop(name)
        self.start(name)

    def forget(self, name: str) -> None:
        """Remove every trace from disk."""
        self.sections.pop(name, None)
        self.runs.pop(name, None)
        self.records.pop(name, None)

    def restart_supervisord(self) -> None:
        """Kill supervisord with its children; the next one loads what the file says."""
        self.loaded = {name: FakeProgram(stamp) for name, stamp in self.sections.items()}


class FakeProcessDriver:
    """A driver of a fake world; make another one for the same world to play a restart."""

    def __init__(self, world: FakeWorld | None = None) -> None:
        self.world = world or FakeWorld()
        self.reachable = True

    async def observe(self) -> Mapping[str, Observed[Program]]:
        """As the real one: from traces alone."""
        self._check()
        world = self.world
        names = world.loaded.keys() | world.records.keys() | world.sections.keys()
        return {name: observe(self._traces(name)) for name in sorted(names)}

    async def apply(self, action: ProcessAction) -> None:
        """As the real one: one idempotent thing."""
        self._check()
        self.world.mutations += 1
        match action:
            case WriteRecord(name, program, revision):
                self.world.records[name] = Record(program, digest(program), revision)
            case Keep(name, program):
                self._keep(name, stamp(program))
            case Reload(name, number):
                self.world.signals.append((name, number))
            case Stop(name):
                self._stop(name)
            case Remove(name):
                self._stop(name)
                self.world.loaded.pop(name, None)
                self.world.forget(name)
            case Start() | Replace() | Run():
                self._begin(action)
            case _:
                assert_never(action)

    def _begin(self, action: Start | Replace | Run) -> None:
        world, name = self.world, action.name
        if isinstance(action, Start) and action.program.mode == "cron":
            world.armed.add(name)
            return
        if isinstance(action, Replace):
            self._stop(name)
        if not world.loaded[name].pid:
            world.start(name)

    def _keep(self, name: str, stamp: str) -> None:
        world = self.world
        program = world.loaded.get(name)
        world.sections[name] = stamp
        if program is None or program.state in {RunState.STOPPED, RunState.FATAL}:
            world.loaded[name] = FakeProgram(stamp)

    def _check(self) -> None:
        if not self.reachable:
            raise Transient("supervisord: nobody answers", reason="Unreachable")

    def _stop(self, name: str) -> None:
        self.world.armed.discard(name)
        if name not in self.world.loaded:
            return
        if name in self.world.stubborn and self.world.loaded[name].pid:
            self.world.stubborn.remove(name)
            self.world.loaded[name].state = RunState.STOPPING
            raise Waiting(f"{name} is stopping", reason="Stopping", after=0.01)
        self.world.stop(name)

    def _traces(self, name: str) -> Traces:
        world, program = self.world, self.world.loaded.get(name)
        stamp = world.sections.get(name)
        return Traces(
            name,
            info=None if program is None else _info(name, program),
            record=world.records.get(name),
            section=None if stamp is None else Section(stamp, intact=True),
            run=world.runs.get(name),
            start_time=program.pid if program else None,
            ours=name in world.records or name in world.sections,
            armed=name in world.armed,
        )


def _info(name: str, program: FakeProgram) -> dict[str, Any]:
    return {
        "name": name,
        "group": name,
        "state": program.state,
        "statename": program.state.name,
        "pid": program.pid,
        "start": 1,
        "now": 2,
        "spawnerr": "",
        "exitstatus": program.exit_status,
        "logfile": f"/log/{name}.log",
    }


@contextmanager
def running_stack(
    state_dir: Path, *, environ: Mapping[str, str] | None = None, keeper: str = "full"
) -> Iterator[subprocess.Popen[bytes]]:
    """A real parent and supervisord in ``state_dir``, without an operator; all ended afterwards.

    ``keeper`` is how our keeper runs in it: full, plain, or off for a stock supervisord.
    """
    place = Place(state_dir, state_dir / "specs", operator=False)
    command = [sys.executable, "-m", "reconciler.stack.up", "--no-operator"]
    command += ["--state-dir", str(place.state_dir), "--specs", str(place.specs)]
    parent = subprocess.Popen(
        command,
        env={**os.environ, "RECONCILER_KEEPER": keeper, **(environ or {})},
        stderr=subprocess.PIPE,
    )
    try:
        eventually(lambda: answers(place) or parent.poll() is not None, 20)
        yield parent
    finally:
        stop_stack(parent)


def stop_stack(parent: subprocess.Popen[bytes]) -> int:
    """Ask the parent to end everything; its exit code."""
    if parent.poll() is None:
        parent.send_signal(signal.SIGTERM)
    parent.communicate(timeout=30)
    return int(parent.returncode)
