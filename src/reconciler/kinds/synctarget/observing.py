"""Looks at all targets: what is noted of each, and what is newer than the notes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...clients.files import is_bare
from ...clients.git_folder import GitFolder, GitFolders, Settings
from ...core.model import Json, Observed
from .drill import Drill
from .large.keys import demand_keys
from .latch import Latches
from .meter import Meter
from .place import place_of
from .ready import NOTE
from .seen import parse, vitals_of
from .sight import Sight
from .standing import Moment, Standing, standing
from .state import SyncTargetState


@dataclass(slots=True)
class Fresh:
    """What the operator knows of one target beyond the notes."""

    meter: Meter = field(default_factory=Meter)
    sure: set[str] = field(default_factory=set)
    drill: Drill | None = None
    """The one that goes on."""
    busy: bool = False
    """Whether its files are being replaced now."""


@dataclass(frozen=True, slots=True)
class Observing:
    """One operator's look at its targets."""

    folders: GitFolders
    latches: Latches
    stack: Path
    sights: Mapping[str, Sight]
    fresh: Mapping[str, Fresh]

    async def look(self) -> dict[str, Observed[SyncTargetState]]:
        """Every target; where there is none, nobody waits for a thread to say so."""
        return {} if is_bare(self.folders.root) else await asyncio.to_thread(self.run)

    def run(self) -> dict[str, Observed[SyncTargetState]]:
        return {
            name: self._observed(
                folder, settings, name, demand_keys(folder, name, parse(folder.name, noted))
            )
            for folder, settings in self.folders.configured()
            for name, noted in folder.notes("targets")
        }

    def standing(
        self, folder: GitFolder, settings: Settings | None, name: str, state: SyncTargetState
    ) -> Standing:
        """Whether what lies at the path may be used."""
        if settings is None:  # damaged: where the path lies is unknown, and nobody stops for that
            return Standing(restored=self.latches.is_current(name))
        if not settings.url:
            return Standing(restored=True)
        place = place_of(name, state, settings.base, stack=self.stack)
        known = self.fresh.get(name)
        noted, busy = folder.read(f"{NOTE}/{name}"), known is not None and known.busy
        return standing(self.latches, place, state, Moment(time.time(), noted, busy))

    def _observed(
        self, folder: GitFolder, settings: Settings | None, name: str, state: SyncTargetState
    ) -> Observed[SyncTargetState]:
        stands = self.standing(folder, settings, name, state)
        seen = {"restored": stands.restored, "staged": stands.staged or stands.restored}
        return Observed(
            state.model_copy(update=seen),
            owned=True,
            vitals=vitals_of(folder, name, settings) | stands.told() | self._newer(name),
        )

    def _newer(self, name: str) -> dict[str, Json]:
        """What is newer than the notes."""
        sight, known = self.sights.get(name), self.fresh.get(name)
        facts = {} if sight is None else {**sight.facts, "watch": sight.watch.problem or None}
        return {**facts, "progress": known.meter.told() if known is not None else None}
