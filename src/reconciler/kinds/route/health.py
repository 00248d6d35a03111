"""Whether a rule is served."""

from __future__ import annotations

from ...core.model import Health, HealthCode, Observed
from .state import Rule


def health(seen: Observed[Rule]) -> Health:
    """Healthy once every worker of the gateway serves the version this rule was seen in."""
    version = seen.vitals.get("version")
    workers = seen.vitals.get("workers", {})
    behind = sorted(name for name, served in workers.items() if served != version)
    if behind:
        text = f"workers {', '.join(behind)} do not serve table {version} yet"
        return Health(HealthCode.PROGRESSING, "Loading", text)
    return Health(HealthCode.HEALTHY, "Served", f"by every worker, in table {version}")
