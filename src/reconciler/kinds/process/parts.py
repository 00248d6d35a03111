"""The parts a Process is written in."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from ...core.backoff import Strategy
from ...core.model import Apply, Need, Ref, Spec
from ...core.units import NAME_PATTERN, Duration, Name, Size, format_duration
from .fields import Argument, Command, EnvName, Policy, Signal

LAST_PORT: Final = 65535
LONGEST: Final = 86400.0
CONDITIONS: Final = {
    "Process": ("started", "ready", "completed"),
    "SyncTarget": ("restored",),
    "Probe": ("ready",),
}
_USUAL: Final = {"SyncTarget": "restored", "Probe": "ready"}

_reference: Final = re.compile(r"([A-Z][A-Za-z]*)/(.+)")


class EnvFile(Spec):
    """A file of ``KEY=value`` lines."""

    path: str
    optional: bool = False
    """Whether the file may be missing."""


class Port(Spec):
    """A TCP port the process listens on."""

    name: Name
    port: Annotated[int, Field(ge=1, le=LAST_PORT), Apply.RESTART] | Literal["auto"]
    """The port of the first instance, the next ones count up from it; ``auto`` finds a free one."""
    env: Annotated[EnvName | None, Apply.RESTART] = None
    """The variable that tells the process its port; ``PORT`` for the first port."""


class Dependency(Spec):
    """What must be there before this process starts."""

    ref: Annotated[str, StringConstraints(pattern=r"^([A-Z][A-Za-z]*/)?" + NAME_PATTERN[1:])]
    """``Process/db`` or ``SyncTarget/data``; a bare name is a Process."""
    condition: Literal["started", "ready", "completed", "restored"] | None = None
    """``started`` for a process unless said otherwise, ``restored`` for a sync target;
    ``completed`` only for what comes to an end."""
    timeout: Annotated[Duration | None, Field(gt=0), Apply.LIVE] = None
    """How long to wait for it at most; without one, as long as it takes."""
    on_timeout: Annotated[Literal["fail", "start"], Apply.LIVE] = "fail"
    """Past the timeout: ``fail`` gives up until the spec changes, ``start`` starts without it."""
    on_restart: Annotated[Literal["ignore", "restart"], Apply.LIVE] = "ignore"
    """``restart`` restarts this process when the other one was restarted and is well again."""

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"ref": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _possible(self) -> Dependency:
        kind, condition = self.need.ref.kind, self.condition
        possible = CONDITIONS.get(kind, ())
        if condition is not None and condition not in possible:
            known = f"one of {', '.join(possible)}" if possible else "no condition"
            raise ValueError(f"a {kind} can not be {condition}; write {known}")
        if self.on_timeout == "start" and self.timeout is None:
            raise ValueError("onTimeout: start needs a timeout; write for example timeout: 5m")
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"type": "string"}, handler(core)]}

    @property
    def need(self) -> Need:
        """The edge of the graph."""
        match = _reference.fullmatch(self.ref)
        ref = Ref(*match.groups()) if match else Ref("Process", self.ref)
        return Need(
            ref,
            self.condition or _USUAL.get(ref.kind, "started"),
            timeout=self.timeout,
            start_anyway=self.on_timeout == "start",
            follow=self.on_restart == "restart",
        )


class Restart(Spec):
    """What happens when the process ends by itself."""

    policy: Annotated[Policy, Apply.LIVE] = "always"
    """``always`` also begins again after a good end, which is no failure; ``onFailure`` leaves it
    alone then, ``never`` after any."""
    backoff: Annotated[Duration, Field(ge=0, le=LONGEST), Apply.LIVE] = 1.0
    """The wait after the first failure; each further one doubles it. With ``0s`` the first restart
    is at once, and quick failures that follow wait 0.1, 0.2, 0.4 and so on seconds."""
    max_backoff: Annotated[Duration, Field(ge=0, le=LONGEST), Apply.LIVE] = 30.0
    """No wait is longer."""
    strategy: Annotated[Strategy, Apply.LIVE] = Strategy.EXPONENTIAL
    """How the wait grows; ``fixed`` does not, ``random`` lies between ``backoff`` and
    ``maxBackoff``."""
    healthy_after: Annotated[Duration, Field(gt=0, le=LONGEST), Apply.LIVE] = 10.0
    """After so long a life its failures are forgotten."""
    max_retries: Annotated[int, Field(ge=-1, le=1_000_000), Apply.LIVE] = 10
    """Restarts after failures in a row; with one more it is given up. -1 never gives up."""
    success_exit_codes: Annotated[
        tuple[Annotated[int, Field(ge=0, le=255)], ...], Field(min_length=1), Apply.LIVE
    ] = (0,)
    """What a good end looks like."""

    @model_validator(mode="after")
    def _ordered(self) -> Restart:
        if self.max_backoff < self.backoff:
            first, longest = format_duration(self.backoff), format_duration(self.max_backoff)
            text = f"maxBackoff ({longest}) is shorter than backoff ({first})"
            raise ValueError(f"{text}; raise maxBackoff to at least {first}")
        return self


class Stop(Spec):
    """How the process is asked to end; the whole process group is, and killed after ``grace``."""

    signal: Annotated[Signal, Apply.LIVE] = "TERM"
    grace: Annotated[Duration, Field(ge=0, le=LONGEST), Apply.LIVE] = 10.0
    pre_stop: Annotated[Command | None, Apply.LIVE] = None
    """Run before the signal, within the grace; 2s of it, or all of a shorter one, are left for the
    signal. Text is split into words, not run by a shell."""


class Rollout(Spec):
    """How a process that must be started anew is replaced."""

    strategy: Annotated[Literal["recreate", "blueGreen"], Apply.LIVE] = "recreate"
    """``recreate`` ends it and starts it; ``blueGreen`` starts the new one beside it first."""
    min_healthy_time: Annotated[Duration, Field(ge=0, le=LONGEST), Apply.LIVE] = 10.0
    """How long the new one must have been ready before it takes over."""
    progress_deadline: Annotated[Duration, Field(gt=0, le=LONGEST), Apply.LIVE] = 600.0
    """How long that may take; then the new one is removed and the old one goes on."""
    drain_timeout: Annotated[Duration, Field(ge=0, le=LONGEST), Apply.LIVE] = 30.0
    """How long the old one may take to finish its requests and WebSockets."""

    @model_validator(mode="after")
    def _possible(self) -> Rollout:
        if self.strategy == "recreate" and (given := self.model_fields_set - {"strategy"}):
            name = to_camel(min(given))
            raise ValueError(f"{name} is only for strategy: blueGreen; write that, or remove it")
        if self.progress_deadline <= self.min_healthy_time:
            long = format_duration(self.min_healthy_time)
            raise ValueError(f"progressDeadline must be longer than minHealthyTime ({long})")
        return self


def _from_path(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


class SignedFile(Spec):
    """A file whose content counts; the loader adds the digest, nobody writes it."""

    path: Annotated[str, Field(min_length=1)]
    digest: str = ""


class Reload(Spec):
    """How the process is told to read its files again, while it goes on running."""

    signal: Annotated[Signal, Apply.LIVE] = "HUP"
    files: Annotated[
        tuple[
            Annotated[
                SignedFile,
                BeforeValidator(_from_path),
                WithJsonSchema({"type": "string", "minLength": 1}),
            ],
            ...,
        ],
        Apply.RELOAD,
    ] = ()
    """A change of their content sends the signal. Relative to the folder that holds the specs."""


class Watch(Spec):
    """Files whose change restarts the process: for development."""

    paths: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Apply.LIVE] = ()
    """Folders and files, relative to the folder that holds the specs; the working directory."""
    ignore: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Apply.LIVE] = ()
    """Patterns of names that do not count, as in ``*.log``."""
    debounce: Annotated[Duration, Field(ge=0, le=60), Apply.LIVE] = 0.5
    """How long it must be quiet before the restart."""


class Limits(Spec):
    """How much of the machine one instance may use."""

    open_files: Annotated[int | None, Field(ge=8, le=1 << 30), Apply.RESTART] = None
    memory: Annotated[Size | None, Field(ge=1 << 20), Apply.LIVE] = None
    """Of the whole process tree; over it, the instance is restarted."""
    processes: Annotated[int | None, Field(ge=1, le=1 << 30), Apply.RESTART] = None
    """The kernel counts all processes of the same user."""
    niceness: Annotated[int | None, Field(ge=-20, le=19), Apply.RESTART] = None
    """Higher yields to others; below zero takes root."""
    no_new_privileges: Annotated[bool, Apply.RESTART] = False
    """No program it starts may gain rights, not even by setuid."""


class Logs(Spec):
    """How much of the output is kept."""

    max_bytes: Annotated[Size, Apply.LIVE] = 10_000_000
    """A log is rotated at this size; 0 never."""
    backups: Annotated[int, Field(ge=0, le=1000), Apply.LIVE] = 5
    """How many rotated logs are kept."""


__all__ = [
    "LAST_PORT",
    "Argument",
    "Dependency",
    "EnvFile",
    "Limits",
    "Logs",
    "Port",
    "Reload",
    "Restart",
    "Rollout",
    "SignedFile",
    "Stop",
    "Watch",
]
