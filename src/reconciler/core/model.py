"""The nouns: what is written, what is seen, what differs, what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePath
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from .request import Request

Json: TypeAlias = Any


class Ref(NamedTuple):
    """Names one resource: ``Process/web``."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


class Apply(StrEnum):
    """How a change of a field reaches the world, mildest first: a mark in its ``Annotated``."""

    LIVE = "live"
    RELOAD = "reload"
    RESTART = "restart"
    RECREATE = "recreate"


_STRENGTH = {one: number for number, one in enumerate(Apply)}


class _Model(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        use_attribute_docstrings=True,
    )


class Spec(_Model):
    """Base of every kind's spec: what the user writes under ``spec:`` (camelCase in YAML)."""


class State(_Model):
    """Base of every kind's state: one shape for desired and observed; secrets are ``Sealed``."""


SpecT = TypeVar("SpecT", bound=Spec)
StateT = TypeVar("StateT", bound=State)
ActionT = TypeVar("ActionT")
ActionT_contra = TypeVar("ActionT_contra", contravariant=True)


class Origin(NamedTuple):
    """Where a resource is written: the file relative to the spec root's parent, 1-based line.

    Or the variable that stands for it: that has no suffix, and no lines.
    """

    path: PurePath
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.path.suffix else str(self.path)


class Drift(StrEnum):
    """What to do about a change made outside the specs."""

    CORRECT = "correct"
    WARN = "warn"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class Resource(Generic[SpecT]):
    """One checked document. ``digest`` names its content; ``root`` is what relative paths mean.

    ``instance_of`` is the written resource this one was expanded from (``Process/web`` for
    ``Process/web-0``), else None. ``epoch`` counts how often it was asked to begin anew.
    ``beside`` is the ref it takes turns with, where one replaces the other without a pause.
    ``kept`` is what stays as it is for now, whatever the spec says.
    """

    ref: Ref
    spec: SpecT
    origin: Origin
    digest: str = ""
    root: PurePath = PurePath("/")
    generation: int = 1
    instance_of: Ref | None = None
    index: int = 0
    epoch: int = 0
    beside: Ref | None = None
    kept: State | None = None
    suspend: bool = False
    drift: Drift = Drift.CORRECT
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def written_as(self) -> Ref:
        """The ref the user wrote."""
        return self.instance_of or self.ref

    @property
    def lead(self) -> Ref:
        """The ref by which requests are kept: of two that take turns, the first."""
        return self.ref if self.beside is None else min(self.ref, self.beside)


@dataclass(frozen=True, slots=True)
class Observed(Generic[StateT]):
    """One thing seen in the world. ``vitals`` is volatile and never diffed."""

    state: StateT
    owned: bool
    vitals: Mapping[str, Json]


class HealthCode(StrEnum):
    HEALTHY = "Healthy"
    PROGRESSING = "Progressing"
    DEGRADED = "Degraded"
    SUSPENDED = "Suspended"
    UNKNOWN = "Unknown"


class Health(NamedTuple):
    """A verdict. ``stuck``: it has given up, time alone will not mend it."""

    code: HealthCode
    reason: str
    message: str
    stuck: bool = False


class Unknown(NamedTuple):
    """The world could not be seen. Never confuse it with an empty world."""

    reason: str
    message: str


World: TypeAlias = Mapping[str, "Mapping[str, Observed[Any]] | Unknown"]


class Cause(StrEnum):
    """Why a ref differs: its spec was edited, or the world moved away from an unedited spec.

    Or something was asked for the moment, and that is where it differs.
    """

    SPEC = "spec"
    DRIFT = "drift"
    REQUEST = "request"


class Verb(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class FieldChange(NamedTuple):
    """One path's difference. ``apply`` says what changing it costs."""

    path: str
    before: Json
    after: Json
    apply: Apply = Apply.LIVE


@dataclass(frozen=True, slots=True)
class Change(Generic[StateT]):
    """One ref's difference. ``revision`` is the revision of the specs it was planned from.

    ``request`` is what was asked for the moment, where that is why it differs.
    """

    ref: Ref
    verb: Verb
    before: StateT | None
    after: StateT | None
    fields: tuple[FieldChange, ...]
    revision: str = ""
    cause: Cause = Cause.SPEC
    request: Request | None = None

    @property
    def apply(self) -> Apply:
        """The strongest of the fields' costs."""
        return max([f.apply for f in self.fields], key=_STRENGTH.__getitem__, default=Apply.LIVE)


class Step(NamedTuple):
    """One idempotent action, as data. Steps of one wave may run side by side.

    ``order`` is the id of the order that it is part of, where it was ordered.
    """

    ref: Ref
    action: Any
    wave: int = 0
    order: str = ""


class Blocked(NamedTuple):
    """Held back, and why. ``after`` is when to look again, in seconds from now, where known."""

    ref: Ref
    reason: str
    message: str
    after: float | None = None


class Need(NamedTuple):
    """An edge of the graph: ``ref`` must fulfil ``condition`` (``started``, ``restored``, …).

    After ``timeout`` seconds of waiting the dependent starts without it (``start_anyway``) or has
    failed. ``follow``: when ``ref`` is restarted, so is the dependent.
    """

    ref: Ref
    condition: str
    timeout: float | None = None
    start_anyway: bool = False
    follow: bool = False


class Due(NamedTuple):
    """Work whose time has come (``actions``), and when to look again (``after`` seconds)."""

    actions: tuple[Any, ...] = ()
    after: float | None = None
