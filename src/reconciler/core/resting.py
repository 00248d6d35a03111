"""Who rests while data is put in place: who needs it, and who writes there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .gates import is_live, seen_of
from .kind import Kinds
from .model import Need, Ref, Resource, Unknown, World
from .order import Shape


@dataclass(frozen=True, slots=True)
class Resting:
    """Tells of each resource whether it must rest. What cannot be seen is no reason to."""

    kinds: Kinds
    desired: Mapping[Ref, Resource[Any]]
    world: World
    shape: Shape

    def why(self, one: Resource[Any]) -> str:
        """Why it must rest now; empty when it need not."""
        for target, writers in self.shape.writers.items():
            if one.ref in writers and self._is_replaced(target):
                return f"rests while {target} is restored"
        if not is_live(one.ref, self.world):
            return ""
        for need in self.shape.needs.get(one.ref, ()):
            if need.condition != "restored" or need.ref not in self.desired:
                continue
            # One that may start without its data is not stopped for want of it either.
            if self._is_ordered(need.ref) or (
                not need.start_anyway and self._is_certainly_unmet(need)
            ):
                return f"rests until {need.ref} is restored"
        return ""

    def _is_ordered(self, target: Ref) -> bool:
        """Whether a person wants other files there."""
        live = seen_of(target, self.world)
        return live is not None and live.owned and bool(live.vitals.get("ordered"))

    def _is_replaced(self, target: Ref) -> bool:
        """Whether files are ready to take the place of those that lie there."""
        live = seen_of(target, self.world)
        return live is not None and live.owned and bool(live.vitals.get("swapping"))

    def _is_certainly_unmet(self, need: Need) -> bool:
        seen = self.world.get(need.ref.kind)
        if seen is None or isinstance(seen, Unknown):
            return False
        live = seen.get(need.ref.name)
        if live is None:
            return True
        return live.owned and not self.kinds[need.ref.kind].meets(live, need.condition)
