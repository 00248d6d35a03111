"""What can be done about a Probe, and which change calls for what."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from ...core.model import Change
from .state import Watched


class Follow(NamedTuple):
    """Look at it from now on, in this way."""

    name: str
    watched: Watched


class Forget(NamedTuple):
    """Look at it no more."""

    name: str


ProbeAction: TypeAlias = Follow | Forget


def steps(change: Change[Watched]) -> tuple[ProbeAction, ...]:
    name = change.ref.name
    return (Forget(name),) if change.after is None else (Follow(name, change.after),)
