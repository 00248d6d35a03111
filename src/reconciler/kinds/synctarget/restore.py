"""Puts a backup in place: all of it is here and checked before anything live is touched."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from ...clients.files import free_space
from ...clients.git_objects import EMPTY_TREE, FILE, PROGRAM, TREE, Entry
from ...clients.offload import offload
from ...core.errors import Transient
from .job import Job
from .latch import Latches
from .modes import Modes, decode
from .swap import Swap, make_root
from .vet import Listing, vet

LARGEST: Final = 16 << 20
"""Bytes of the largest file of permissions that is believed."""
RESERVE: Final = 16 << 20
"""Bytes of the disk that a restore leaves."""


class Restore:
    """One restore of one target. Killed at any point, the next one starts from what it finds."""

    def __init__(self, job: Job, latches: Latches) -> None:
        self._job = job
        self._latches = latches

    async def run(self) -> bool:
        """Whether the backup holds anything; afterwards it lies at the path."""
        job, place = self._job, self._job.place
        job.meter.begin("fetch")
        tip = await job.fetched_tip()
        theirs = await job.history.entry(tip, place.inside)
        source, commit, from_remote = await self._source(theirs, tip)
        if source is None or source == EMPTY_TREE:
            await offload(lambda _: make_root(place))
            return False
        if from_remote and await job.knows(source) and self._latches.continues(place):
            return True  # what lies here grew out of this very backup, so it is newer
        self._demand_kind(source)
        await self._put(source, await self._modes(commit))
        if from_remote:
            await self._keep_unpushed()
            await job.agree(tip, source, source)
        return True

    async def _source(
        self, theirs: Entry | None, tip: str | None
    ) -> tuple[Entry | None, str | None, bool]:
        """The newest copy: a local one that was never pushed, if the remote stood still."""
        unpushed = await self._job.unpushed()
        if unpushed is not None and await self._job.knows(theirs):
            entry = await self._job.history.entry(unpushed, self._job.place.inside)
            return entry, unpushed, False
        return theirs, tip, True

    async def _modes(self, commit: str | None) -> Modes | None:
        """The permissions in a commit; without them what comes back is its owner's alone."""
        entry = await self._job.history.entry(commit, self._job.modes)
        if entry is None or entry.mode not in {FILE, PROGRAM}:
            return None
        return decode(await self._job.history.blob(entry.id, LARGEST))

    def _demand_kind(self, source: Entry) -> None:
        place = self._job.place
        if place.is_folder != (source.mode == TREE):
            held = "a folder" if source.mode == TREE else "a file"
            raise Transient(
                f"{place.inside} is {held} in the backup; write the path so, or move it there",
                reason="PathKind",
            )

    async def _put(self, source: Entry, modes: Modes | None) -> None:
        job, place = self._job, self._job.place
        wanted = vet(
            await job.history.listing(source.id) if place.is_folder else {place.path.name: source},
            job.name,
        )
        here = await job.listing()
        missing = {
            path: entry
            for path, entry in wanted.items()
            if entry.mode != TREE and here.get(path) != entry and not place.excluded(path)
        }
        await self._demand_room(missing)
        job.meter.begin("restore", len(missing))
        swap = Swap(place, self._quarantine(), modes, job.meter)
        await offload(lambda stop: swap.stage(job.folder.git, job.folder.path, missing, stop))
        await offload(lambda _: swap.run(wanted, here, tuple(missing)))
        job.note(restored=time.time(), put_aside=str(swap.aside) if swap.moved else None)

    async def _demand_room(self, missing: Listing) -> None:
        """What would fill the disk is not begun with: the sizes are known before the files are."""
        folder = next(
            one for one in (self._job.place.folder, *self._job.place.folder.parents) if one.is_dir()
        )
        asked = await self._job.history.weight(entry.id for entry in missing.values())
        there = free_space(folder)
        if asked > there - RESERVE:
            raise Transient(
                f"the restore of {self._job.name} needs {asked} bytes in {folder}, "
                f"where {there} are free; make room, or exclude paths",
                reason="DiskFull",
            )

    def _quarantine(self) -> Path:
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        return self._job.quarantine / self._job.name / moment

    async def _keep_unpushed(self) -> None:
        """The remote's version was taken; ours, which it never saw, stays within reach."""
        unpushed = await self._job.unpushed()
        if unpushed is not None:
            name = f"refs/reconciler/kept/{self._job.name}/{unpushed[:12]}"
            await self._job.history.move(unpushed, name)
