"""What the views hold, for the API's description. More members may come; these stay."""

from __future__ import annotations

from typing import Generic, TypeVar

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
    lines: list[str]
    """The last words of what ended, where this is a warning about an end."""


class PassView(View):
    """One pass that changed something."""

    time: str | None
    revision: str
    lane: str
    changes: int
    result: str
    took_ms: int
    summary: str


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
