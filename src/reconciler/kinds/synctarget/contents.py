"""What a version of a target holds: its files, their sizes and their permissions."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

from ...clients.git_history import History
from ...clients.git_objects import FILE, PROGRAM, TREE, Entry
from ...core.errors import Transient
from .modes import Modes, decode
from .place import STAGE, Place
from .vet import Listing, vet

LARGEST: Final = 16 << 20
"""Bytes of the largest file of permissions that is believed."""


class Contents:
    """Versions of one place, read from one git folder."""

    def __init__(self, history: History, place: Place) -> None:
        self._history = history
        self._place = place

    async def listing(self, entry: Entry) -> Listing:
        """Every path of a version, folders included. Raises Transient when it cannot be one."""
        self._demand_kind(entry)
        if not self._place.is_folder:
            return vet({self._place.path.name: entry}, self._place.name)
        found = vet(await self._history.listing(entry.id), self._place.name)
        # Where files lie on their way into place is ours alone.
        return {path: e for path, e in found.items() if f"/{STAGE}" not in f"/{path}"}

    async def modes(self, commit: str | None, where: PurePosixPath) -> Modes | None:
        """The permissions in a commit; without them what comes back is its owner's alone."""
        entry = await self._history.entry(commit, where)
        if entry is None or entry.mode not in {FILE, PROGRAM}:
            return None
        return decode(await self._history.blob(entry.id, LARGEST))

    def _demand_kind(self, entry: Entry) -> None:
        if self._place.is_folder != (entry.mode == TREE):
            held = "a folder" if entry.mode == TREE else "a file"
            raise Transient(
                f"{self._place.inside} is {held} in the backup; write the path so, "
                "or move it there",
                reason="PathKind",
            )
