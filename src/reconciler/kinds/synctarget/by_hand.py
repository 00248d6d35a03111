"""A restore that a person asked for: of any version and any paths, here or elsewhere."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from ...clients.offload import offload
from ...core.errors import Terminal, Waiting
from ...core.model import Json
from .actions import RestoreAt
from .contents import Contents
from .finding import Version, find_version
from .gathered import Gathered, chosen
from .job import Job
from .large.download import Downloads
from .large.found import list_version
from .place import Place
from .ready import Ready
from .restore import Restore
from .staging import Means, Staging
from .swap import Swap

LATEST: Final = 3600.0
"""Seconds in which what came of one may be told to who asked for it."""
LOOK_AGAIN: Final = 0.2


class ByHand:
    """One such restore. In place it is staged here, and put in place when nobody writes there."""

    def __init__(self, job: Job, restore: Restore, wish: RestoreAt) -> None:
        self._job = job
        self._restore = restore
        self._wish = wish

    async def run(self) -> dict[str, Json]:
        """What was restored. Raises Waiting until it is."""
        if self._wish.to:
            return await self._elsewhere(Path(self._wish.to))
        if not self._job.settings.url:
            raise Terminal(f"the Repository of {self._job.name} has no url", reason="Disabled")
        if not self._is_staged():
            if (did := self._done()) is not None:
                return did
            version = await find_version(self._job, self._wish.revision)
            order = {"wish": self._key, "paths": list(self._wish.paths)}
            ready = self._restore.ready(version.entry, version.commit, version.tip, order)
            await self._restore.bring(ready)
        if not self._is_staged() and (did := self._done()) is not None:
            return did
        raise Waiting(
            "all of it is here; it is put in place once nobody writes there",
            reason="Replacing",
            after=LOOK_AGAIN,
        )

    @property
    def _key(self) -> list[Json]:
        return [self._wish.revision, list(self._wish.paths)]

    def _is_staged(self) -> bool:
        """Whether it is still to be put in place."""
        ready = Ready.of(self._job.folder, self._job.name)
        return ready is not None and (ready.order or {}).get("wish") == self._key

    def _done(self) -> dict[str, Json] | None:
        """What came of it, once: the next one that is asked for is another."""
        noted: dict[str, Any] = self._job.status.get("ordered") or {}
        if noted.get("wish") != self._key or not 0 <= time.time() - noted["at"] < LATEST:
            return None
        self._job.note(ordered=None)
        return dict(noted["did"])

    async def _elsewhere(self, to: Path) -> dict[str, Json]:
        """Write it into another folder, which is new or empty; nothing live is touched."""
        job = self._job
        folder = replace(job.place, path=to, is_folder=True, excludes=())
        await offload(lambda _: self._demand_free(folder))
        version = await find_version(job, self._wish.revision)
        pointed = await list_version(job, job.history, version.commit, version.entry)
        large = Downloads(job, pointed.pointers)
        given = chosen(pointed.wanted, self._wish.paths)
        found = Gathered.of(given, {}, place=folder, large=large)
        sizes = await job.history.sizes(entry.id for entry in found.missing.values())
        sizes |= large.sizes(found.missing)
        modes = await Contents(job.history, job.place).modes(version.commit, job.modes)
        means = Means(modes, sizes, self._restore.sure, job.meter, large)
        await offload(lambda stop: self._write(Staging(folder, means), found, stop))
        size = sum(sizes.get(entry.id, 0) for entry in found.missing.values())
        return {**_did(version, found, size), "to": str(to), "notes": [f"in {to}"]}

    def _write(self, staging: Staging, found: Gathered, stop: threading.Event) -> None:
        """Bring it, in slices as any restore, and then put it in the folder."""
        with self._job.history.reader() as reader:
            if not staging.bring(reader, found.missing, stop):
                raise Waiting("it is being brought there", reason="Restoring", after=0.0)
        swap = Swap(staging.place, staging.place.folder / ".replaced", staging.modes)
        swap.run(found, {path: staging.path(path) for path in found.missing})
        self._restore.sure.clear()

    def _demand_free(self, folder: Place) -> None:
        where, stack = folder.path.resolve(), self._job.stack.resolve()
        live = self._job.place.path.resolve()
        if where.is_relative_to(stack) or stack.is_relative_to(where):
            raise Terminal(f"{where} belongs to the stack itself", reason="Refused")
        if where.is_relative_to(live) or live.is_relative_to(where):
            raise Terminal(f"{where} and the target overlap; leave out --to", reason="Refused")
        if folder.path.exists() and (not folder.path.is_dir() or folder.holds_something()):
            raise Terminal(f"{where} is not empty; name a new folder", reason="Refused")


def _did(version: Version, found: Gathered, size: int) -> dict[str, Json]:
    return {"files": len(found.missing), "bytes": size, "commit": version.commit}
