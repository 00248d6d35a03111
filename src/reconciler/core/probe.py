"""How to tell whether something works: what a probe is, as people write it."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from .model import Apply, Spec
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

    path: Annotated[Text, Apply.LIVE]
    """Where it is: ``db.nodes.0.state``."""
    equals: Annotated[JsonScalar, Apply.LIVE]
    """What it must be: text, a number, true, false or null."""


class Http(Spec):
    """A request that must be answered well; redirects are not followed."""

    port: Annotated[Port, Apply.LIVE]
    """A number, or the name of one of the process's ports."""
    host: Annotated[Host, Apply.LIVE] = "127.0.0.1"
    """Where to ask: a name or an address."""
    path: Annotated[UrlPath, Apply.LIVE] = "/"
    """What to ask for, with its query if there is one."""
    scheme: Annotated[Literal["http", "https"], Apply.LIVE] = "http"
    """The certificate is checked for other machines, and not for this one (loopback)."""
    method: Annotated[Literal["GET", "HEAD", "POST", "OPTIONS"], Apply.LIVE] = "GET"
    """How to ask."""
    headers: Annotated[dict[Header, HeaderValue], Apply.LIVE] = Field(default_factory=dict)
    """Sent along; Host, User-Agent and Accept may be written too."""
    status: Annotated[tuple[Status, ...], Field(min_length=1), Apply.LIVE] = ("200-399",)
    """Codes and ranges of codes that mean success."""
    json_value: Annotated[JsonValue | None, Field(alias="json"), Apply.LIVE] = None
    """What the answer must say besides."""

    def accepts(self, status: int) -> bool:
        """Whether ``status`` means success."""
        bounds = (text.partition("-") for text in self.status)
        return any(int(low) <= status <= int(high or low) for low, _, high in bounds)


class Tcp(Spec):
    """A connection that must be accepted."""

    port: Annotated[Port, Apply.LIVE]
    """A number, or the name of one of the process's ports."""
    host: Annotated[Host, Apply.LIVE] = "127.0.0.1"
    """Where to connect to: a name or an address."""


class Log(Spec):
    """A line the process must have written since it began."""

    regex: Annotated[Pattern, Apply.LIVE]
    """Searched for in each line; neither look-around nor back-references."""
    max_age: Annotated[Age | None, Apply.LIVE] = None
    """How old the newest such line may be; without it one is enough for good."""


class File(Spec):
    """A file that must be there."""

    path: Annotated[Path, Apply.LIVE]
    """Relative to the working directory. A socket is a file too."""
    max_age: Annotated[Age | None, Apply.LIVE] = None
    """How long ago it may have been written; without it being there is enough."""


class Timing(Spec):
    """How often to look, and how many looks make a verdict."""

    period: Annotated[Precise, Field(ge=0.1, le=86400), Apply.LIVE] = 10.0
    """Time between two looks; until the first success there may be more of them."""
    timeout: Annotated[Precise, Field(ge=0.01, le=3600), Apply.LIVE] = 1.0
    """A look that takes longer has failed."""
    success_threshold: Annotated[int, Field(ge=1, le=1_000_000), Apply.LIVE] = 1
    """Successes in a row that make it good again."""
    failure_threshold: Annotated[int, Field(ge=1, le=1_000_000), Apply.LIVE] = 3
    """Failures in a row that make it bad."""


class Probe(Timing):
    """One way to tell whether a process works: write exactly one of http, tcp, exec, log, file."""

    initial_delay: Annotated[Precise, Field(ge=0, le=86400), Apply.LIVE] = 0.0
    """Time before the first look."""
    http: Annotated[Http | None, Apply.LIVE] = None
    """A request that must be answered well."""
    tcp: Annotated[Tcp | None, Apply.LIVE] = None
    """A connection that must be accepted."""
    exec: Annotated[Program | None, Apply.LIVE] = None
    """A program and its arguments, run as the process is; exit code 0 means success."""
    log: Annotated[Log | None, Apply.LIVE] = None
    """A line that must be in the log."""
    file: Annotated[File | None, Apply.LIVE] = None
    """A file that must be there."""

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

    startup: Annotated[Probe | None, Apply.LIVE] = None
    """Until it succeeds the others wait; when it fails, the process is restarted."""
    readiness: Annotated[Probe | None, Apply.LIVE] = None
    """While it fails, nothing is sent to the process and dependents wait; it is left running."""
    liveness: Annotated[Probe | None, Apply.LIVE] = None
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
