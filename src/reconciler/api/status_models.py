"""What the views of the status hold, for the API's description."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from .models import HealthView, Items, View
from .plan_models import RequestView, SpecsView, UnknownView
from .revision_models import Standing


class ConditionView(View):
    """One condition of a resource, as Kubernetes has them."""

    type: str
    status: str
    reason: str
    message: str
    since: str
    observed_generation: int


class StageView(View):
    """How far one is that takes another's place, or gives its own."""

    role: str
    other: str
    message: str


class ResourceView(View):
    """One resource: where it is written, its conditions, its health, its vitals.

    Of what belongs to the stack itself nothing is written, so it has less to tell.
    """

    ref: str
    kind: str
    name: str
    written_as: str
    origin: str | None
    system: bool
    """Whether it belongs to the stack itself."""
    health: HealthView
    vitals: dict[str, Any]
    """Facts of the moment; which ones hangs on the kind."""
    conditions: list[ConditionView]
    labels: dict[str, str] = Field(default_factory=dict)
    used_by: list[str] = Field(default_factory=list)
    """What depends on it."""
    suspend: bool = False
    generation: int = 0
    """How often its spec was edited."""
    observed_generation: int = 0
    """The edit that is applied."""
    warnings: list[str] = Field(default_factory=list)
    requests: list[RequestView] = Field(default_factory=list)
    epoch: int = 0
    """How often it was asked to begin anew."""
    lead: str = ""
    """Of two that take turns, the one that both are asked under."""
    rollout: StageView | None = None


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


class OperatorProcess(View):
    """Who answers."""

    pid: int
    version: str


class StatusView(SpecsView, Standing):
    """Everything that is true now."""

    verdict: Verdict
    revision: str | None
    operator: OperatorProcess
    applied_at: str | None
    """When something was done, the last time."""
    stopping: bool
    """Whether the whole stack is being stopped."""
    resources: list[ResourceView]
    unknown: list[UnknownView]
