"""How to tell whether something works: what a probe is, as people write it."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from .model import Spec
from .probe_values import (
    Age,
    Header,
    HeaderValue,
    Host,
    JsonScalar,
    Path,
    Pattern,
    Port,
    Precise,
    Program,
    Status,
    Text,
    UrlPath,
)

CHECKS: Final = ("http", "tcp", "exec", "log", "file")


class Role(StrEnum):
    """What a probe of a process decides."""

    STARTUP = "startup"
    READINESS = "readiness"
    LIVENESS = "liveness"


class JsonValue(Spec):
    """A value in the JSON that is answered."""

    path: Text
    """Where it is: ``db.nodes.0.state``."""
    equals: JsonScalar
    """What it must be: text, a number, true, false or null."""


class Http(Spec):
    """A request that must be answered well; redirects are not followed."""

    port: Port
    """A number, or the name of one of the process's ports."""
    host: Host = "127.0.0.1"
    path: UrlPath = "/"
    scheme: Literal["http", "https"] = "http"
    """The certificate is checked for other machines, and not for this one (loopback)."""
    method: Literal["GET", "HEAD", "POST", "OPTIONS"] = "GET"
    headers: dict[Header, HeaderValue] = Field(default_factory=dict)
    status: Annotated[tuple[Status, ...], Field(min_length=1)] = ("200-399",)
    """Codes and ranges of codes that mean success."""
    json_value: Annotated[JsonValue | None, Field(alias="json")] = None
    """What the answer must say besides."""

    def accepts(self, status: int) -> bool:
        """Whether ``status`` means success."""
        bounds = (text.partition("-") for text in self.status)
        return any(int(low) <= status <= int(high or low) for low, _, high in bounds)


class Tcp(Spec):
    """A connection that must be accepted."""

    port: Port
    """A number, or the name of one of the process's ports."""
    host: Host = "127.0.0.1"


class Log(Spec):
    """A line the process must have written since it began."""

    regex: Pattern
    """Searched for in each line; neither look-around nor back-references."""
    max_age: Age | None = None
    """How old the newest such line may be; without it one is enough for good."""


class File(Spec):
    """A file that must be there."""

    path: Path
    """Relative to the working directory. A socket is a file too."""
    max_age: Age | None = None
    """How long ago it may have been written; without it being there is enough."""


class Timing(Spec):
    """How often to look, and how many looks make a verdict."""

    period: Annotated[Precise, Field(ge=0.1, le=86400)] = 10.0
    """Time between two looks; until the first success there may be more of them."""
    timeout: Annotated[Precise, Field(ge=0.01, le=3600)] = 1.0
    """A look that takes longer has failed."""
    success_threshold: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """Successes in a row that make it good again."""
    failure_threshold: Annotated[int, Field(ge=1, le=1_000_000)] = 3
    """Failures in a row that make it bad."""


class Probe(Timing):
    """One way to tell whether a process works: write exactly one of http, tcp, exec, log, file."""

    initial_delay: Annotated[Precise, Field(ge=0, le=86400)] = 0.0
    """Time before the first look."""
    http: Http | None = None
    tcp: Tcp | None = None
    exec: Program | None = None
    """A program and its arguments, run as the process is; exit code 0 means success."""
    log: Log | None = None
    file: File | None = None

    @model_validator(mode="after")
    def _one_check(self) -> Probe:
        one_of(self, CHECKS)
        return self


def one_of(written: Spec, names: tuple[str, ...]) -> None:
    """Check that exactly one of the fields ``names`` is written. Raises ValueError."""
    given = [name for name in names if getattr(written, name) is not None]
    if len(given) != 1:
        said = f"not {' and '.join(given)}" if given else "none is given"
        known = f"{', '.join(names[:-1])} and {names[-1]}"
        raise ValueError(f"write exactly one of {known}; {said}")


class Probes(Spec):
    """When a process has started, when it may be used, and when it must be restarted."""

    startup: Probe | None = None
    """Until it succeeds the others wait; when it fails, the process is restarted."""
    readiness: Probe | None = None
    """While it fails, nothing is sent to the process and dependents wait; it is left running."""
    liveness: Probe | None = None
    """When it fails, the process is restarted."""

    @model_validator(mode="after")
    def _possible(self) -> Probes:
        for role, probe in self.items():
            if role is not Role.READINESS and probe.success_threshold != 1:
                raise ValueError(f"successThreshold of {role} must be 1; only readiness has more")
        return self

    def items(self) -> Iterator[tuple[Role, Probe]]:
        """The probes that are written."""
        for role in Role:
            probe = getattr(self, role)
            if probe is not None:
                yield role, probe

    def of(self, role: Role) -> Probe | None:
        """The probe of ``role``, if there is one."""
        probe: Probe | None = getattr(self, role)
        return probe
