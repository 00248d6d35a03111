"""What the user writes for a Process."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from ...core.model import Apply, Need, Ref, Resource, Spec
from ...core.probe import Probes
from ...core.request import Watch as Watched
from ...core.schedule import check_schedule, check_timezone
from .fields import Argument, Command, EnvName, EnvValue, Umask, User
from .parts import (
    LAST_PORT,
    Dependency,
    EnvFile,
    Limits,
    Logs,
    Port,
    Reload,
    Restart,
    Rollout,
    Stop,
    Watch,
)
from .probed import check_probes

RESERVED: Final = frozenset({"reconciler", "gateway", "events"})
"""Programs of the stack itself."""

SIDE: Final = "b"
"""Ends the name of the second of two instances that take turns: ``web-0b``."""

_instance: Final = re.compile(r"(.+)-(0|[1-9][0-9]*)(b?)")


def _schedule(value: str | None) -> str | None:
    return None if value is None else check_schedule(value)


def _timezone(value: str | None) -> str | None:
    return None if value is None else check_timezone(value)


class ProcessSpec(Spec):
    """A program that is kept running."""

    not_yet: ClassVar[tuple[str, ...]] = ()

    enabled: Annotated[bool, Apply.LIVE] = True
    """False stops the process and keeps it stopped."""
    type: Annotated[Literal["service", "oneshot", "cron"], Apply.LIVE] = "service"
    """``service`` is kept running, ``oneshot`` runs to a good end, ``cron`` at its times."""
    schedule: Annotated[str | None, AfterValidator(_schedule), Apply.LIVE] = None
    """When a ``cron`` runs: minute, hour, day, month, weekday, or ``@daily`` and the like."""
    timezone: Annotated[str | None, AfterValidator(_timezone), Apply.LIVE] = None
    """Of the schedule, as in ``Europe/Berlin``; that of the machine unless said otherwise."""
    run_on_start: Annotated[bool, Apply.LIVE] = False
    """Whether a ``cron`` also runs once when the stack starts."""
    concurrency: Annotated[Literal["forbid", "allow", "replace"], Apply.LIVE] = "forbid"
    """When the last run is not over yet: ``forbid`` skips this one, ``replace`` ends that one,
    ``allow`` runs both."""
    command: Annotated[Command | None, Apply.RESTART] = None
    """The program and its arguments, executed as they are; text is split into words.
    ``${VAR}`` and ``${VAR:-default}`` are filled in from the environment of ``reconciler up``, and
    ``$$`` is a dollar."""
    shell: Annotated[Argument | None, Field(min_length=1), Apply.RESTART] = None
    """A line for ``/bin/bash -lc``, which alone fills in its ``${VAR}``: from ``env``."""
    script: Annotated[Argument | None, Field(min_length=1), Apply.RESTART] = None
    """A file run by ``interpreter``."""
    interpreter: Annotated[Argument, Field(min_length=1), Apply.RESTART] = "auto"
    """``auto`` finds the virtual environment's python, python3, node or ts-node by the file."""
    args: Annotated[tuple[Argument, ...], Apply.RESTART] = ()
    """More arguments, after those of the command; ``${VAR}`` is filled in as there."""
    working_dir: Annotated[Argument, Field(min_length=1), Apply.RESTART] = "."
    """Relative to the folder that holds the specs; it must exist. ``${VAR}`` is filled in as in
    ``command``."""
    env: Annotated[dict[EnvName, EnvValue], Apply.RESTART] = Field(default_factory=dict)
    """What it gets, as text, or as a secret: ``{from: {env: NAME}}``, ``{from: {file: path}}``.
    ``${VAR}`` is filled in as in ``command``."""
    env_file: Annotated[tuple[str | EnvFile, ...], Apply.RESTART] = ()
    """Files of ``KEY=value`` lines; ``env`` wins over them. Their values are shown nowhere."""
    inherit_env: Annotated[tuple[EnvName, ...], Apply.RESTART] = ("PATH", "HOME", "LANG")
    """What of the environment of ``reconciler up`` the process gets."""
    user: Annotated[User | None, Apply.RESTART] = None
    """A name or number, with ``:group`` if need be; only when the operator runs as root."""
    umask: Annotated[Umask | None, Apply.RESTART] = None
    limits: Limits = Limits()
    replicas: Annotated[int, Field(ge=0, le=1000), Apply.LIVE] = 1
    """Instances are called NAME-0, NAME-1 and so on."""
    ports: Annotated[tuple[Port, ...], Apply.RESTART] = ()
    depends_on: Annotated[tuple[Dependency, ...], Apply.LIVE] = ()
    priority: Annotated[int, Field(ge=0, le=9999), Apply.LIVE] = 999
    """Lower starts first and stops last, among those that do not depend on each other."""
    restart: Restart = Restart()
    stop: Stop = Stop()
    reload: Reload | None = None
    probes: Annotated[Probes | None, Apply.LIVE] = None
    """How to tell that it has started, may be used, and is still alive."""
    watch: Watch | None = None
    logs: Logs = Logs()
    rollout: Rollout = Rollout()

    @field_validator("probes")
    @classmethod
    def _possible_probes(cls, value: Probes | None, info: ValidationInfo) -> Probes | None:
        if value is not None and "ports" in info.data:
            check_probes(value, info.data["ports"])
        return value

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
        numbers = (port.port for port in self.ports if port.port != "auto")
        if any(number + self.replicas - 1 > LAST_PORT for number in numbers):
            raise ValueError(f"the ports of {self.replicas} replicas would pass {LAST_PORT}")
        return self

    @model_validator(mode="after")
    def _side_by_side(self) -> ProcessSpec:
        if self.rollout.strategy != "blueGreen":
            return self
        if self.type != "service":
            raise ValueError(
                f"rollout.strategy: blueGreen is for type: service; a {self.type} has nothing to "
                "be taken over from it"
            )
        fixed = [port.name for port in self.ports if port.port != "auto"]
        if fixed or not self.ports:
            said = f"port {fixed[0]} is fixed" if fixed else "there is no port"
            raise ValueError(
                "rollout.strategy: blueGreen runs two at a time, each on a port of its own, and "
                f"{said}; write port: auto"
            )
        return self

    @model_validator(mode="after")
    def _timely(self) -> ProcessSpec:
        if self.type == "cron":
            if self.schedule is None:
                raise ValueError('type: cron needs a schedule; write for example "0 4 * * *"')
            return self
        given = {
            "schedule": self.schedule is not None,
            "timezone": self.timezone is not None,
            "runOnStart": self.run_on_start,
            "concurrency": self.concurrency != "forbid",
        }
        if wrong := [name for name, is_given in given.items() if is_given]:
            raise ValueError(f"{wrong[0]} is only for type: cron; write that, or remove {wrong[0]}")
        return self


