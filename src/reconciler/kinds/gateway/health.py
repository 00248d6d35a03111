"""Whether the gateway serves."""

from __future__ import annotations

from ...core.backend import refusal
from ...core.model import Health, HealthCode, Observed
from .state import Listener


def health(seen: Observed[Listener]) -> Health:
    """Healthy once every worker reports a table.

    A table file that was lost is told, and a default backend that takes no connections.
    """
    vitals = seen.vitals
    if not seen.state.started:
        return Health(HealthCode.DEGRADED, "Stopped", "the gateway does not run")
    if vitals.get("state") == "starting":
        return Health(HealthCode.PROGRESSING, "Starting", "the gateway does not answer yet")
    if problem := vitals.get("problem"):
        return Health(HealthCode.DEGRADED, "TableLost", str(problem))
    missing = vitals.get("workerCount", 0) - len(vitals.get("workers", {}))
    if missing > 0:
        return Health(HealthCode.PROGRESSING, "Starting", f"{missing} workers did not report yet")
    if refusing := vitals.get("refusing"):
        text = f"the default backend at {'; '.join(map(refusal, refusing))}"
        return Health(HealthCode.DEGRADED, "Refused", text)
    return Health(HealthCode.HEALTHY, "Serving", f"on {vitals.get('url')}")
