"""A keeper in memory: what it is asked of happens at once, to processes that are only numbers."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ..clients.keeper import Entry, Hello, Keeper, Operation
from ..clients.supervisord import ProcessInfo, Supervisord
from ..core.errors import ReconcileError, Transient
from ..core.model import Json
from ..kinds.process.driver import ProcessDriver
from ..kinds.process.layout import Layout

PATIENCE: Final = 15
LIVE: Final = frozenset({"running", "stopping"})


@dataclass(slots=True)
class Kept:
    """One program as the keeper knows it, and the record it was started with."""

    entry: dict[str, Any]
    settings: dict[str, Any] = field(default_factory=dict)
    started_with: dict[str, Any] | None = None
    looks: int = 0


@dataclass(slots=True)
class KeeperWorld:
    """What survives the operator: records on disk, and what a keeper knows and runs."""

    state_dir: Path
    programs: dict[str, Kept] = field(default_factory=dict)
    stubborn: set[str] = field(default_factory=set)
    """Programs that take some looks to stop."""
    signals: list[tuple[str, str]] = field(default_factory=list)
    mutations: int = 0
    _pids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def driver(self) -> ProcessDriver:
        """A fresh operator's driver of this world."""
        silent = _Silent(self.state_dir / "run" / "supervisor.sock")
        return ProcessDriver(silent, Layout(self.state_dir), keeper=FakeKeeper(self))

    def record(self, name: str) -> dict[str, Any] | None:
        """The start record on disk now."""
        try:
            found: dict[str, Any] = json.loads(
                (self.state_dir / "state" / "processes" / f"{name}.json").read_bytes()
            )
        except (OSError, ValueError):
            return None
        return found

    def start(self, name: str, cause: str, detail: str) -> None:
        """Run the record that is on disk now."""
        kept, record = self.programs[name], self.record(name)
        entry = kept.entry
        if record is None:
            self.change(name, state="failed", error="no record", failures=1)
            return
        causes = list(entry["causes"])
        if kept.started_with is not None:
            causes.append({"at": time.time(), "cause": cause, "detail": detail})
        kept.started_with = record
        pid = next(self._pids)
        said = {"digest": record["digest"], "revision": record["revision"], "error": ""}
        restarts = len(causes)
        self.change(
            name, state="running", pid=pid, born=pid, causes=causes, restarts=restarts, **said
        )

    def stop(self, name: str) -> None:
        """Its process is gone."""
        self.change(name, state="stopped", pid=0, born=0)

    def crash(self, name: str, code: int = 1) -> None:
        """The process ends and is started again, as a policy would; an end with 0 is a good one."""
        last = {"at": time.time(), "code": code, "signal": None, "uptime": 1.0}
        self.change(name, pid=0, born=0, last=last)
        self.start(name, "crash" if code else "end", f"exit code {code}")

    def change(self, name: str, **fields: Any) -> None:
        """Its entry is another one from now on."""
        kept = self.programs[name]
        kept.entry = {**kept.entry, **fields, "since": time.time()}


