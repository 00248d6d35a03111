"""How well a Process does. Reads vitals; never compared with the spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ...core.model import Health, HealthCode, Observed
from .state import Program

_CODES: Final[Mapping[str, tuple[HealthCode, str]]] = {
    "running": (HealthCode.HEALTHY, "Running"),
    "completed": (HealthCode.HEALTHY, "Completed"),
    "starting": (HealthCode.PROGRESSING, "Starting"),
    "stopping": (HealthCode.PROGRESSING, "Stopping"),
    "backoff": (HealthCode.DEGRADED, "CrashLoop"),
    "failed": (HealthCode.DEGRADED, "Failed"),
    "stopped": (HealthCode.SUSPENDED, "Stopped"),
}


def health(seen: Observed[Program]) -> Health:
    """The verdict on one instance."""
    state = str(seen.vitals.get("state", ""))
    code, reason = _CODES.get(state, (HealthCode.UNKNOWN, "Unknown"))
    return Health(code, reason, str(seen.vitals.get("message") or state))
