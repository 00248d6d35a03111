"""What the views of revisions and of their source hold, for the API's description."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from .models import PassView, View


class OutcomeView(View):
    """What became of one resource that a revision changed, or that is not well."""

    ref: str
    what: str
    """``created``, ``updated`` or ``deleted``; empty: not changed by it."""
    ready: bool
    reason: str
    message: str
    seconds: float | None
    """From the revision's beginning until it was ready."""


class RevisionView(View):
    """A revision that was current here, and what became of it."""

    revision: str
    before: str
    """The one it took over from."""
    cause: str
    """``commit``; ``rollback``: it was put in the place of one that came after it; ``revert``: the
    operator's own commit that undoes what was rolled back."""
    author: str
    """Of the commit."""
    by: str
    """Who rolled back to it; empty where nobody did."""
    subject: str
    committed: str | None
    changed: dict[str, str]
    """By ref: ``created``, ``updated`` or ``deleted``."""
    summary: str
    result: str
    """``progressing``, ``healthy``, ``failed``, ``superseded`` or ``rolledBack``."""
    began: str | None
    ended: str | None
    seconds: float | None
    culprit: str
    message: str
    resources: list[OutcomeView]
    passes: list[PassView] | None = None
    """Of one revision alone: the passes that applied it."""


class RolloutView(View):
    """How far the current revision is."""

    revision: str
    result: str
    cause: str
    began: str | None
    ended: str | None
    culprit: str
    message: str
    way_back: str | None
    """The revision that would come back if this one failed."""


class AwayView(View):
    """A commit that was taken back, and which one is in its place."""

    from_: str = Field(alias="from")
    to: str
    at: str | None
    by: str
    """Who said so; empty: the operator did."""
    reason: str
    culprit: str


class WindowView(View):
    """Until when a new commit waits for its window."""

    until: str | None
    reason: str


class RewrittenView(View):
    """A history that does not go on from what is current; it waits for a person."""

    from_: str = Field(alias="from")
    to: str
    reason: str


class RefusedView(View):
    """A commit that does not become current."""

    commit: str
    problems: list[dict[str, Any]]


class RemoteView(View):
    """How the repository that is followed stands."""

    url: str
    ref: str
    path: str
    ok: bool
    at: str | float | None
    """When it was asked, the last time."""
    reached: str | float | None
    """When it answered, the last time."""
    tip: str | None = None
    current: str | None = None
    reason: str = ""
    message: str = ""
    refused: RefusedView | None = None
    held: RewrittenView | None = None


class RevertView(View):
    """How the operator's own commit went that undoes what was rolled back."""

    ok: bool
    reason: str
    message: str
    undoes: str
    commit: str


class Standing(View):
    """Which revision is current, and why it is not HEAD where it is not."""

    head: str | None
    """Null: the specs are files, not commits."""
    rollout: RolloutView | None
    rolled_back: AwayView | None
    waits: WindowView | None
    remote: RemoteView | None
    revert: RevertView | None


class StandingView(Standing):
    """The same with the revision that is current."""

    revision: str


class SourceView(View):
    """What is known of the repository that is followed; null where none is."""

    source: RemoteView | None
