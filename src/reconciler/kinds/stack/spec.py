"""What the user writes for a Stack."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Self

from pydantic import AfterValidator, Field, model_validator

from ...core.model import Apply, Spec
from ...core.units import Duration
from .notification import Notification
from .source import Source
from .window import Window

_SHORTEST: Final = 1.0


def _check_deadline(seconds: float) -> float:
    if seconds < _SHORTEST:
        raise ValueError("shorter than a second; write for example 5m")
    return seconds


class AutoRevert(Spec):
    """Going back by itself from a revision that does not become healthy."""

    enabled: bool = False
    """Put the last healthy revision's specs in the place of one that fails; never its data."""
    deadline: Annotated[Duration, AfterValidator(_check_deadline)] = 300.0
    """How long a revision may take to become healthy; past it, it has failed."""
    min_healthy_time: Duration = 5.0
    """How long all must have been well, while `enabled`: what falls over soon never was."""
    commit: bool = False
    """Also make a commit on the branch that undoes the revision's changes of the specs."""


class StackSpec(Spec):
    """The stack as a whole. There is at most one."""

    not_yet: ClassVar[tuple[str, ...]] = ("autoRevert.commit",)

    source: Annotated[Source | None, Apply.LIVE] = None
    """A repository elsewhere whose specs are followed, in the place of what lies beside."""
    auto_revert: Annotated[AutoRevert, Apply.LIVE] = Field(default_factory=AutoRevert)
    """Going back by itself from a revision that does not become healthy."""
    windows: Annotated[tuple[Window, ...], Apply.LIVE] = ()
    """When a new revision may become current; at any time where none is written."""
    notifications: Annotated[tuple[Notification, ...], Field(max_length=20), Apply.LIVE] = ()
    """Webhooks that are told of events."""

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        if len({one.name for one in self.notifications}) < len(self.notifications):
            raise ValueError("two notifications have the same name")
        return self
