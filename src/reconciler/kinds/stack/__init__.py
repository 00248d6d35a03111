"""Stack: what is said about the whole, where nothing smaller could say it."""

from __future__ import annotations

from ...core.kind import Kind
from .actions import StackAction, steps
from .health import health, told
from .spec import StackSpec
from .state import StackState, render

__all__ = ["KIND", "StackSpec"]

KIND: Kind[StackSpec, StackState, StackAction] = Kind(
    name="Stack",
    Spec=StackSpec,
    State=StackState,
    wave=0,
    render=render,
    steps=steps,
    health=health,
    tells=told,
    needs=lambda _: (),
    elsewhere=True,
    plural="stacks",
)
