"""Takes what differs and pushes it. What others pushed is never overwritten."""

from __future__ import annotations

import re
import time
from typing import Final

from ...clients.git_objects import EMPTY_TREE, Entry, ObjectStore
from ...clients.git_remote import UPSTREAM, Moved
from ...clients.offload import offload
from ...core.errors import Transient, Waiting
from .job import Job
from .look import Look
from .place import Place
from .scan import Copy, Scan
from .sight import Sight
from .snapshot import snapshot

PUSHES: Final = 5
PATIENCE: Final = 30.0
"""Seconds to wait, all in all, for a path that never gets quiet."""


class Backup:
    """One backup of one target. Killed at any point, the next one finishes what is left."""

    def __init__(self, job: Job, sight: Sight) -> None:
        self._job = job
        self._sight = sight

    async def run(self) -> Copy | None:
        """What the remote has of this target afterwards; None when there is nothing to keep."""
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
        await self._publish(copy)
        self._job.note(backed=time.time(), error=None)
        self._sight.facts = {}
        return copy

    async def _is_all_said(self) -> bool:
        status = self._job.status
        calm = status.get("error") is None and not status.get("waited")
        return calm and await self._is_known_there()

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
        with job.open_cache() as cache:
            objects = ObjectStore(job.folder.path)
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
        commit = await self._commit(parent, scan.copy, [parent] if parent else [])
        job.remember(chain=(job.status.get("chain") or 0) + 1 if unpushed else 1, saved=time.time())
        await job.history.move(commit, job.saved)

    async def _commit(self, onto: str | None, ours: Copy, parents: list[str]) -> str:
        job = self._job
        edits = {job.place.inside: ours.entry, job.modes: ours.modes}
        tree = await job.history.graft(onto, edits)
        message = f"back up {job.name} from {job.host}\n"
        return await job.history.commit(tree, parents, message, job.settings)

    async def _publish(self, ours: Copy) -> None:
        if await self._is_known_there():
            return
        if await self._push_onto_known(ours):
            return
        for _ in range(PUSHES):
            try:
                await self._publish_once(ours)
            except Moved:
                continue
            return
        raise Transient(
            f"{self._job.settings.url} changes faster than we can push", reason="RemoteMoving"
        )

    async def _is_known_there(self) -> bool:
        """Whether the remote was last seen as it was when it had just this copy."""
        contact = self._job.folder.read("contact") or {}
        seen = self._job.status.get("seen")
        same = bool(contact.get("ok")) and seen is not None and contact.get("tip") == seen
        return same and await self._job.unpushed() is None

    async def _push_onto_known(self, ours: Copy) -> bool:
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
            await self._push(seen, ours)
        except Moved:
            return False
        return True

    async def _publish_once(self, ours: Copy) -> None:
        job = self._job
        tip = await job.fetched_tip()
        theirs = await job.copy(tip)
        if theirs == ours:
            await job.agree(tip, ours.entry)
        elif theirs.entry == ours.entry or await self._may_replace(theirs.entry):
            await self._push(tip, ours)
        elif ours.entry == await job.base():
            job.note(ahead=True, seen=tip, conflict=None)
            await job.history.move(await job.history.ref(job.saved), job.pushed)
        else:
            await self._keep_both(tip, theirs.entry, ours)

    async def _may_replace(self, theirs: Entry | None) -> bool:
        if theirs is None or await self._job.knows(theirs):
            return True
        return self._job.state.on_start == "skip" and await self._job.base() is None

    async def _push(self, tip: str | None, ours: Copy) -> None:
        job = self._job
        commit = await self._on_top_of(tip, ours)
        job.try_push(ours.entry)
        try:
            await job.remote.push(commit, job.settings.branch)
        except Transient as exc:
            if exc.reason != "PushRefused" or "shallow" not in str(exc):
                raise
            # The remote's history was rewritten: it no longer knows what ours stands on.
            commit = await self._commit(tip, ours, [tip] if tip else [])
            await job.remote.push(commit, job.settings.branch)
        await job.agree(commit, ours.entry)
        job.remember(pushed=time.time())
        await job.history.tidy()

    async def _on_top_of(self, tip: str | None, ours: Copy) -> str:
        """Our copy as the next commit after ``tip``; copies taken offline come along."""
        job = self._job
        saved = await job.history.ref(job.saved)
        if saved is not None and await job.history.leads_to(tip, saved):
            return saved
        parents = [tip] if tip else []
        if tip and saved and (job.status.get("chain") or 0) > 1:
            parents.append(saved)
        return await self._commit(tip, ours, parents)

    async def _keep_both(self, tip: str | None, theirs: Entry | None, ours: Copy) -> None:
        """The remote's version stays; ours goes beside it, on a branch that can be merged."""
        job = self._job
        before = job.status.get("conflict") or {}
        if before.get("ours") == list(ours.entry or ()) and before.get("theirs") == list(
            theirs or ()
        ):
            return  # both were kept already
        commit = await self._commit(tip, ours, [tip] if tip else [])
        branch = f"conflict/{_plain(job.host)}/{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
        branch += f"-{commit[:8]}"
        await job.remote.push(commit, branch)
        job.note(conflict={"branch": branch, "ours": ours.entry, "theirs": theirs or ()})


def _plain(host: str) -> str:
    """A host name as part of a branch name."""
    return re.sub(r"[^A-Za-z0-9-]+", "-", host).strip("-") or "host"
