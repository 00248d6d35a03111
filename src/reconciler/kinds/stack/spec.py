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
    """Also push a commit to the source's branch that gives the specs what the good one had."""


class StackSpec(Spec):
    """The stack as a whole. There is at most one."""

    not_yet: ClassVar[tuple[str, ...]] = ()

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

    @model_validator(mode="after")
    def _can_commit(self) -> Self:
        if self.auto_revert.commit and (why := _against_commits(self)):
            raise ValueError(f"autoRevert.commit {why}")
        return self


def _against_commits(spec: StackSpec) -> str:
    """Why no revert commit can be made; empty when it can."""
    source = spec.source
    if not spec.auto_revert.enabled:
        return "undoes what goes back by itself: set autoRevert.enabled too, or leave it out"
    if source is None:
        return (
            "pushes to the branch of a source, and this Stack names none; commits in the folder"
            " that you work in are yours alone"
        )
    if source.tag or source.commit:
        return "needs a source that follows a branch, not a tag or a commit"
    if source.verify is not None:
        return (
            "makes commits that bear no signature, and source.verify takes only signed ones;"
            " leave out one of the two"
        )
    return ""
