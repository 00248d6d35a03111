"""What the user writes for a Probe."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from ...core.model import Apply
from ...core.probe import Http, Tcp, Timing, one_of
from ...core.probe_values import Program
from ...core.sealed import Sealed

CHECKS: Final = ("http", "tcp", "exec")


def _value(value: Any) -> Any:
    if isinstance(value, Sealed | dict):
        return value
    if not isinstance(value, str):
        raise ValueError("not text; write it in quotes")  # noqa: TRY004 (pydantic reports only ValueError)
    if "\0" in value:
        raise ValueError("holds a NUL character, which no program can be given")
    return value


Name = Annotated[str, StringConstraints(pattern=r"^[^=\x00]+$")]
Value = Annotated[str | Sealed, BeforeValidator(_value)]


class ProbeSpec(Timing):
    """Something that runs elsewhere and is looked at: write exactly one of http, tcp, exec."""

    not_yet: ClassVar[tuple[str, ...]] = ()

    http: Annotated[Http | None, Apply.LIVE] = None
    """A request that must be answered well."""
    tcp: Annotated[Tcp | None, Apply.LIVE] = None
    """A connection that must be accepted."""
    exec: Annotated[Program | None, Apply.LIVE] = None
    """A program and its arguments; exit code 0 means success."""
    env: Annotated[dict[Name, Value], Apply.LIVE] = Field(default_factory=dict)
    """What the program of ``exec`` gets besides PATH, HOME and LANG."""
    working_dir: Annotated[str, Field(min_length=1), Apply.LIVE] = "."
    """Where the program of ``exec`` runs, relative to the folder that holds the specs."""

    @model_validator(mode="after")
    def _one_check(self) -> ProbeSpec:
        one_of(self, CHECKS)
        for check in (self.http, self.tcp):
            if check is not None and not isinstance(check.port, int):
                raise ValueError(f"port {check.port}: a Probe has no named ports; write a number")
        if self.exec is None and self.env:
            raise ValueError("env is only for exec")
        return self
