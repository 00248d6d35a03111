"""Brings a copy to the remote. What others pushed is never overwritten, and nothing is forced."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import partial
from typing import Final

from ...clients.git_objects import FILE, TREE, Entry, ObjectStore
from ...clients.git_remote import UPSTREAM
from ...clients.git_tidy import tidy
from ...clients.git_transfer import Moved
from ...clients.git_trees import MOST, Trees
from ...core.errors import Transient
from ...core.model import Json
from .beside import Beside
from .job import Job
from .large.marks import combine, encode
from .large.reading import read_marks
from .merge import Merge, Sides, merge
from .scan import Copy

PUSHES: Final = 5


class Publishing:
    """One target's newest copy, on its way to the remote."""

    def __init__(self, job: Job) -> None:
        self._job = job

    async def run(self, ours: Copy) -> None:
        """Afterwards the remote has every change that was made here and clashes with none there."""
        if await self.is_done() or await self._onto_known(ours):
            return
        for _ in range(PUSHES):
            try:
                tip = await self._job.fetched_tip()
                await self._onto(tip, ours)
            except Moved:
                continue
            return
        raise Transient(
            f"{self._job.settings.url} changes faster than we can push", reason="RemoteMoving"
        )

    async def is_done(self) -> bool:
        """Whether the remote was last seen as it was when it had just this copy."""
        contact = self._job.folder.read("contact") or {}
        seen = self._job.status.get("seen")
        same = bool(contact.get("ok")) and seen is not None and contact.get("tip") == seen
        return same and await self._job.unpushed() is None

    async def _onto_known(self, ours: Copy) -> bool:
        """Push without asking first: git refuses when the remote is not as it was last seen."""
        job = self._job
        contact, seen = job.folder.read("contact") or {}, job.status.get("seen")
        if not contact.get("ok") or seen is None or contact.get("tip") != seen:
            return False
        if await job.history.ref(UPSTREAM) != seen:
            return False
        theirs = await job.history.entry(seen, job.place.inside)
        if theirs is None or not await job.knows(theirs):
            return False
        try:
            await self._onto(seen, ours)
        except Moved:
            return False
        return True

    async def _onto(self, tip: str | None, ours: Copy) -> None:
        job = self._job
        theirs = await job.copy(tip)
        if theirs == ours:
            await job.agree(tip, ours.entry, ours.entry)
            return
        merged = await self._merge(theirs.entry, ours.entry)
        conflict = await Beside(job).keep(tip, ours, merged.clashes)
        wanted = Copy(merged.entry, ours.modes, await self._mark(theirs, ours, merged))
        if wanted == theirs:
            await job.agree(tip, ours.entry, merged.entry, conflict=conflict)
        else:
            await self._push(tip, wanted, ours, conflict)

    async def _merge(self, theirs: Entry | None, ours: Entry | None) -> Merge:
        job = self._job
        if ours is None:
            raise ValueError("there is nothing to push")
        base = await job.base()
        if theirs is None or (base is None and job.state.on_start == "skip"):
            return Merge(ours, {}, {})
        base, _ = await job.bases(theirs)
        disputed = tuple((job.status.get("conflict") or {}).get("paths") or ())

        def work() -> Merge:
            with job.history.reader() as reader:
                trees = Trees(reader, most=3 * MOST)
                merged = merge(trees, Sides(base, ours, theirs), disputed)
            objects = ObjectStore(job.folder.path)
            for content in merged.fresh.values():
                objects.content("tree", content)
            objects.settle()
            return merged

        return await asyncio.to_thread(work)

    async def _mark(self, theirs: Copy, ours: Copy, merged: Merge) -> Entry | None:
        """The marks of large files, of both sides where they differ."""
        if theirs.marks in {None, ours.marks} or theirs.entry is None:
            return ours.marks
        job = self._job

        def work() -> Entry:
            with job.history.reader() as reader:
                trees = Trees(reader)
                both = read_marks(reader, ours.marks), read_marks(reader, theirs.marks)
                at = partial(_id_at, trees, merged.entry)
                marks = combine(*both, at, moment=time.time())
            objects = ObjectStore(job.folder.path)
            entry = Entry(FILE, objects.content("blob", encode(marks)))
            objects.settle()
            return entry

        return await asyncio.to_thread(work)

    async def _push(
        self, tip: str | None, wanted: Copy, ours: Copy, conflict: Mapping[str, object] | None
    ) -> None:
        job = self._job
        commit = await self._on_top_of(tip, wanted)
        job.try_push(ours.entry, wanted.entry)
        try:
            await job.remote.push(commit, job.settings.branch)
        except Transient as exc:
            if exc.reason != "PushRefused" or "shallow" not in str(exc):
                raise
            # The remote's history was rewritten: it no longer knows what ours stands on.
            commit = await job.commit(tip, wanted, [tip] if tip else [])
            await job.remote.push(commit, job.settings.branch)
        await job.agree(commit, ours.entry, wanted.entry, conflict=conflict)
        job.remember(pushed=time.time())
        await tidy(job.folder, UPSTREAM)

    async def _on_top_of(self, tip: str | None, wanted: Copy) -> str:
        """What is wanted as the next commit after ``tip``; copies taken offline come along."""
        job = self._job
        saved = await job.history.ref(job.saved)
        is_it = saved is not None and await job.copy(saved) == wanted
        if saved is not None and is_it and await job.history.leads_to(tip, saved):
            return saved
        parents = [tip] if tip else []
        if tip and saved and (job.status.get("chain") or 0) > 1:
            parents.append(saved)
        return await job.commit(tip, wanted, parents)


async def push_saved(job: Job) -> dict[str, Json]:
    """Bring the newest copy that was taken here to the remote, if it is not there yet."""
    job.meter.begin("push")
    unpushed = await job.unpushed()
    if unpushed is not None:
        await Publishing(job).run(await job.copy(unpushed))
        job.note(error=None)
    return {**job.summary(), "changed": unpushed is not None}


def _id_at(trees: Trees, top: Entry, path: str) -> str | None:
    """The id of what stands at a path of a target; a single file is all there is to it."""
    if top.mode != TREE:
        return top.id
    found = trees.at(top.id, path)
    return found.id if found is not None else None
