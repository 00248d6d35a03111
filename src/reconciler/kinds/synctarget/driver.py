"""SyncTarget, in the world: marks in git folders, latches, files."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import assert_never

from ...clients.git_folder import GitFolder, GitFolders, Settings
from ...core.errors import ReconcileError, Terminal, Transient, Waiting
from ...core.model import Json, Observed
from ...core.ordered import Progress
from ...core.sealed import Sealed
from .actions import (
    Accept,
    Backup,
    Pull,
    Push,
    Restore,
    RestoreAt,
    Stage,
    SyncTargetAction,
    Track,
    Untrack,
    Verify,
)
from .adopted import Origin, go_on_from
from .backup import Backup as RunBackup
from .by_hand import ByHand
from .drill import Drill
from .job import Job
from .latch import Latches
from .marks import Marks
from .observing import Fresh, Observing
from .publish import push_saved
from .pull import Pull as RunPull
from .ready import is_pulled
from .restore import Restore as RunRestore
from .seen import parse
from .sight import Sight
from .state import SyncTargetState
from .versions import deepen, files, versions


class SyncTargetDriver:
    """Keeps targets. The mark of ownership is a note per target in its repository's git folder."""

    def __init__(
        self,
        folders: GitFolders,
        latches: Latches,
        *,
        host: str = "",
        wake: Callable[[], object] = lambda: None,
        known: Callable[[], tuple[Sealed, ...]] = tuple,
    ) -> None:
        self._wake = wake
        self._known_secrets = known
        self._folders = folders
        self._latches = latches
        self.begin_adoption = latches.adopt
        self._host = host or socket.gethostname()
        self._stack = folders.root.parent.parent
        self._sights: dict[str, Sight] = {}
        self._fresh: dict[str, Fresh] = {}
        self._marks = Marks(folders, self._stack)
        self._look = Observing(folders, latches, self._stack, self._sights, self._fresh)

    def progress(self, name: str) -> Progress | None:
        """How far what is being done with a target is."""
        known = self._fresh.get(name)
        return known.meter.read() if known is not None else None

    async def observe(self) -> Mapping[str, Observed[SyncTargetState]]:
        return await self._look.look()

    async def apply(self, action: SyncTargetAction) -> dict[str, Json] | None:
        match action:
            case Track(name, state):
                self._marks.set(name, state)
            case Untrack(name):
                await self._untrack(name)
            case Stage() | Restore() | RestoreAt() | Accept():
                return await self._bring_back(action)
            case Verify():
                return await self._verify(action)
            case Backup() | Push() | Pull():
                return await self._keep(action)
            case _:
                assert_never(action)
        return None

    async def log(self, name: str, limit: int, *, fetch: bool = False) -> list[dict[str, Json]]:
        """The versions of a target, newest first."""
        if fetch:
            async with self._job(name) as job:
                await deepen(job, limit)
        return await versions(self._glance(name), limit)

    async def files(
        self, name: str, limit: int, at: str = "", *, large: bool = False
    ) -> dict[str, Json]:
        """What a version of a target holds."""
        return await files(self._glance(name), limit, at, large_only=large)

    async def go_on_from(self, name: str, history: Path) -> Origin | None:
        """Go on with what another tool kept in the repository at ``history``."""
        async with self._job(name) as job:
            return await go_on_from(job, self._latches, history)

    async def _untrack(self, name: str) -> None:
        self._marks.drop(name)
        self._latches.clear(name)
        self._lose_sight(name)
        self._fresh.pop(name, None)

    async def _bring_back(
        self, action: Stage | Restore | RestoreAt | Accept
    ) -> dict[str, Json] | None:
        known, by_hand = self._known(action.name), isinstance(action, RestoreAt)
        async with self._job(action.name, noted=not by_hand) as job:
            restore = RunRestore(job, self._latches, known.sure)
            try:
                match action:
                    case Stage() if job.settings.url and not self._latches.holds(job.place):
                        self._latches.wait(job.name)
                        await restore.stage()
                    case Restore():
                        self._lose_sight(job.name)
                        known.busy = True
                        await (
                            self._pulling(job) if is_pulled(job.folder, job.name) else restore
                        ).put()
                    case Accept():
                        await restore.accept()
                    case RestoreAt():
                        return await ByHand(job, restore, action).run()
            finally:
                known.busy = False
                if by_hand:  # who has to rest for it is looked after by another lane
                    self._wake()
        return None

    async def _verify(self, action: Verify) -> dict[str, Json]:
        known = self._known(action.name)
        async with self._job(action.name, noted=False) as job:
            _demand_remote(job.name, job.settings)
            drill, known.drill = known.drill or Drill(job, action.share), None
            try:
                return await drill.run(job, by_hand=action.by_hand)
            except Waiting:
                known.drill = drill  # it goes on
                raise

    def _known(self, name: str) -> Fresh:
        return self._fresh.setdefault(name, Fresh())

    async def _keep(self, action: Backup | Push | Pull) -> dict[str, Json]:
        _demand_remote(action.name, self._find(action.name)[1])
        try:
            async with self._job(action.name) as job:
                match action:
                    case Push():
                        return await push_saved(job)
                    case Backup(_, last):
                        self._demand_restored(job)
                        return await self._backup(job, last=last)
                    case Pull():
                        self._demand_restored(job)
                        return await self._pulling(job).stage()
        finally:
            if isinstance(action, Pull):  # who has to rest for it is looked after by another lane
                self._wake()

    async def _backup(self, job: Job, *, last: bool) -> dict[str, Json]:
        kept = await RunBackup(job, self._sight(job), last=last).run()
        if kept is not None and job.state.on_start != "skip" and job.place.holds_something():
            self._latches.set(job.place, held=True)
        return job.summary()

    def _pulling(self, job: Job) -> RunPull:
        restore = RunRestore(job, self._latches, self._known(job.name).sure)
        return RunPull(job, self._sight(job), restore)

    def _demand_restored(self, job: Job) -> None:
        if not self._look.standing(job.folder, job.settings, job.name, job.state).restored:
            raise Waiting(
                f"{job.place.path} was not restored yet; it is not backed up before",
                reason="NotRestored",
                after=1.0,
            )

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
    async def _job(self, name: str, *, noted: bool = True) -> AsyncIterator[Job]:
        """Open a target for an action; how it failed is ``noted``, if it is the target's fault."""
        folder, settings, state = self._find(name)
        async with folder.alone():
            meter = self._known(name).meter
            job = Job(name, state, folder, settings, self._stack, self._host, meter)
            job.known = self._known_secrets()
            try:
                yield job
            except Waiting:
                raise
            except ReconcileError as exc:
                if noted:
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


def _demand_remote(name: str, settings: Settings) -> None:
    if not settings.url:
        raise Terminal(f"the Repository of {name} has no url", reason="Disabled")
