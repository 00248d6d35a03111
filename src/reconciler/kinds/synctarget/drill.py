"""A restore drill: what the remote has is fetched anew, restored into a scratch folder, looked at.

One file at a time, so that it needs no more room than what is fetched and the largest file.
"""

from __future__ import annotations

import math
import re
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from ...clients import sqlite
from ...clients.git_folder import GitFolder, Settings
from ...clients.git_fresh import fetch_fresh
from ...clients.git_history import History
from ...clients.git_objects import LINK, TREE, Entry
from ...clients.offload import check, offload
from ...core.errors import ReconcileError, Transient, Waiting
from ...core.model import Json
from .actions import AGAIN
from .contents import Contents
from .job import Job
from .large.download import Downloads
from .large.found import entry_of, list_version
from .large.pointer import Pointer
from .meter import Meter
from .modes import PRIVATE
from .place import Place
from .sample import choose
from .staging import SLICE, Means, Staging
from .state import SyncTargetState

_OBJECT: Final = re.compile(r"\b[0-9a-f]{40}\b")
AWAY: Final = frozenset({"StoreUnreachable", "TimedOut"})
"""Reasons that say nothing about what is kept."""
DRILL: Final = "drill"
"""How the last one went is noted by this name, per target."""


class Found(NamedTuple):
    """What a drill looked at, and the first thing that was wrong."""

    files: int = 0
    bytes: int = 0
    databases: int = 0
    path: str = ""
    message: str = ""


class Drill:
    """One drill, in slices; it begins anew when the operator does."""

    def __init__(self, job: Job, share: float) -> None:
        self._share = share
        self._fresh = GitFolder(job.folder.scratch(), f"{job.name}.drill", job.folder.git)
        self._left: list[tuple[str, Entry]] = []
        self._sizes: dict[str, int] = {}
        self._pointers: Mapping[str, Pointer] = {}
        self._found = Found()
        self._commit = ""
        self._cursor = ""

    async def run(self, job: Job, *, by_hand: bool = False) -> dict[str, Json]:
        """Go on for a while. Raises Waiting while there is more; else how it went is noted.

        Raises Transient when something could not be restored; ``by_hand`` also when the remote
        does not answer.
        """
        try:
            if not self._commit:
                await self._begin(job)
            done = await self._go_on(job)
        except ReconcileError as exc:
            if isinstance(exc, Waiting):
                self._try_later(job)
                if by_hand:
                    raise Transient(str(exc), reason=exc.reason) from exc
                raise
            path = await _path_named(job, str(exc))
            done, self._found = True, self._found._replace(path=path, message=str(exc))
        if not done:
            raise Waiting("the drill goes on", reason="Verifying", after=0.0)
        self._clear()
        facts = self._note(job)
        if self._found.message:
            where = f"{self._found.path}: " if self._found.path else ""
            raise Transient(f"{where}{self._found.message}", reason="DrillFailed")
        return facts

    async def _go_on(self, job: Job) -> bool:
        found, left = self._found, [self._sizes.get(entry.id, 0) for _, entry in self._left]
        job.meter.begin("verify", found.files + len(left), size=found.bytes + sum(left))
        job.meter.advance(found.files, size=found.bytes)
        place = replace(job.place, path=self._room(job.place), excludes=())
        means = Means(None, {}, set(), job.meter, Downloads(job, self._pointers))
        staging = Staging(place, means)
        return await offload(lambda stop: self._look(staging, job.meter, stop))

    def _room(self, place: Place) -> Path:
        room = self._fresh.path / "restored"
        return room if place.is_folder else room / place.path.name

    async def _begin(self, job: Job) -> None:
        """Fetch anew, and choose. Raises Waiting when the remote does not answer at all."""
        job.meter.begin("fetch")
        tip = await _tip(job)
        if tip is None:
            raise Transient(f"{job.settings.url} is empty", reason="Empty")
        self._clear()
        self._fresh.path.mkdir(mode=PRIVATE)
        try:
            await fetch_fresh(job.folder, job.settings, self._fresh.path, tip)
        except Transient:
            await _tip(job)  # when it does not answer now either, that is no proof of anything
            raise
        history = History(self._fresh)
        entry = await entry_of(job, history, tip)
        if entry is None:
            raise Transient(f"{job.settings.url} has no {job.place.inside}", reason="Absent")
        found = await list_version(job, history, tip, entry)
        files = {p: e for p, e in found.wanted.items() if e.mode != TREE}
        last = str((job.folder.read(f"{DRILL}/{job.name}") or {}).get("cursor") or "")
        paths, self._cursor = choose(files, math.ceil(self._share * len(files)), last)
        self._left = [(path, files[path]) for path in paths]
        self._pointers, large = found.pointers, Downloads(job, found.pointers)
        sizes = await history.sizes(one.id for _, one in self._left)
        self._sizes = {**sizes, **large.sizes(dict(self._left))}
        self._commit = tip

    def _look(self, staging: Staging, meter: Meter, stop: threading.Event) -> bool:
        """Restore and look at one file after the other; False when time was up first."""
        ends = time.monotonic() + SLICE
        with self._fresh.reader() as reader:
            while self._left and not self._found.message:
                check(stop)
                path, entry = self._left.pop()
                bring = partial(staging.one, reader, path, entry, stop)
                size = self._look_at(path, entry, bring)
                meter.advance(size=size)
                if time.monotonic() > ends and self._left:
                    return False
        return True

    def _look_at(self, path: str, entry: Entry, bring: Callable[[], Path]) -> int:
        size, found = self._sizes.get(entry.id, 0), self._found
        try:
            staged = bring()
            is_database, problem = _judge(staged, entry)
            staged.unlink()
        except Transient as exc:
            if exc.reason in AWAY:
                self._left.append((path, entry))
                raise Waiting(str(exc), reason=exc.reason, after=AGAIN) from exc
            is_database, problem = False, str(exc)
        self._found = Found(
            found.files + 1,
            found.bytes + size,
            found.databases + is_database,
            path if problem else "",
            problem,
        )
        return size

    def _note(self, job: Job) -> dict[str, Json]:
        found, now = self._found, time.time()
        noted = job.folder.read(f"{DRILL}/{job.name}") or {}
        facts = {
            "since": now,
            "at": now,
            "ok": not found.message,
            "share": self._share,
            "commit": self._commit or None,
            "remote": job.settings.url,
            "cursor": self._cursor or noted.get("cursor"),
            "tried": None,
            **found._asdict(),
        }
        if not found.message:
            facts["verified"] = now
        job.folder.write(f"{DRILL}/{job.name}", {**noted, **facts})
        return facts

    def _try_later(self, job: Job) -> None:
        """Who is away proves nothing."""
        noted = job.folder.read(f"{DRILL}/{job.name}") or {}
        job.folder.write(f"{DRILL}/{job.name}", {**noted, "tried": time.time()})

    def _clear(self) -> None:
        shutil.rmtree(self._fresh.path, ignore_errors=True)


