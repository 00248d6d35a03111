"""What can be done about a Stack."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from ...core.model import Change
from .state import StackState


class Settle(NamedTuple):
    """Write down what is in force from now on."""

    name: str
    state: StackState


class Forget(NamedTuple):
    """Only the usual is in force."""

    name: str


StackAction: TypeAlias = Settle | Forget


def steps(change: Change[StackState]) -> tuple[StackAction, ...]:
    name = change.ref.name
    return (Forget(name),) if change.after is None else (Settle(name, change.after),)
