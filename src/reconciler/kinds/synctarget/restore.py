"""Puts a backup in place: all of it is here and checked before anything live is touched."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from ...clients.files import free_space
from ...clients.git_objects import EMPTY_TREE, Entry
from ...clients.offload import offload
from ...core.errors import Transient, Waiting
from .contents import Contents
from .gathered import Gathered, chosen
from .job import Job
from .large.download import Downloads
from .large.found import entry_of, list_version
from .latch import Latches
from .modes import Modes
from .ready import Ready, forget
from .safety import take_safety
from .staging import Means, Staging, make_root
from .swap import Swap

BLOCK: Final = 4096
RESERVE: Final = 16 << 20
"""Bytes of the disk that a restore leaves."""


class Restore:
    """One restore of one target. Killed at any point, the next one starts from what it finds."""

    def __init__(self, job: Job, latches: Latches, sure: set[str]) -> None:
        self._job = job
        self._latches = latches
        self.sure = sure
        """What was brought and checked already, by this operator."""

    async def stage(self) -> None:
        """Bring the newest version beside the path; what is newer already is latched at once."""
        job, place = self._job, self._job.place
        self._demand_adopted()
        job.meter.begin("fetch")
        tip = await job.fetched_tip()
        theirs = await entry_of(job, job.history, tip)
        source, commit, from_remote = await self._source(theirs, tip)
        if source is None or source == EMPTY_TREE:
            await offload(lambda _: make_root(place))
            self._end("empty" if tip is None else "absent", tip, held=False)
        elif from_remote and await job.knows(source) and self._latches.continues(place):
            self._end("newer", tip, held=True)  # what lies here grew out of this very backup
        else:
            await self.bring(self.ready(source, commit, tip if from_remote else None))

    def _demand_adopted(self) -> None:
        """Data that is newer may not be where it belongs yet: nothing older takes its place."""
        place = self._job.place
        if self._latches.adopts(place.name) and not self._latches.continues(place):
            raise Transient(
                f"`reconciler sync adopt` was cut short before {place.path} was taken over; say it "
                f"again, or `reconciler sync accept {place.name}` for what lies there, "
                f"or `reconciler sync restore {place.name}` for what the remote has",
                reason="AdoptUnfinished",
            )

    def ready(self, entry: Entry, commit: str | None, tip: str | None, order: Any = None) -> Ready:
        """A version, to be put in place in this start of the stack."""
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        before = Ready.of(self._job.folder, self._job.name)
        aside = str(self._job.quarantine / self._job.name / moment)
        if before is not None and before.entry == entry:
            aside = before.aside  # a swap that was killed goes on where it was
        return Ready(entry, commit, tip, self._latches.stack, aside, order)

    async def bring(self, ready: Ready) -> None:
        """Have all of it beside the path, and say so; where nothing has to move it is done."""
        found = await self._gather(ready)
        await self._bring(ready, found)
        if found.replaces:
            ready.keep(self._job.folder, self._job.name)
            self._job.note(error=None)
        else:
            await self._put(ready, found)

    async def put(self) -> None:
        """Put in place what is staged."""
        ready = Ready.of(self._job.folder, self._job.name)
        if ready is None:
            raise Waiting("nothing is staged yet", reason="NotStaged", after=0.0)
        found = await self._gather(ready)
        await self._bring(ready, found)  # what was changed here since is missing now
        await self._put(ready, found)

    async def exchange(self, ready: Ready, found: Gathered) -> None:
        """Put some paths in place, whatever else lies there."""
        await self._bring(ready, found)
        await self._put(ready, found)

    async def accept(self) -> None:
        """What lies here counts as restored; what was staged is dropped."""
        await offload(lambda _: make_root(self._job.place))
        held = await offload(lambda _: self._job.place.holds_something())
        nothing = self._staging(None, {}, Downloads(self._job, {}))
        await offload(lambda _: nothing.drop())
        self._end("accepted", None, held=held)

    async def _source(
        self, theirs: Entry | None, tip: str | None
    ) -> tuple[Entry | None, str | None, bool]:
        """The newest copy: a local one that was never pushed, if the remote stood still."""
        unpushed = await self._job.unpushed()
        if unpushed is not None and await self._job.knows(theirs):
            entry = await self._job.history.entry(unpushed, self._job.place.inside)
            return entry, unpushed, False
        return theirs, tip, True

    async def _gather(self, ready: Ready) -> Gathered:
        job, paths = self._job, tuple((ready.order or {}).get("paths") or ())
        found = await list_version(job, job.history, ready.commit, ready.entry)
        given = chosen(found.wanted, paths)
        here = await job.listing(found.recognise(job))
        large = Downloads(job, found.pointers)
        return Gathered.of(given, here, place=job.place, large=large, paths=paths)

    async def _bring(self, ready: Ready, found: Gathered) -> None:
        sizes = await self._sizes(found)
        modes = await self._modes(ready)
        staging = self._staging(modes, sizes, found.large)
        missing = {p: e for p, e in found.missing.items() if not staging.holds(p)}
        left = found.large.left(self._job.place.stage, missing)
        await self._demand_room(left.get(p, sizes.get(e.id, 0)) for p, e in missing.items())

        def work(stop: Any) -> bool:
            with self._job.history.reader() as reader:
                return staging.bring(reader, found.missing, stop)

        if not await offload(work):
            raise Waiting("it is being brought here", reason="Restoring", after=0.0)

    async def _put(self, ready: Ready, found: Gathered) -> None:
        job = self._job
        if ready.order is not None and not ready.is_pull:  # that is pushed before it begins
            ready = await self._secure(ready)
        modes = await self._modes(ready)
        staging = self._staging(modes, {}, found.large)
        swap = Swap(job.place, Path(ready.aside), modes)
        staged = {path: staging.path(path) for path in found.missing}
        job.meter.begin("swap", len(staged))
        await offload(lambda _: swap.run(found, staged))
        if ready.tip is not None:
            await self._keep_unpushed()
            theirs = await entry_of(job, job.history, ready.tip)
            ours = ready.entry if ready.is_pull else theirs
            # What both changed stays what it is here, and a clash.
            conflict = job.status.get("conflict") if ready.is_pull else None
            await job.agree(ready.tip, ours, theirs, conflict=conflict)
        aside = ready.aside if swap.put_aside() else None
        job.remember(put_aside=aside)
        if ready.order is not None and not ready.is_pull:
            sizes = await self._sizes(found)
            size = sum(sizes.get(entry.id, 0) for entry in found.missing.values())
            job.remember(ordered=_told(ready, {"files": len(staged), "bytes": size}, aside))
        self._end("pulled" if ready.is_pull else "restored", ready.commit, held=True)

    async def _secure(self, ready: Ready) -> Ready:
        """A snapshot of what lies here, once: it can be restored like any version."""
        order = dict(ready.order or {})
        if "safety" not in order:
            order["safety"] = await take_safety(self._job)
            ready = ready._replace(order=order)
            ready.keep(self._job.folder, self._job.name)
        return ready

    async def _sizes(self, found: Gathered) -> dict[str, int]:
        sizes = await self._job.history.sizes(entry.id for entry in found.missing.values())
        return {**sizes, **found.large.sizes(found.missing)}

    async def _modes(self, ready: Ready) -> Modes | None:
        return await Contents(self._job.history, self._job.place).modes(
            ready.commit, self._job.modes
        )

    def _staging(self, modes: Modes | None, sizes: Mapping[str, int], large: Downloads) -> Staging:
        means = Means(modes, sizes, self.sure, self._job.meter, large)
        return Staging(self._job.place, means)

    async def _demand_room(self, sizes: Iterable[int]) -> None:
        """What would fill the disk is not begun with: the sizes are known before the files are."""
        place, asked = self._job.place, sum(size // BLOCK + 1 for size in sizes) * BLOCK

        def look() -> tuple[Path, int]:
            folder = next(one for one in (place.folder, *place.folder.parents) if one.is_dir())
            return folder, free_space(folder)

        folder, there = await offload(lambda _: look())
        if asked > there - RESERVE:
            raise Transient(
                f"the restore of {self._job.name} needs {asked} bytes in {folder}, "
                f"where {there} are free; make room, or exclude paths",
                reason="DiskFull",
            )

    def _end(self, result: str, commit: str | None, *, held: bool) -> None:
        """It is over, and well."""
        job, now = self._job, time.time()
        job.remember(restore={"at": now, "result": result, "commit": commit}, error=None)
        job.note(**({"restored": now} if result == "restored" else {}))
        self._latches.set(job.place, held=held)
        forget(job.folder, job.name)
        self.sure.clear()

    async def _keep_unpushed(self) -> None:
        """The remote's version was taken; ours, which it never saw, stays within reach."""
        unpushed = await self._job.unpushed()
        if unpushed is not None:
            name = f"refs/reconciler/kept/{self._job.name}/{unpushed[:12]}"
            await self._job.history.move(unpushed, name)


def _told(ready: Ready, amount: Mapping[str, Any], aside: str | None) -> dict[str, Any]:
    """What a person who asked for it is told."""
    order = ready.order or {}
    safety = order.get("safety")
    notes = [f"what was here is {safety}"] if safety else []
    notes += [f"replaced files are in {aside}"] if aside else []
    did = {
        **amount,
        "commit": ready.commit,
        "safety": safety,
        "putAside": aside,
        "notes": notes,
    }
    return {"wish": order.get("wish"), "at": time.time(), "did": did}
