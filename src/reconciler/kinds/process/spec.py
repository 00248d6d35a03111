"""What the user writes for a Process."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import (
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from ...core.model import Apply, Need, Ref, Resource, Spec
from ...core.units import NAME_PATTERN, Duration, Name, Size
from .fields import Argument, Command, EnvName, EnvValue, Policy, Signal, Umask, User

LAST_PORT: Final = 65535
RESERVED: Final = frozenset({"reconciler", "gateway", "events"})
"""Programs of the stack itself."""

_reference: Final = re.compile(r"([A-Z][A-Za-z]*)/(.+)")
_instance: Final = re.compile(r"(.+)-(0|[1-9][0-9]*)")


_CONDITIONS: Final = {"Process": ("started", "ready", "completed"), "SyncTarget": ("restored",)}


class EnvFile(Spec):
    """A file of ``KEY=value`` lines."""

    path: str
    optional: bool = False
    """Whether the file may be missing."""


class Port(Spec):
    """A TCP port the process listens on."""

    name: Name
    port: Annotated[int, Field(ge=1, le=LAST_PORT)]
    """The port of the first instance; the next ones count up from it."""
    env: EnvName | None = None
    """The variable that tells the process its port; ``PORT`` for the first port."""

    @field_validator("port", mode="before")
    @classmethod
    def _no_auto(cls, value: Any) -> Any:
        if value == "auto":
            raise ValueError("port: auto is not supported yet; write a number")
        return value


class Dependency(Spec):
    """What must be there before this process starts."""

    ref: Annotated[str, StringConstraints(pattern=r"^([A-Z][A-Za-z]*/)?" + NAME_PATTERN[1:])]
    """``Process/db`` or ``SyncTarget/data``; a bare name is a Process."""
    condition: Literal["started", "ready", "completed", "restored"] | None = None
    """``started`` for a process unless said otherwise, ``restored`` for a sync target."""

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"ref": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _possible(self) -> Dependency:
        kind, condition = self.need.ref.kind, self.condition
        possible = _CONDITIONS.get(kind, ())
        if condition is not None and condition not in possible:
            known = f"one of {', '.join(possible)}" if possible else "no condition"
            raise ValueError(f"a {kind} can not be {condition}; write {known}")
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
        usual = "restored" if ref.kind == "SyncTarget" else "started"
        return Need(ref, self.condition or usual)


class Restart(Spec):
    """What happens when the process ends by itself."""

    policy: Annotated[Policy, Apply.RECREATE] = "always"


class Stop(Spec):
    """How the process is asked to end; the whole process group is, and killed after ``grace``."""

    signal: Annotated[Signal, Apply.RECREATE] = "TERM"
    grace: Annotated[Duration, Field(ge=0, le=86400), Apply.RECREATE] = 10.0


class Logs(Spec):
    """How much of the output is kept."""

    max_bytes: Annotated[Size, Apply.RECREATE] = 10_000_000
    """A log is rotated at this size; 0 never."""
    backups: Annotated[int, Field(ge=0, le=1000), Apply.RECREATE] = 5
    """How many rotated logs are kept."""


class ProcessSpec(Spec):
    """A program that is kept running."""

    not_yet: ClassVar[tuple[str, ...]] = (
        "type=oneshot",
        "type=cron",
        "schedule",
        "timezone",
        "runOnStart",
        "concurrency",
        "limits",
        "ports.port=auto",
        "dependsOn.timeout",
        "dependsOn.onTimeout",
        "dependsOn.onRestart",
        "restart.backoff",
        "restart.maxBackoff",
        "restart.strategy",
        "restart.healthyAfter",
        "restart.maxRetries",
        "restart.successExitCodes",
        "stop.preStop",
        "reload",
        "probes",
        "watch",
        "rollout",
    )

    enabled: bool = True
    """False stops the process and keeps it stopped."""
    type: Literal["service", "oneshot", "cron"] = "service"
    command: Annotated[Command | None, Apply.RESTART] = None
    """The program and its arguments, executed as they are; text is split into words."""
    shell: Annotated[Argument | None, Field(min_length=1), Apply.RESTART] = None
    """A line for ``/bin/bash -lc``."""
    script: Annotated[Argument | None, Field(min_length=1), Apply.RESTART] = None
    """A file run by ``interpreter``."""
    interpreter: Annotated[Argument, Field(min_length=1), Apply.RESTART] = "auto"
    """``auto`` finds the virtual environment's python, python3, node or ts-node by the file."""
    args: Annotated[tuple[Argument, ...], Apply.RESTART] = ()
    """More arguments, after those of the command."""
    working_dir: Annotated[Argument, Field(min_length=1), Apply.RESTART] = "."
    """Relative to the folder that holds the specs; it must exist."""
    env: Annotated[dict[EnvName, EnvValue], Apply.RESTART] = Field(default_factory=dict)
    env_file: Annotated[tuple[str | EnvFile, ...], Apply.RESTART] = ()
    """Files of ``KEY=value`` lines; ``env`` wins over them. Their values are shown nowhere."""
    inherit_env: Annotated[tuple[EnvName, ...], Apply.RESTART] = ("PATH", "HOME", "LANG")
    """What of the environment of ``reconciler up`` the process gets."""
    user: Annotated[User | None, Apply.RESTART] = None
    """A name or number, with ``:group`` if need be; only when the operator runs as root."""
    umask: Annotated[Umask | None, Apply.RESTART] = None
    replicas: Annotated[int, Field(ge=0, le=1000)] = 1
    """Instances are called NAME-0, NAME-1 and so on."""
    ports: Annotated[tuple[Port, ...], Apply.RESTART] = ()
    depends_on: tuple[Dependency, ...] = ()
    priority: Annotated[int, Field(ge=0, le=9999), Apply.RECREATE] = 999
    """Lower starts first and stops last, among those that do not depend on each other."""
    restart: Restart = Restart()
    stop: Stop = Stop()
    logs: Logs = Logs()

    @model_validator(mode="after")
    def _one_program(self) -> ProcessSpec:
        given = [n for n in ("command", "shell", "script") if getattr(self, n) is not None]
        if len(given) != 1:
            said = f"not {' and '.join(given)}" if given else "none is given"
            raise ValueError(f"write exactly one of command, shell and script; {said}")
        if self.interpreter != "auto" and self.script is None:
            raise ValueError("interpreter is only for script")
        if len({port.name for port in self.ports}) != len(self.ports):
            raise ValueError("two ports have the same name")
        if any(port.port + self.replicas - 1 > LAST_PORT for port in self.ports):
            raise ValueError(f"the ports of {self.replicas} replicas would pass {LAST_PORT}")
        return self


