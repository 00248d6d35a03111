"""Keeps our version of what both sides changed, on a branch beside theirs: one branch per clash."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from calendar import timegm
from collections.abc import Mapping
from typing import Final

from ...clients.git_objects import Entry
from ...clients.git_transfer import Moved
from ...core.errors import Transient
from .job import Job
from .scan import Copy

log = logging.getLogger(__name__)

KEPT: Final = 20
"""So many of a host's branches stay, however old they are."""
YOUNG: Final = 30 * 86400.0
"""Seconds in which none goes, however many there are: a person needs time to look."""
_MOMENT: Final = "%Y%m%d-%H%M%S"


class Beside:
    """Where ours goes while a clash lasts. Its branch can be merged by hand."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._top = f"conflict/{_plain(job.host)}/"

    async def keep(
        self, tip: str | None, ours: Copy, clashes: Mapping[str, Entry | None]
    ) -> Mapping[str, object] | None:
        """Where it is kept; None when there is no clash.

        What is kept already is not kept again, also when it is not remembered; a newer version
        while the clash lasts goes on top of the one before.
        """
        if not clashes:
            return None
        kept = {path: list(entry or ()) for path, entry in sorted(clashes.items())}
        before = self._job.status.get("conflict") or {}
        if before.get("kept") == kept:
            return before
        branch, commit = await self._go_on(tip, ours, before) or await self._begin(tip, ours, kept)
        conflict = {"branch": branch, "commit": commit, "paths": sorted(clashes), "kept": kept}
        self._job.note(conflict=conflict)
        return conflict

    async def _go_on(
        self, tip: str | None, ours: Copy, before: Mapping[str, str]
    ) -> tuple[str, str] | None:
        """The same clash, another version; None when there is no branch to go on with."""
        job, branch, last = self._job, before.get("branch"), before.get("commit")
        if not branch or not last or await job.history.ref(job.beside) != last:
            return None
        commit = await job.commit(tip, ours, [last])
        try:
            await job.remote.push(commit, branch)
        except Moved:  # somebody works on it: then it is theirs
            return None
        await job.history.move(commit, job.beside)
        return branch, commit

    async def _begin(
        self, tip: str | None, ours: Copy, kept: Mapping[str, list[str]]
    ) -> tuple[str, str]:
        job = self._job
        there = {
            name: commit
            for name, commit in (await job.remote.heads()).items()
            if name.startswith(self._top)
        }
        mark = "-" + hashlib.sha256(json.dumps([job.name, kept]).encode()).hexdigest()[:8]
        for name, commit in there.items():
            if name.endswith(mark):
                return name, commit
        branch = f"{self._top}{time.strftime(_MOMENT, time.gmtime())}{mark}"
        commit = await job.commit(tip, ours, [tip] if tip else [])
        await job.remote.push(commit, branch)
        await job.history.move(commit, job.beside)
        await self._drop_old(there)
        return branch, commit

    async def _drop_old(self, there: Mapping[str, str]) -> None:
        for name in dispensable(there, time.time()):
            try:
                await self._job.remote.drop(name, there[name])
            except Transient as exc:
                log.warning("branch %s stays on the remote: %s", name, exc)


def dispensable(branches: Mapping[str, str], now: float) -> list[str]:
    """Those of a host's branches that may go: neither among the newest nor young.

    What a person named so is not ours.
    """
    told = [(moment, name) for name in branches if (moment := _moment(name)) is not None]
    newest_first = sorted(told, reverse=True)
    return [name for moment, name in newest_first[KEPT:] if now - moment > YOUNG]


def _moment(name: str) -> float | None:
    found = re.search(r"/(\d{8}-\d{6})-[0-9a-f]{8}\Z", name)
    try:
        return timegm(time.strptime(found[1], _MOMENT)) if found else None
    except ValueError:
        return None


def _plain(host: str) -> str:
    """A host name as part of a branch name."""
    return re.sub(r"[^A-Za-z0-9-]+", "-", host).strip("-") or "host"