def arm(folder: GitFolder, name: str, state: SyncTargetState) -> None:
    """Its hours count from now on, when they are others than they were."""
    noted = folder.read(f"{DRILL}/{name}") or {}
    if state.schedule and noted.get("schedule") != state.schedule:
        folder.write(f"{DRILL}/{name}", {**noted, "since": time.time(), "schedule": state.schedule})


def read_drill(folder: GitFolder, name: str, settings: Settings | None) -> Json:
    """How the last one went; one of another remote proves nothing of this one."""
    noted = folder.read(f"{DRILL}/{name}")
    if noted is None or settings is None or noted.get("remote") in {None, settings.url}:
        return noted
    return {fact: noted.get(fact) for fact in ("since", "schedule")}


async def _tip(job: Job) -> str | None:
    try:
        return await job.remote.tip()
    except ReconcileError as exc:
        raise Waiting(str(exc), reason=exc.reason, after=AGAIN) from exc


async def _path_named(job: Job, message: str) -> str:
    """The path of the first object that git could not get, as far as it is known here."""
    lost = set(_OBJECT.findall(message))
    entry = await job.history.entry(await job.history.ref(job.pushed), job.place.inside)
    if not lost or entry is None:
        return ""
    found = await Contents(job.history, job.place).listing(entry)
    return next((path for path, one in found.items() if one.id in lost), "")


def _judge(staged: Path, entry: Entry) -> tuple[bool, str]:
    """Whether it is a database, and what is wrong with what was restored."""
    if entry.mode == LINK:
        return False, ""
    with staged.open("rb") as file:
        is_database = sqlite.is_database(file.read(16))
    return is_database, sqlite.check(staged) if is_database else ""
