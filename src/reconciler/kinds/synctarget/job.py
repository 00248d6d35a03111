"""What one action on one target works with: its folders, its place, its notes."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ...clients.git_folder import GitFolder, Settings
from ...clients.git_history import History
from ...clients.git_objects import Entry, Hasher, ObjectStore
from ...clients.git_remote import UPSTREAM, Moved, Remote
from ...clients.offload import offload
from ...core.errors import Transient
from .place import Place, place_of
from .scan import Cache, Means, Scan, Scanner
from .state import SyncTargetState

CACHE_VERSION: Final = 1
TRIED: Final = 10


@dataclass(slots=True)
class Job:
    """One target, opened for one action."""

    name: str
    state: SyncTargetState
    folder: GitFolder
    settings: Settings
    stack: Path
    """The state directory."""
    host: str
    status: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.status = self.folder.read(f"status/{self.name}") or {}

    @property
    def place(self) -> Place:
        return place_of(self.name, self.state, self.settings.base, stack=self.stack)

    @property
    def quarantine(self) -> Path:
        """Where files go that a restore replaces."""
        return self.stack / "state" / "quarantine"

    @property
    def history(self) -> History:
        return History(self.folder)

    @property
    def remote(self) -> Remote:
        return Remote(self.folder, self.settings)

    @property
    def saved(self) -> str:
        """The ref of the newest copy taken here."""
        return f"refs/reconciler/saved/{self.name}"

    @property
    def pushed(self) -> str:
        """The ref of the newest copy the remote is known to have."""
        return f"refs/reconciler/pushed/{self.name}"

    def note(self, **facts: Any) -> None:
        """Write down how it stands."""
        self.status = {**self.status, **facts}
        self.folder.write(f"status/{self.name}", self.status)

    async def base(self) -> Entry | None:
        """What this side and the remote last had in common."""
        noted = self.status.get("agreed")
        if noted:
            return Entry(*noted)
        return await self.history.entry(await self.history.ref(self.pushed), self.place.inside)

    async def knows(self, theirs: Entry | None) -> bool:
        """Whether what the remote has is what we agreed on, or one of our own that we pushed since.

        An operator that is killed right after a push never learns that it went through.
        """
        tried = [Entry(*entry) for entry in self.status.get("tried") or ()]
        return theirs == await self.base() or theirs in tried

    def try_push(self, ours: Entry) -> None:
        """Note, before a push, what the remote may have after it."""
        tried = self.status.get("tried") or []
        self.note(tried=[*tried, ours][-TRIED:])

    async def unpushed(self) -> str | None:
        """The newest copy, when the remote does not have it."""
        saved = await self.history.ref(self.saved)
        return None if saved == await self.history.ref(self.pushed) else saved

    async def fetched_tip(self) -> str | None:
        """The remote's newest commit, brought here; None when the remote is empty."""
        for _ in range(5):
            tip = await self.remote.tip()
            try:
                if tip is not None and not await self.history.has(tip):
                    await self.remote.fetch(tip)
            except Moved:
                continue
            return tip
        raise Transient(f"{self.settings.url} changes all the time", reason="RemoteMoving")

    async def agree(self, commit: str | None, entry: Entry) -> None:
        """Note that the remote's ``commit`` has what lies here."""
        await self.history.move(commit, self.saved, self.pushed, UPSTREAM)
        self.note(agreed=entry, seen=commit, conflict=None, ahead=False, chain=0, tried=[])

    async def scan(self, cache: Cache | None = None) -> Scan:
        """Look at the path in a thread. With a cache new content is stored, without only named."""
        loop = asyncio.get_running_loop()
        saved = await self.history.ref(self.saved)

        def previous(below: str) -> Entry | None:
            path = self.place.inside / below if self.place.is_folder else self.place.inside
            return asyncio.run_coroutine_threadsafe(self.history.entry(saved, path), loop).result()

        def work(stop: threading.Event) -> Scan:
            means = Means(
                objects=(Hasher if cache is None else ObjectStore)(self.folder.path),
                scratch=self.folder.scratch(),
                stop=stop,
                snapshots=cache is not None and self.state.snapshot == "auto",
                cache=cache or {},
                previous=previous,
            )
            return Scanner(self.place, means).run()

        return await offload(work)

    def read_cache(self) -> Cache:
        noted = self.folder.read(f"cache/{self.name}")
        if not isinstance(noted, dict) or noted.get("about") != self._cached_about():
            return {}
        return {
            path: (tuple(stamp), mode, blob) for path, (stamp, mode, blob) in noted["files"].items()
        }

    def write_cache(self, cache: Cache) -> None:
        self.folder.write(f"cache/{self.name}", {"about": self._cached_about(), "files": cache})

    def _cached_about(self) -> list[Any]:
        return [CACHE_VERSION, str(self.place.path), self.state.snapshot]
