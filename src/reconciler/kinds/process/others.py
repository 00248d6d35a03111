"""Programs of a supervisord that our keeper does not keep: the stack's own, and strangers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from ...clients.supervisord import ProcessInfo, Supervisord
from ...core.model import Observed
from .layout import Layout
from .seen import Traces, observe
from .spec import RESERVED
from .state import Program
from .stock import name_of


class Others:
    """What else runs there; seen, never owned."""

    def __init__(self, supervisord: Supervisord, layout: Layout) -> None:
        self._supervisord = supervisord
        self._layout = layout
        self._strangers: tuple[str, ...] = ()
        self._seen: dict[str, Observed[Program]] = {}
        self._told: Sequence[ProcessInfo] = ()

    async def look(self) -> dict[str, Observed[Program]]:
        """The stack's own programs and known strangers; unchanged ones are the same objects."""
        names = (*RESERVED, *self._strangers)
        found = await asyncio.gather(*(self._supervisord.process(name) for name in names))
        infos = [info for info in found if info is not None and not _is_idle_listener(info)]
        self._seen = {name_of(info): self._observe(info) for info in infos}
        return self._seen

    def take(self, infos: Sequence[ProcessInfo]) -> dict[str, Observed[Program]]:
        """The same, as the keeper tells of them; the very same mapping for the same infos."""
        if infos is not self._told:
            self._told = infos
            self._seen = {name_of(info): self._observe(info) for info in infos}
        return self._seen

    async def look_around(self, ours: AbstractSet[str]) -> None:
        """Get to know strangers: once in a life, for supervisord takes long to tell of many."""
        infos = await self._supervisord.processes()
        known = ours | RESERVED
        self._strangers = tuple(name_of(info) for info in infos if info["name"] not in known)

    def _observe(self, info: ProcessInfo) -> Observed[Program]:
        name = name_of(info)
        path = str(self._layout.state_dir / info["logfile"])
        looked = observe(Traces(name, info={**info, "logfile": path}))
        ageless = {key: value for key, value in looked.vitals.items() if key != "uptime"}
        known = self._seen.get(name)
        if known is not None and known.vitals == ageless:
            return known
        return replace(looked, vitals=ageless)


def _is_idle_listener(info: ProcessInfo) -> bool:
    """The keeper tells of events itself; the listener of a stock supervisord then rests."""
    return info["name"] == "events" and not info["pid"]
