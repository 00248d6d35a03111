"""How well what a Probe looks at does. Reads vitals; never compared with the spec."""

from __future__ import annotations

from typing import Final

from ...core.model import Health, HealthCode, Observed
from .state import Watched

_CODES: Final = {
    "success": (HealthCode.HEALTHY, "Answering"),
    "failure": (HealthCode.DEGRADED, "NotAnswering"),
}


def health(seen: Observed[Watched]) -> Health:
    """The verdict of the probe."""
    verdict, message = str(seen.vitals.get("state")), str(seen.vitals.get("message") or "")
    code, reason = _CODES.get(verdict, (HealthCode.PROGRESSING, "NotProbed"))
    return Health(code, reason, message or ("answers" if code is HealthCode.HEALTHY else verdict))
