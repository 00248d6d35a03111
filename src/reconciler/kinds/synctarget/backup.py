"""Takes what differs, keeps it here, and has it pushed."""

from __future__ import annotations

import time
from typing import Final

from ...clients.git_objects import EMPTY_TREE, ObjectStore
from ...clients.git_remote import UPSTREAM
from ...clients.git_tidy import tidy
from ...clients.offload import offload
from ...core.errors import Transient, Waiting
from .job import Job, MakeLarge
from .large.collect import collect
from .large.pointer import RELEASE
from .large.upload import Deferred, Uploads
from .look import Look
from .place import Place
from .publish import Publishing
from .scan import Copy, Scan
from .secrets import Guard
from .sight import Sight
from .snapshot import snapshot
from .take import LATER

_VERSIONS: Final = 3
PATIENCE: Final = 30.0
"""Seconds to wait, all in all, for a path that never gets quiet."""


class Backup:
    """One backup of one target. Killed at any point, the next one finishes what is left."""

    def __init__(self, job: Job, sight: Sight, *, last: bool = False) -> None:
        self._guard = Guard(job.state.secrets, job.state.allowed, job.known)
        self._last = last
        self._job = job
        self._sight = sight
        # What a command leaves is made anew each time: all of it is taken in one go.
        self._ready = bool(job.state.command) and not last
        """Whether it is the turn of the large files."""

    async def run(self) -> Copy | None:
        """What the remote has of this target afterwards; None when there is nothing to keep."""
        self._job.meter.begin("look")
        touched = await self._sight.since()
        if touched is not None and not touched and await self._is_all_said():
            self._sight.facts = {"attempt": time.time(), "backed": time.time()}
            return self._sight.copy
        if self._ready and (self._job.folder.read("contact") or {}).get("empty"):
            await self._begin()
        copy = await self._take_or_give_back(touched)
        later = {one.path for one in self._sight.skipped.values() if one.reason == LATER}
        await self._publish(copy)
        if later and not self._last and not self._ready:
            copy = await self._bring(later, first=copy is None) or copy
        if copy is None and not later:
            await self._refuse_emptied()
        if copy is not None and self._job.state.large is not None:
            await collect(self._job)
        self._job.note(backed=time.time(), error=None)
        self._sight.facts = {}
        return copy

    async def _bring(self, later: set[str], *, first: bool) -> Copy | None:
        """Large files come after the others; they are in the store before git says so."""
        job = self._job
        job.note()
        job.meter.begin("upload", len(later))
        if first and await job.fetched_tip() is None:
            await self._begin()
        self._ready = True
        copy = await self._take_or_give_back(later if job.place.is_folder else None)
        await self._publish(copy)
        return copy

    async def _publish(self, copy: Copy | None) -> None:
        if copy is not None:
            self._job.meter.begin("push")
            await Publishing(self._job).run(copy)

    async def _begin(self) -> None:
        """An empty commit: a host makes no release of a repository without any."""
        large = self._job.state.large
        if large is None or large.store != RELEASE:
            return
        job, objects = self._job, ObjectStore(self._job.folder.path)
        tree = await job.history.graft(None, {}, objects)
        message = f"begin the backup of {job.name} from {job.host}\n"
        commit = await job.history.commit(tree, [], message, job.settings, store=objects)
        await job.remote.push(commit, job.settings.branch)

    async def _take_or_give_back(self, touched: set[str] | None) -> Copy | None:
        try:
            return await self._take(touched)
        except BaseException:
            self._sight.watch.give_back(touched)
            raise

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
        with job.open_cache(self._guard.about) as cache, ObjectStore(job.folder.path) as objects:
            look = Look(place, self._sight, touched, cache, self._guard, *self._kept())
            scan = await job.look(look.run, cache, objects, self._large(objects))
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

    def _large(self, objects: ObjectStore) -> MakeLarge | None:
        large = self._job.state.large
        if large is None:
            return None
        if self._ready:
            return lambda stop: Uploads(self._job, objects, stop)
        return lambda _: Deferred(large.threshold)

    def _kept(self) -> tuple[int, tuple[str, ...]]:
        """How many versions of large files are kept, and which blobs are gone."""
        large = self._job.state.large
        return large.versions if large else _VERSIONS, tuple(self._job.status.get("deleted") or ())

    def _settle(self, quiet: float) -> None:
        """Wait for quiet, but not for ever."""
        if self._last or self._ready:
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
            place = self._job.place
            lies = "is empty" if place.is_folder else "is not there"
            raise Transient(
                f"{place.path} {lies}, and the remote keeps what was; put something there, "
                f"`reconciler sync restore {place.name}`, or delete it from the remote",
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
