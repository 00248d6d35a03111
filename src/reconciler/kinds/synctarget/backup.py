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
from .scan import Scan

PUSHES: Final = 5
PATIENCE: Final = 30.0
"""Seconds to wait, all in all, for a path that never gets quiet."""


class Backup:
    """One backup of one target. Killed at any point, the next one finishes what is left."""

    def __init__(self, job: Job) -> None:
        self._job = job

    async def run(self) -> Entry | None:
        """What the remote has of this target afterwards; None when there is nothing to keep."""
        job = self._job
        cache = job.read_cache()
        scan = await job.scan(cache)
        self._settle(scan)
        job.note(attempt=time.time(), waited=None)
        if scan.entry is None or scan.entry == EMPTY_TREE:
            await self._refuse_emptied()
            job.note(backed=time.time(), error=None, skipped=[], files=0)
            return None
        await self._save(scan.entry, scan)
        if scan.cache != cache:
            job.write_cache(scan.cache)
        skipped = [one._asdict() for one in scan.skipped]
        job.note(skipped=skipped, files=scan.files, bytes=scan.size)
        await self._publish(scan.entry)
        job.note(backed=time.time(), error=None)
        return scan.entry

    def _settle(self, scan: Scan) -> None:
        """Wait for quiet, but not for ever."""
        quiet = time.time() - scan.newest
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

    async def _save(self, entry: Entry, scan: Scan) -> None:
        """Record the copy locally, so that it is kept even while the remote cannot be reached."""
        job = self._job
        saved = await job.history.ref(job.saved)
        if await job.history.entry(saved, job.place.inside) == entry:
            return
        await offload(lambda _: scan.store(ObjectStore(job.folder.path)))
        unpushed = await job.unpushed()
        parent = unpushed or await job.history.ref(UPSTREAM)
        commit = await self._commit(parent, entry, [parent] if parent else [])
        job.note(chain=(job.status.get("chain") or 0) + 1 if unpushed else 1, saved=time.time())
        await job.history.move(commit, job.saved)

    async def _commit(self, onto: str | None, entry: Entry, parents: list[str]) -> str:
        tree = await self._job.history.graft(onto, self._job.place.inside, entry)
        message = f"back up {self._job.name} from {self._job.host}\n"
        return await self._job.history.commit(tree, parents, message, self._job.settings)

    async def _publish(self, ours: Entry) -> None:
        if await self._is_known_there():
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

    async def _publish_once(self, ours: Entry) -> None:
        job = self._job
        tip = await job.fetched_tip()
        theirs = await job.history.entry(tip, job.place.inside)
        if theirs == ours:
            await job.agree(tip, ours)
        elif await self._may_replace(theirs):
            await self._push(tip, ours)
        elif ours == await job.base():
            job.note(ahead=True, seen=tip, conflict=None)
            await job.history.move(await job.history.ref(job.saved), job.pushed)
        else:
            await self._keep_both(tip, theirs, ours)

    async def _may_replace(self, theirs: Entry | None) -> bool:
        if theirs is None or await self._job.knows(theirs):
            return True
        return self._job.state.on_start == "skip" and await self._job.base() is None

    async def _push(self, tip: str | None, ours: Entry) -> None:
        job = self._job
        commit = await self._on_top_of(tip, ours)
        job.try_push(ours)
        try:
            await job.remote.push(commit, job.settings.branch)
        except Transient as exc:
            if exc.reason != "PushRefused" or "shallow" not in str(exc):
                raise
            # The remote's history was rewritten: it no longer knows what ours stands on.
            commit = await self._commit(tip, ours, [tip] if tip else [])
            await job.remote.push(commit, job.settings.branch)
        await job.agree(commit, ours)
        job.note(pushed=time.time())
        await job.history.tidy()

    async def _on_top_of(self, tip: str | None, ours: Entry) -> str:
        """Our copy as the next commit after ``tip``; copies taken offline come along."""
        job = self._job
        saved = await job.history.ref(job.saved)
        if saved is not None and await job.history.leads_to(tip, saved):
            return saved
        parents = [tip] if tip else []
        if tip and saved and (job.status.get("chain") or 0) > 1:
            parents.append(saved)
        return await self._commit(tip, ours, parents)

    async def _keep_both(self, tip: str | None, theirs: Entry | None, ours: Entry) -> None:
        """The remote's version stays; ours goes beside it, on a branch that can be merged."""
        job = self._job
        before = job.status.get("conflict") or {}
        if before.get("ours") == list(ours) and before.get("theirs") == list(theirs or ()):
            return  # both were kept already
        commit = await self._commit(tip, ours, [tip] if tip else [])
        branch = f"conflict/{_plain(job.host)}/{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
        branch += f"-{commit[:8]}"
        await job.remote.push(commit, branch)
        job.note(conflict={"branch": branch, "ours": ours, "theirs": theirs or ()})


def _plain(host: str) -> str:
    """A host name as part of a branch name."""
    return re.sub(r"[^A-Za-z0-9-]+", "-", host).strip("-") or "host"
