"""Whether a process can ever be completed, for those that wait for that."""

from __future__ import annotations

from typing import Any

from ...core.model import Resource
from .spec import ProcessSpec


def endless(resource: Resource[Any]) -> str:
    """Why it is never completed; empty when it can be."""
    spec = resource.spec
    if not isinstance(spec, ProcessSpec):
        return ""
    if spec.type == "cron":
        return "is a cron and waits for its next time after each run"
    if spec.type == "service" and spec.restart.policy == "always":
        return "is started again after every end (restart.policy: always)"
    return ""
