"""How well a Stack does."""

from __future__ import annotations

from ...core.model import Health, HealthCode, Observed
from .state import StackState


def health(_: Observed[StackState]) -> Health:
    return Health(HealthCode.HEALTHY, "InForce", "its settings are in force")
