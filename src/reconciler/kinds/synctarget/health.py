"""How well a SyncTarget does. Reads vitals; never compared with the spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ...core.model import Health, HealthCode, Observed
from .state import SyncTargetState

NAMED: Final = 3
INCOMPLETE: Final = frozenset(
    {"TooLarge", "Unreadable", "Unstable", "DatabaseBusy", "DatabaseDamaged", "TooDeep"}
)
"""Reasons that mean a backup lacks something it should have."""


def health(seen: Observed[SyncTargetState]) -> Health:
    vitals = seen.vitals
    trouble = vitals.get("error")
    if not seen.state.restored:
        if trouble:
            return Health(HealthCode.DEGRADED, trouble["reason"], trouble["message"])
        return Health(HealthCode.PROGRESSING, "NotRestored", "waits for its restore")
    conflict = vitals.get("conflict")
    if conflict:
        return Health(
            HealthCode.DEGRADED,
            "Conflicted",
            f"changed here and on the remote: {_paths(conflict)}; the remote keeps its version, "
            f"ours is in its branch {conflict['branch']}",
        )
    if trouble:
        return Health(HealthCode.DEGRADED, trouble["reason"], trouble["message"])
    lacking = [one for one in vitals.get("skipped") or () if one["reason"] in INCOMPLETE]
    if lacking:
        return Health(HealthCode.DEGRADED, "Incomplete", _name(lacking))
    if vitals.get("backed") is None:
        return Health(HealthCode.PROGRESSING, "NotBackedUp", "waits for its first backup")
    if vitals.get("watch"):
        return Health(HealthCode.HEALTHY, "Scanning", f"backed up; {vitals['watch']}")
    return Health(HealthCode.HEALTHY, "BackedUp", _notes(vitals.get("skipped") or ()))


def _paths(conflict: Mapping[str, Any]) -> str:
    paths = [path or "all of it" for path in conflict.get("paths") or [""]]
    more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
    return ", ".join(paths[:NAMED]) + more


def _name(lacking: list[dict[str, str]]) -> str:
    first = lacking[0]
    more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
    return f"the backup lacks {first['path']}{more}: {first['message']}"


def _notes(skipped: tuple[dict[str, str], ...] | list[dict[str, str]]) -> str:
    if not skipped:
        return "the remote holds what lies here"
    return f"the remote holds what lies here, but for {len(skipped)} that git cannot keep"