def needs(resource: Resource[ProcessSpec]) -> Iterator[Need]:
    """What must be there before it starts."""
    return (dependency.need for dependency in resource.spec.depends_on)


def instances(resource: Resource[ProcessSpec]) -> tuple[Resource[ProcessSpec], ...]:
    """``web`` stands for ``web-0``, ``web-1`` and so on."""
    return tuple(
        replace(
            resource,
            ref=Ref(resource.ref.kind, f"{resource.ref.name}-{index}"),
            instance_of=resource.ref,
            index=index,
        )
        for index in range(resource.spec.replicas)
    )


def paused(resource: Resource[ProcessSpec]) -> Resource[ProcessSpec]:
    """The same process, stopped."""
    return replace(resource, spec=resource.spec.model_copy(update={"enabled": False}))


def collisions(resources: Iterable[Resource[ProcessSpec]]) -> Iterator[tuple[Ref, str]]:
    """Names that mean two things: those of the stack itself, and those of another's instances."""
    written = {resource.ref.name: resource for resource in resources}
    for name, resource in written.items():
        if name in RESERVED:
            yield resource.ref, f"{name} is a program of the stack itself; choose another name"
        match = _instance.fullmatch(name)
        other = written.get(match[1]) if match else None
        if other is not None and match and int(match[2]) < other.spec.replicas:
            text = (
                f"{name} is also an instance of {other.ref} ({other.origin}); choose another name"
            )
            yield resource.ref, text
