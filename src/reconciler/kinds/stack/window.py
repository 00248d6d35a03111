"""A window of the calendar, as it is written."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from ...core.model import Spec
from ...core.schedule import check_schedule, check_timezone
from ...core.units import Duration

Schedule = Annotated[str, AfterValidator(check_schedule)]
Zone = Annotated[str, AfterValidator(check_timezone)]


class Window(Spec):
    """A time in which new revisions may become current, or may not."""

    allow: Schedule | None = None
    """When it begins, in five fields as of cron: new revisions only in such a window."""
    deny: Schedule | None = None
    """When it begins: no new revision in it, whatever else allows one."""
    duration: Annotated[Duration, Field(ge=60)]
    """How long it lasts; at least a minute."""
    timezone: Zone | None = None
    """The time zone of the schedule; the machine's own unless said."""

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.allow is None) == (self.deny is None):
            raise ValueError("write either `allow` or `deny`")
        return self
