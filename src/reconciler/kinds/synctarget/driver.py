"""SyncTarget, in the world: marks in git folders, latches, files."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import assert_never

from ...clients.git_folder import GitFolder, GitFolders, Settings
from ...core.errors import ReconcileError, Terminal, Transient, Waiting
from ...core.model import Json, Observed
from ...core.ordered import Progress
from .actions import Backup, Push, Restore, SyncTargetAction, Track, Untrack
from .backup import Backup as RunBackup
from .cache import drop_cache
from .job import Job
from .latch import Latches
from .meter import Meter
from .place import Place, place_of
from .publish import push_saved
from .restore import Restore as RunRestore
from .seen import parse, vitals_of
from .sight import Sight
from .state import SyncTargetState
from .versions import deepen, files, versions


class SyncTargetDriver:
    """Keeps targets. The mark of ownership is a note per target in its repository's git folder."""

    def __init__(self, folders: GitFolders, latches: Latches, *, host: str = "") -> None:
        self._folders = folders
        self._latches = latches
        self._host = host or socket.gethostname()
        self._stack = folders.root.parent.parent
        self._sights: dict[str, Sight] = {}
        self._meters: dict[str, Meter] = {}

    def progress(self, name: str) -> Progress | None:
        """How far what is being done with a target is."""
        meter = self._meters.get(name)
        return meter.read() if meter is not None else None

    async def observe(self) -> Mapping[str, Observed[SyncTargetState]]:
        return await asyncio.to_thread(self._look)

    async def apply(self, action: SyncTargetAction) -> dict[str, Json] | None:
        match action:
            case Track(name, state):
                await self._track(name, state)
            case Untrack(name):
                await self._untrack(name)
            case Restore(name):
                await self._restore(name)
            case Backup(name, last):
                return await self._backup(name, last=last)
            case Push(name):
                async with self._job(name) as job:
                    return await push_saved(job)
            case _:
                assert_never(action)
        return None

    async def log(self, name: str, limit: int, *, fetch: bool = False) -> list[dict[str, Json]]:
        """The versions of a target, newest first."""
        if fetch:
            async with self._job(name) as job:
                await deepen(job, limit)
        return await versions(self._glance(name), limit)

    async def files(self, name: str, limit: int, at: str = "") -> dict[str, Json]:
        """What a version of a target holds."""
        return await files(self._glance(name), limit, at)

    def _look(self) -> dict[str, Observed[SyncTargetState]]:
        seen = {}
        for folder, settings in self._folders.configured():
            for name, noted in folder.notes("targets"):
                state = parse(folder.name, noted)
                ready = self._is_restored(name, state, settings)
                seen[name] = Observed(
                    state.model_copy(update={"restored": ready}),
                    owned=True,
                    vitals=vitals_of(folder, name, settings, ready=ready) | self._fresh(name),
                )
        return seen

    def _fresh(self, name: str) -> dict[str, Json]:
        """What is newer than the notes."""
        sight = self._sights.get(name)
        return {} if sight is None else {**sight.facts, "watch": sight.watch.problem or None}

    def _is_restored(self, name: str, state: SyncTargetState, settings: Settings | None) -> bool:
        if state.on_start == "skip":
            return True
        if settings is None:  # damaged: where the path lies is unknown, and nobody stops for that
            return self._latches.is_current(name)
        return self._latches.holds(place_of(name, state, settings.base, stack=self._stack))

    async def _track(self, name: str, state: SyncTargetState) -> None:
        folder = self._folders.open(state.repository)
        settings = folder.demand_settings()
        _refuse_own(place_of(name, state, settings.base, stack=self._stack), self._stack)
        _refuse_overlap(folder, name, state.path)
        noted = folder.read(f"targets/{name}")
        if noted is not None and noted.get("path") != state.path:
            folder.drop(f"status/{name}")  # speaks of another path
        await self._drop_marks(name, but=folder)
        folder.write(f"targets/{name}", state.model_dump(mode="json", by_alias=False))

    async def _untrack(self, name: str) -> None:
        await self._drop_marks(name, but=None)
        self._latches.clear(name)
        self._lose_sight(name)

    async def _drop_marks(self, name: str, *, but: GitFolder | None) -> None:
        for folder, _ in tuple(self._folders.configured()):
            if folder is not but and folder.read(f"targets/{name}") is not None:
                drop_cache(folder.own / "cache" / f"{name}.db")
                for topic in ("status", "targets"):
                    folder.drop(f"{topic}/{name}")

    async def _restore(self, name: str) -> None:
        async with self._job(name) as job:
            place = job.place
            if self._latches.holds(place):
                return
            self._lose_sight(name)
            held = await RunRestore(job, self._latches).run()
            job.note(error=None)
            self._latches.set(place, held=held)

    async def _backup(self, name: str, *, last: bool) -> dict[str, Json]:
        async with self._job(name) as job:
            if not self._is_restored(name, job.state, job.settings):
                raise Waiting(
                    f"{job.place.path} was not restored yet; it is not backed up before",
                    reason="NotRestored",
                    after=1.0,
                )
            kept = await RunBackup(job, self._sight(job), last=last).run()
            if kept is not None and job.state.on_start != "skip" and job.place.holds_something():
                self._latches.set(job.place, held=True)
            return job.summary()

    def _sight(self, job: Job) -> Sight:
        """What is known of the target; nothing, when it is another than it was."""
        found = self._sights.get(job.name)
        if found is None or not found.fits(job.place, job.state):
            self._lose_sight(job.name)
            found = self._sights[job.name] = Sight.of(job.place, job.state)
        return found

    def _lose_sight(self, name: str) -> None:
        """Whatever lies there may be another by now."""
        found = self._sights.pop(name, None)
        if found is not None:
            found.watch.close()

    @asynccontextmanager
    async def _job(self, name: str) -> AsyncIterator[Job]:
        """Open a target for an action, and note how the action failed if it does."""
        folder, settings, state = self._find(name)
        async with folder.alone():
            meter = self._meters.setdefault(name, Meter())
            job = Job(name, state, folder, settings, self._stack, self._host, meter)
            try:
                yield job
            except Waiting:
                raise
            except ReconcileError as exc:
                job.note(error={"reason": exc.reason, "message": str(exc)})
                if exc.reason == "Locked":
                    folder.suspect()
                if exc.reason == "Corrupt" and await folder.is_damaged():
                    self._lose_sight(name)
                    await folder.rebuild()
                raise
            finally:
                meter.end()

    def _glance(self, name: str) -> Job:
        """A target to be read only: nobody needs to wait for that."""
        folder, settings, state = self._find(name)
        return Job(name, state, folder, settings, self._stack, self._host)

    def _find(self, name: str) -> tuple[GitFolder, Settings, SyncTargetState]:
        for folder, settings in self._folders.configured():
            noted = folder.read(f"targets/{name}")
            if noted is not None:
                if settings is None:
                    break
                return folder, settings, parse(folder.name, noted)
        raise Transient(f"SyncTarget/{name} is not set up yet", reason="NotTracked")


def _refuse_own(place: Place, stack: Path) -> None:
    if place.path.resolve().is_relative_to(stack.resolve()):
        raise Terminal(
            f"SyncTarget/{place.name} ({place.path}) lies in the state directory {stack}, "
            "which holds secrets; choose another path",
            reason="PathRefused",
        )


def _refuse_overlap(folder: GitFolder, name: str, path: str) -> None:
    """Two targets that share a path would undo each other. Either may go, so it is tried again."""
    mine = path.rstrip("/") + "/"
    for other, noted in folder.notes("targets"):
        theirs = str(noted.get("path", "")).rstrip("/") + "/"
        if other != name and (mine.startswith(theirs) or theirs.startswith(mine)):
            raise Transient(
                f"SyncTarget/{name} ({path}) overlaps SyncTarget/{other} ({noted['path']}); "
                "give each a path of its own",
                reason="PathOverlap",
            )
