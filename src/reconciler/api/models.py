"""What the views hold, for the API's description. More members may come; these stay."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

ItemT = TypeVar("ItemT")


class View(BaseModel):
    """Base of what is answered."""

    model_config = ConfigDict(
        extra="allow",
        alias_generator=to_camel,
        serialize_by_alias=True,
        use_attribute_docstrings=True,
    )


class Items(View, Generic[ItemT]):
    """A list."""

    items: list[ItemT]


class HealthView(View):
    """How one thing does."""

    code: str
    """Healthy, Progressing, Degraded, Suspended or Unknown."""
    reason: str
    message: str


class ConditionView(View):
    """One condition of a resource, as Kubernetes has them."""

    type: str
    status: str
    reason: str
    message: str
    since: str
    observed_generation: int


class ResourceView(View):
    """One resource: where it is written, its conditions, its health, its vitals."""

    ref: str
    kind: str
    name: str
    written_as: str
    origin: str | None
    system: bool
    """Whether it belongs to the stack itself."""
    health: HealthView
    vitals: dict[str, Any]
    conditions: list[ConditionView]


class Page(Items[ResourceView]):
    """Some resources, and where the next ones begin."""

    after: str | None
    """What to ask for as ``after`` to get the next ones; null: these were the last."""


class Verdict(View):
    """The whole stack in one line."""

    ready: bool
    in_sync: bool
    health: str
    message: str


class StatusView(View):
    """Everything that is true now."""

    verdict: Verdict
    revision: str | None
    resources: list[ResourceView]


class ChangeView(View):
    """What differs of one resource."""

    ref: str
    verb: str
    apply: str
    fields: list[dict[str, Any]]


class PlanView(View):
    """What would be done now."""

    revision: str
    in_sync: bool
    changes: list[ChangeView]


class AppliedView(View):
    """What a pass did: the plan before it, the plan after it, and what failed."""

    plan: dict[str, Any]
    failures: list[dict[str, Any]]


class EventView(View):
    """What happened to one resource; ``count`` times in a row."""

    time: str | None
    ref: str
    type: str
    reason: str
    message: str
    count: int
    actor: str
    """Who did it, where somebody did."""
    revision: str
    """The one that was current."""


class PassView(View):
    """One pass that changed something."""

    time: str | None
    revision: str
    result: str
    summary: str


class RequestView(View):
    """What is asked for the moment, by whom, why, and until when."""

    ref: str
    verb: str
    cause: str
    reason: str
    author: str
    until: str | None
    """Null: until it is done."""
    what: str
    """The same in words: ``stopped by hand``."""


class LogLine(View):
    """One line a process printed."""

    time: str | None
    process: str
    stream: str
    level: str
    message: str


class LogLines(Items[LogLine]):
    """The end of some logs."""

    cut: bool
    """Whether older lines that were asked for are left out, for they are too large."""


class SessionView(View):
    """Who is logged in."""

    name: str
    scope: str
    csrf: str = Field(description="The value of X-CSRF-Token for every change; empty for a token.")
    expires: str | None = None


class DocumentView(View):
    """A resource as it is written in the specs."""

    api_version: str
    kind: str
    metadata: dict[str, Any]
    spec: dict[str, Any] | None = None


class DocumentsView(Items[DocumentView]):
    """All resources of a kind as they are written."""


class WrittenView(View):
    """What a write came to."""

    revision: str
    """Of the specs: the commit that holds the edit. After a dry run: the one it would follow."""
    dry_run: bool
    changed: list[str]
    """The resources that say something else now."""
    files: list[str]
    diff: str
    """The edit of the files, as git shows it."""
    warnings: list[dict[str, Any]]
    """After a dry run: what would be odd, such as a route that is never used."""
    held: list[str]
    """What is to go and waits for a confirmation: more goes at once than this write took out."""
    plan: dict[str, Any] | None
    """After a dry run: what would be done."""


class RevisionView(View):
    """A revision that was current here, and what became of it."""

    revision: str
    before: str
    """The one it took over from."""
    cause: str
    """``commit``; ``rollback``: it was put in the place of one that came after it; ``revert``: the
    operator's own commit that undoes what was rolled back."""
    author: str
    subject: str
    summary: str
    result: str
    """``progressing``, ``healthy``, ``failed``, ``superseded`` or ``rolledBack``."""
    began: str | None
    ended: str | None
    seconds: float | None
    culprit: str
    message: str
    resources: list[dict[str, Any]]


class StandingView(View):
    """Which revision is current, and which would be if none had been taken back."""

    revision: str
    head: str | None
    rolled_back: dict[str, Any] | None


class SourceView(View):
    """What is known of the repository that is followed; null where none is."""

    source: dict[str, Any] | None
