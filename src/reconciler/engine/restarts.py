"""Notices programs that run under another pid than before, whoever started them anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from ..core.model import Observed, Ref, Unknown, World
from .journal import Event


@dataclass(slots=True)
class Restarts:
    """How often each program was started again while this operator looked on."""

    counts: Counter[Ref] = field(default_factory=Counter)
    _pids: dict[Ref, int] = field(default_factory=dict)

    def notice(self, world: World, asked: AbstractSet[Ref]) -> Iterator[Event]:
        """Take in a look at the world; tells of every restart that was not ``asked`` for."""
        for kind, seen in world.items():
            if isinstance(seen, Unknown):
                continue
            for name, live in seen.items():
                ref, pid = Ref(kind, name), _pid(live)
                old = self._pids.get(ref)
                if pid is None or pid == old:
                    continue
                self._pids[ref] = pid
                if old is not None:
                    self.counts[ref] += 1
                    if ref not in asked:
                        yield Event(ref, "Warning", "Restarted", f"pid {old} is gone, {pid} runs")


def _pid(live: Observed[Any]) -> int | None:
    return live.vitals.get("pid") or None
