"""What a Stack looks like in the world. Desired and observed share this shape."""

from __future__ import annotations

from ...core.model import Resource, State
from .spec import StackSpec


class StackState(State):
    """The settings in force."""

    revert: bool = False
    deadline: float = 0.0
    settle: float = 0.0


def render(resource: Resource[StackSpec]) -> StackState:
    revert = resource.spec.auto_revert
    return StackState(
        revert=revert.enabled, deadline=revert.deadline, settle=revert.min_healthy_time
    )