class FakeKeeper(Keeper):
    """As the real client, over a world in memory."""

    def __init__(self, world: KeeperWorld) -> None:
        self.world = world
        self.reachable = True

    @property
    def life(self) -> str:
        return "1"

    @property
    def others(self) -> Sequence[ProcessInfo]:
        return ()

    async def hello(self) -> Hello:
        self._check()
        return Hello("full", "", "1")

    async def look(self) -> Mapping[str, Entry]:
        self._check()
        for name, kept in [*self.world.programs.items()]:
            if kept.entry["state"] == "stopping":
                kept.looks += 1
                if kept.looks > PATIENCE:
                    self._stopped(name, kept)
        return {name: kept.entry for name, kept in self.world.programs.items()}

    async def do(self, verb: str, name: str, args: Mapping[str, Json] | None = None) -> None:
        self._check()
        self.world.mutations += 1
        verbs: dict[str, Callable[[str, Mapping[str, Json]], None]] = {
            "keep": self._keep,
            "start": self._start,
            "replace": self._replace,
            "run": self._run,
            "stop": self._stop,
            "signal": self._signal,
            "remove": self._remove,
        }
        if verb != "keep" and name not in self.world.programs:
            if verb in {"stop", "remove"}:
                return
            raise Transient(f"{name} is not kept", reason="UnknownProgram")
        verbs[verb](name, args or {})

    async def do_all(self, operations: Sequence[Operation]) -> list[ReconcileError | None]:
        whys: list[ReconcileError | None] = []
        for operation in operations:
            try:
                await self.do(*operation)
            except ReconcileError as exc:
                whys.append(exc)
            else:
                whys.append(None)
        return whys

    async def view(self, name: str) -> Json | None:
        kept = self.world.programs.get(name)
        return kept.started_with["view"] if kept is not None and kept.started_with else None

    async def tail(self, name: str, lines: int = 50) -> list[str]:
        del name, lines
        return []

    def _keep(self, name: str, args: Mapping[str, Json]) -> None:
        kept = self.world.programs.setdefault(name, Kept(_fresh(name)))
        kept.settings = args["settings"]
        self.world.change(name, stamp=args["stamp"])
        if kept.entry["wanted"] and kept.entry["state"] in {"armed", "completed"}:
            self._start_or_arm(name, kept, ("spec", "kept in another way"))

    def _start(self, name: str, args: Mapping[str, Json]) -> None:
        kept = self.world.programs[name]
        self.world.change(name, wanted=True, epoch=max(kept.entry["epoch"], args["epoch"]))
        self._start_or_arm(name, kept, (args["cause"], args["detail"]))

    def _start_or_arm(self, name: str, kept: Kept, why: tuple[str, str]) -> None:
        if kept.entry["state"] in LIVE:
            return
        if kept.settings["mode"] == "cron":
            self.world.change(name, state="armed")
        else:
            self.world.start(name, *why)

    def _replace(self, name: str, args: Mapping[str, Json]) -> None:
        world, entry = self.world, self.world.programs[name].entry
        record = world.record(name) or {}
        if entry["epoch"] >= args["epoch"] and entry["digest"] == record.get("digest"):
            return
        world.change(name, wanted=True, epoch=max(entry["epoch"], args["epoch"]))
        if name in world.stubborn and entry["state"] == "running":
            world.stubborn.remove(name)
            world.change(name, state="stopping")
            return
        world.change(name, pid=0, born=0)
        world.start(name, args["cause"], args["detail"])

    def _run(self, name: str, args: Mapping[str, Json]) -> None:
        entry = self.world.programs[name].entry
        if entry["state"] == "armed" or args["concurrency"] == "replace":
            self.world.start(name, args["cause"], args["detail"])

    def _stop(self, name: str, _: Mapping[str, Json]) -> None:
        world = self.world
        world.change(name, wanted=False)
        if name in world.stubborn and world.programs[name].entry["state"] == "running":
            world.stubborn.remove(name)
            world.change(name, state="stopping")
        else:
            world.stop(name)

    def _signal(self, name: str, args: Mapping[str, Json]) -> None:
        self.world.signals.append((name, args["signal"]))

    def _remove(self, name: str, _: Mapping[str, Json]) -> None:
        del self.world.programs[name]

    def _stopped(self, name: str, kept: Kept) -> None:
        kept.looks = 0
        self.world.stop(name)
        if kept.entry["wanted"]:
            self.world.start(name, "spec", "")

    def _check(self) -> None:
        if not self.reachable:
            raise Transient("supervisord: nobody answers", reason="Unreachable")


class _Silent(Supervisord):
    """A supervisord that knows nothing but what its keeper does."""

    async def processes(self) -> list[ProcessInfo]:
        return []

    async def process(self, name: str) -> ProcessInfo | None:
        del name
        return None


def _fresh(name: str) -> dict[str, Any]:
    texts = dict.fromkeys(("stamp", "digest", "revision", "error"), "")
    numbers = dict.fromkeys(("epoch", "pid", "born", "failures", "brief", "restarts"), 0)
    unknown = dict.fromkeys(("next", "last", "memory", "warning"))
    about = {"state": "stopped", "wanted": False, "log": f"log/{name}.log"}
    return {**about, **texts, **numbers, **unknown, "since": 0.0, "causes": []}
