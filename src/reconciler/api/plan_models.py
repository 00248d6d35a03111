"""What the views of plans hold, for the API's description."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from .models import HealthView, View
from .revision_models import Standing


class ProblemView(View):
    """One thing wrong, or odd, in the specs; of a variable, ``line`` is 0."""

    path: str
    line: int
    column: int
    message: str
    hint: str
    excerpt: str
    """The line of the file, without secret values."""
    severity: str
    """``error`` or ``warning``."""
    caret: int
    """The 1-based column of the excerpt that is meant; 0: the same as of the line."""


class FieldView(View):
    """What differs in one field."""

    path: str
    before: Any
    after: Any
    apply: str
    """What changing it costs."""


class AskedView(View):
    """What is asked for the moment, by whom, why, and until when."""

    verb: str
    cause: str
    """``user``, ``liveness``, ``dependency``, ``watch``, ``restore`` or ``rollback``."""
    reason: str
    author: str
    at: str | None
    until: str | None
    """Null: until it is done."""
    epoch: int
    """A restart is done once the thing has reached this."""
    what: str
    """The same in words: ``stopped by hand``."""


class RequestView(AskedView):
    """What is asked of one resource."""

    ref: str


class ChangeView(View):
    """What differs of one resource."""

    ref: str
    written_as: str
    """What stands in the specs: of ``Process/web-0`` that is ``Process/web``."""
    verb: str
    apply: str
    origin: str | None
    """File and line; null: it is written nowhere any more."""
    cause: str
    """``spec``, ``drift`` or ``request``."""
    request: AskedView | None
    """Where what was asked for the moment is why it differs."""
    fields: list[FieldView]


class WhyView(View):
    """Why something is not done now."""

    reason: str
    message: str
    after: float | None
    """Seconds until it is looked at again, where time alone may free it."""


class HeldView(ChangeView, WhyView):
    """What differs and is held back; a status tells what was last seen of it, too."""

    kind: str = ""
    name: str = ""
    health: HealthView | None = None
    vitals: dict[str, Any] = Field(default_factory=dict)


class BlockedView(WhyView):
    """What does not differ and cannot go on all the same."""

    ref: str


class DueView(View):
    """Work whose time has come."""

    ref: str
    action: str


class UnknownView(View):
    """A kind of thing that cannot be seen now."""

    kind: str
    reason: str
    message: str


class SummaryView(View):
    """How much there is of what."""

    changes: int
    restarts: int
    deletions: int
    creations: int
    held: int


class SpecsView(View):
    """What a view is made from, and what is wrong with it."""

    source: str
    """Where the specs are read from."""
    observed_at: str | None
    pending: list[str]
    """Edits of files that are in no commit yet, and so do not count."""
    problems: list[ProblemView]
    warnings: list[ProblemView]
    whole: bool
    """Whether all specs could be read; nothing is deleted while they cannot."""
    overrides: list[RequestView]
    held: list[HeldView]


class ForeseenView(SpecsView):
    """What would be done."""

    revision: str
    in_sync: bool
    took_ms: int
    summary: SummaryView
    changes: list[ChangeView]
    blocked: list[BlockedView]
    due: list[DueView]
    order: list[str]
    """The refs in the order they are worked on."""
    unknown: list[UnknownView]


class PlanView(ForeseenView, Standing):
    """What would be done now, and how the current revision stands."""


class FailureView(View):
    """What could not be done."""

    ref: str
    reason: str
    message: str


class AppliedView(View):
    """What a pass did: the plan before it, the plan after it, and what failed."""

    plan: PlanView
    after: PlanView
    failures: list[FailureView]
