"""Takes what differs, keeps it here, and has it pushed."""

from __future__ import annotations

import time
from typing import Final

from ...clients.git_objects import EMPTY_TREE, ObjectStore
from ...clients.git_remote import UPSTREAM
from ...clients.git_tidy import tidy
from ...clients.offload import offload
from ...core.errors import Transient, Waiting
from .job import Job
from .look import Look
from .place import Place
from .publish import Publishing
from .scan import Copy, Scan
from .sight import Sight
from .snapshot import snapshot

PATIENCE: Final = 30.0
"""Seconds to wait, all in all, for a path that never gets quiet."""


class Backup:
    """One backup of one target. Killed at any point, the next one finishes what is left."""

    def __init__(self, job: Job, sight: Sight, *, last: bool = False) -> None:
        self._last = last
        self._job = job
        self._sight = sight

    async def run(self) -> Copy | None:
        """What the remote has of this target afterwards; None when there is nothing to keep."""
        self._job.meter.begin("look")
        touched = await self._sight.since()
        if touched is not None and not touched and await self._is_all_said():
            self._sight.facts = {"attempt": time.time(), "backed": time.time()}
            return Copy(self._sight.entry, self._sight.modes)
        try:
            copy = await self._take(touched)
        except BaseException:
            self._sight.watch.give_back(touched)
            raise
        if copy is None:
            await self._refuse_emptied()
            self._job.note(backed=time.time(), error=None)
            return None
        self._job.meter.begin("push")
        await Publishing(self._job).run(copy)
        self._job.note(backed=time.time(), error=None)
        self._sight.facts = {}
        return copy

    async def _is_all_said(self) -> bool:
        status = self._job.status
        calm = status.get("error") is None and not status.get("waited")
        return calm and await Publishing(self._job).is_done()

    async def _take(self, touched: set[str] | None) -> Copy | None:
        """Look, and keep what was found; None when there is nothing."""
        job = self._job
        if touched:
            self._settle(self._sight.quiet())
        if not job.state.command:
            return await self._take_from(job.place, touched)
        async with snapshot(
            job.place, job.state.command, job.folder.scratch(), job.folder.git.surroundings
        ) as place:
            return await self._take_from(place, touched)

    async def _take_from(self, place: Place, touched: set[str] | None) -> Copy | None:
        job = self._job
        with job.open_cache() as cache, ObjectStore(job.folder.path) as objects:
            scan = await job.look(Look(place, self._sight, touched, cache).run, cache, objects)
            if touched is None and not job.state.command:
                self._settle(time.time() - scan.newest)
            job.remember(attempt=time.time(), waited=None)
            empty = scan.entry is None or scan.entry == EMPTY_TREE
            if not empty:
                await self._save(scan, objects)
            cache.commit()
            files, size = cache.totals()
        self._sight.learn(scan)
        skipped = [one._asdict() for _, one in sorted(self._sight.skipped.items())]
        job.remember(skipped=skipped, files=files, bytes=size)
        return None if empty else scan.copy

    def _settle(self, quiet: float) -> None:
        """Wait for quiet, but not for ever."""
        if self._last:
            return
        waited = self._job.status.get("waited") or time.time()
        if 0 <= quiet < self._job.state.settle and 0 <= time.time() - waited < PATIENCE:
            self._job.note(waited=waited)
            after = self._job.state.settle - quiet
            raise Waiting(
                f"{self._job.place.path} is being written to", reason="Settling", after=after
            )

    async def _refuse_emptied(self) -> None:
        """Nothing is no version of something: that a person must say."""
        if await self._job.base() is not None:
            raise Transient(
                f"{self._job.place.path} is empty, and its backup is not; put something there, "
                "or delete it from the remote",
                reason="Emptied",
            )

    async def _save(self, scan: Scan, objects: ObjectStore) -> None:
        """Record the copy locally, so that it is kept even while the remote cannot be reached."""
        job = self._job
        saved = await job.history.ref(job.saved)
        if await job.copy(saved) == scan.copy:
            return
        await offload(lambda _: scan.store(objects))
        unpushed = await job.unpushed()
        parent = unpushed or await job.history.ref(UPSTREAM)
        commit = await job.commit(parent, scan.copy, [parent] if parent else [], objects)
        job.remember(chain=(job.status.get("chain") or 0) + 1 if unpushed else 1, saved=time.time())
        await job.history.move(commit, job.saved)
        if unpushed:  # nothing is pushed for long: copies must not pile up
            await tidy(job.folder, UPSTREAM)