def needs(resource: Resource[ProcessSpec]) -> Iterator[Need]:
    """What must be there before it starts."""
    return (dependency.need for dependency in resource.spec.depends_on)


def instances(resource: Resource[ProcessSpec]) -> tuple[Resource[ProcessSpec], ...]:
    """``web`` stands for ``web-0``, ``web-1`` and so on; with ``blueGreen`` each has a twin."""
    kind, name = resource.ref
    twins = resource.spec.rollout.strategy == "blueGreen"
    found = []
    for index in range(resource.spec.replicas):
        one = Ref(kind, f"{name}-{index}")
        other = Ref(kind, f"{one.name}{SIDE}") if twins else None
        both = ((one, other), (other, one)) if other is not None else ((one, None),)
        for ref, beside in both:
            made = replace(resource, ref=ref, instance_of=resource.ref, index=index, beside=beside)
            found.append(made)
    return tuple(found)


def paused(resource: Resource[ProcessSpec]) -> Resource[ProcessSpec]:
    """The same process, stopped."""
    return replace(resource, spec=resource.spec.model_copy(update={"enabled": False}))


def resumed(resource: Resource[ProcessSpec]) -> Resource[ProcessSpec]:
    """The same process, running though it is written not to."""
    return replace(resource, spec=resource.spec.model_copy(update={"enabled": True}))


def ports(resource: Resource[ProcessSpec]) -> Mapping[str, int | None]:
    """What one instance listens on, by name; None where a free port is to be picked."""
    return {
        port.name: None if port.port == "auto" else port.port + resource.index
        for port in resource.spec.ports
    }


def with_ports(
    resource: Resource[ProcessSpec], numbers: Mapping[str, int]
) -> Resource[ProcessSpec]:
    """The same instance, with the picked numbers in place."""
    found = tuple(
        port.model_copy(update={"port": numbers[port.name] - resource.index})
        if port.port == "auto" and port.name in numbers
        else port
        for port in resource.spec.ports
    )
    return replace(resource, spec=resource.spec.model_copy(update={"ports": found}))


def watches(resource: Resource[ProcessSpec], everything: bool) -> Watched | None:  # noqa: FBT001 (a hook's answer to one question)
    """The files whose change restarts it; ``everything`` watches the working directory too."""
    spec = resource.spec
    if spec.watch is None and not everything:
        return None
    watch = spec.watch or Watch()
    paths = watch.paths or (spec.working_dir,)
    return Watched(tuple(str(resource.root / path) for path in paths), watch.ignore, watch.debounce)


def collisions(resources: Iterable[Resource[ProcessSpec]]) -> Iterator[tuple[Ref, str]]:
    """Names that mean two things: those of the stack itself, and those of another's instances."""
    written = {resource.ref.name: resource for resource in resources}
    for name, resource in written.items():
        if name in RESERVED:
            yield resource.ref, f"{name} is a program of the stack itself; choose another name"
        match = _instance.fullmatch(name)
        other = written.get(match[1]) if match else None
        if other is not None and match and _is_instance(match, other.spec):
            text = (
                f"{name} is also an instance of {other.ref} ({other.origin}); choose another name"
            )
            yield resource.ref, text


def _is_instance(match: re.Match[str], spec: ProcessSpec) -> bool:
    return int(match[2]) < spec.replicas and (not match[3] or spec.rollout.strategy == "blueGreen")
