"""Brings here what others changed on the remote, and nothing else: what lies here is pushed first.

A path that was changed here as well stays as it is; what is replaced is put aside.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ...clients.git_objects import EMPTY_TREE, FILE, TREE, Entry, ObjectStore
from ...clients.git_trees import MOST, Trees
from ...clients.offload import offload
from ...clients.sqlite import SIDECARS
from ...core.errors import ReconcileError, Transient, Waiting
from ...core.model import Json
from .backup import Backup
from .gathered import Gathered
from .job import Job
from .large.download import Downloads
from .large.found import list_version
from .merge import Sides, merge
from .ready import PULL, forget
from .restore import Restore
from .scan import Copy
from .sight import Sight


class Brought(NamedTuple):
    """What is to lie here, from which commit, and the paths that differ from it."""

    entry: Entry
    commit: str
    found: Gathered


class Pull:
    """One pull of one target. Killed at any point, the next one does what is left."""

    def __init__(self, job: Job, sight: Sight, restore: Restore) -> None:
        self._job = job
        self._sight = sight
        self._restore = restore

    async def stage(self) -> dict[str, Json]:
        """What it came to; raises Waiting while there is something to be put in place."""
        brought = await self._look()
        if brought is not None:
            ready = self._restore.ready(brought.entry, brought.commit, brought.commit, PULL)
            ready.keep(self._job.folder, self._job.name)
            raise Waiting("waits until nobody has its files open", reason="Pulling", after=0.0)
        count = self._job.status.get("pulled") or 0
        self._job.note(pulled=None, error=None)
        words = f"{count} {'path' if count == 1 else 'paths'} brought here"
        told = self._job.summary()
        told["notes"] = [words if count else "nothing new on the remote", *told["notes"]]
        return {**told, "pulled": count}

    async def put(self) -> None:
        """Put it in place: nobody writes there now, and what was written until now is pushed.

        One that fails waits for nobody: whoever rests for it goes on.
        """
        try:
            brought = await self._look()
            if brought is None:
                forget(self._job.folder, self._job.name)
                return
            ready = self._restore.ready(brought.entry, brought.commit, brought.commit, PULL)
            done = self._job.status.get("pulled") or 0
            self._job.remember(pulled=done + len(brought.found.wanted.keys() | brought.found.here))
            await self._restore.exchange(ready, brought.found)
        except ReconcileError:
            forget(self._job.folder, self._job.name)
            raise

    async def _look(self) -> Brought | None:
        """What others changed; None when all of it is here."""
        job = self._job
        ours = await self._save()
        job.meter.begin("fetch")
        tip = await job.fetched_tip()
        theirs = await job.history.entry(tip, job.place.inside)
        if tip is None or theirs is None or theirs == EMPTY_TREE:
            return None
        wanted = await self._merge(ours.entry, theirs)
        if wanted == ours.entry:
            return None
        found = await self._differing(ours.entry, wanted, tip)
        return Brought(wanted, tip, found) if found.replaces else None

    async def _save(self) -> Copy:
        """What lies here, once the remote has it. Who may not push must have nothing to push."""
        job = self._job
        try:
            copy = await Backup(job, self._sight, last=True).run()
        except Transient as exc:
            saved = await job.copy(await job.history.ref(job.saved))
            if exc.reason != "ReadOnly" or saved.entry != await job.base():
                raise
            return saved
        return copy or Copy(None, None)

    async def _merge(self, ours: Entry | None, theirs: Entry) -> Entry:
        """Theirs, but for what both changed: there ours stays until somebody has decided."""
        job = self._job
        disputed = tuple((job.status.get("conflict") or {}).get("paths") or ())
        if ours is None or not disputed:
            return theirs

        def work() -> Entry:
            with job.history.reader() as reader:
                merged = merge(Trees(reader, most=3 * MOST), Sides(ours, theirs, ours), disputed)
            objects = ObjectStore(job.folder.path)
            for content in merged.fresh.values():
                objects.content("tree", content)
            objects.settle()
            return merged.entry

        return await offload(lambda _: work())

    async def _differing(self, ours: Entry | None, wanted: Entry, tip: str) -> Gathered:
        """Only the paths that change: nothing else here is touched."""
        job, place = self._job, self._job.place
        saved = await job.history.ref(job.saved)
        before = (
            (await list_version(job, job.history, saved, ours)).wanted if ours is not None else {}
        )
        after = await list_version(job, job.history, tip, wanted)
        changed = {
            path
            for path in before.keys() | after.wanted.keys()
            if before.get(path) != after.wanted.get(path) and not place.excluded(path)
        }
        here = {path: before[path] for path in changed & before.keys()}
        logs = set(_sidecars(place.folder, changed)) - after.wanted.keys()
        here |= {path: Entry(FILE, "") for path in logs}
        there = {path: after.wanted[path] for path in changed & after.wanted.keys()}
        missing = {path: entry for path, entry in there.items() if entry.mode != TREE}
        large = {path: after.pointers[path] for path in missing.keys() & after.pointers.keys()}
        return Gathered(there, here, missing, there, Downloads(job, large), whole=False)


def _sidecars(folder: Path, paths: set[str]) -> Iterator[str]:
    """The logs of databases that are replaced: a new database would be damaged by an old log."""
    for path in paths:
        for suffix in SIDECARS:
            if os.path.lexists(folder / f"{path}{suffix}"):
                yield f"{path}{suffix}"
