"""Resources declared from Python: the same kinds, the same checks, the same engine."""

from .resources import (
    Declared,
    Gateway,
    Probe,
    Process,
    Repository,
    Route,
    StackSettings,
    SyncTarget,
)
from .stack import Invalid, Stack

__all__ = [
    "Declared",
    "Gateway",
    "Invalid",
    "Probe",
    "Process",
    "Repository",
    "Route",
    "Stack",
    "StackSettings",
    "SyncTarget",
]
