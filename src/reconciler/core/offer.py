"""What one instance offers to those that point at it: whether it may be used, and where."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from .model import Ref


class Presence(StrEnum):
    """Whether something may be sent to an instance now."""

    READY = "ready"
    COMING = "coming"
    """It will soon be: it starts, or is being replaced. Who can wait, waits."""
    AWAY = "away"
    UNKNOWN = "unknown"
    """Nobody can say: whoever uses it goes on, whoever does not, waits."""


class Offer(NamedTuple):
    """One instance, by its name. ``ports`` are TCP ports on this machine, by name."""

    name: str
    presence: Presence
    ports: Mapping[str, int] = {}


class Target(NamedTuple):
    """Something that is pointed at: a resource as it is written, and one of its ports."""

    ref: Ref
    port: str
