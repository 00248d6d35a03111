"""What a Process looks like in the world. Desired and observed share this shape."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

from ...core.backoff import Strategy
from ...core.model import Apply, Json, Resource, State
from ...core.probe import Probes
from ...core.sealed import Sealed
from ...core.sharing import whole
from .fields import Policy, Signal
from .probed import placed
from .spec import ProcessSpec
from .spec import ports as listened


class Program(State):
    """One program as it is kept running; the default is one that nothing is known about."""

    argv: Annotated[tuple[str, ...], Apply.RESTART] = ()
    interpreter: Annotated[str, Apply.RESTART] = ""
    """What runs ``argv`` as a script; ``auto`` is resolved when it starts."""
    env: Annotated[dict[str, str | Sealed], Apply.RESTART] = {}  # noqa: RUF012 (a pydantic default is copied)
    inherit_env: Annotated[tuple[str, ...], Apply.RESTART] = ()
    working_dir: Annotated[str, Apply.RESTART] = "/"
    umask: Annotated[str | None, Apply.RESTART] = None
    user: Annotated[str | None, Apply.RESTART] = None
    open_files: Annotated[int | None, Apply.RESTART] = None
    processes: Annotated[int | None, Apply.RESTART] = None
    niceness: Annotated[int | None, Apply.RESTART] = None
    no_new_privileges: Annotated[bool, Apply.RESTART] = False
    mode: Annotated[Literal["service", "oneshot", "cron"], Apply.LIVE] = "service"
    schedule: Annotated[str | None, Apply.LIVE] = None
    restart: Annotated[Policy, Apply.LIVE] = "always"
    backoff: Annotated[float, Apply.LIVE] = 1.0
    max_backoff: Annotated[float, Apply.LIVE] = 30.0
    strategy: Annotated[Strategy, Apply.LIVE] = Strategy.EXPONENTIAL
    healthy_after: Annotated[float, Apply.LIVE] = 10.0
    max_retries: Annotated[int, Apply.LIVE] = 10
    success_exit_codes: Annotated[tuple[int, ...], Apply.LIVE] = (0,)
    stop_signal: Annotated[Signal, Apply.LIVE] = "TERM"
    grace: Annotated[float, Apply.LIVE] = 10.0
    pre_stop: Annotated[tuple[str, ...] | None, Apply.LIVE] = None
    memory: Annotated[int | None, Apply.LIVE] = None
    priority: Annotated[int, Apply.LIVE] = 999
    after: Annotated[tuple[str, ...], Apply.LIVE] = ()
    """Programs whose instances stop only when this one has."""
    log_max_bytes: Annotated[int, Apply.LIVE] = 0
    log_backups: Annotated[int, Apply.LIVE] = 0
    ports: Annotated[dict[str, int], Apply.LIVE] = {}  # noqa: RUF012 (the same)
    probes: Annotated[Probes | None, Apply.LIVE] = None
    reload_signal: Annotated[Signal | None, Apply.LIVE] = None
    reload_digest: Annotated[str, Apply.RELOAD] = ""
    """Names the content of the files it was told to read."""
    installed: Annotated[bool, Apply.LIVE] = False
    """Whether what is on disk and known to supervisord would start it as it is."""
    started: Annotated[bool, Apply.LIVE] = False
    epoch: Annotated[int, Apply.RESTART] = 0
    """How often it was asked to begin anew."""


class StockProgram(Program):
    """The same over a supervisord without our keeper, where these cost a new program."""

    mode: Annotated[Literal["service", "oneshot", "cron"], Apply.RECREATE] = "service"
    restart: Annotated[Policy, Apply.RECREATE] = "always"
    stop_signal: Annotated[Signal, Apply.RECREATE] = "TERM"
    grace: Annotated[float, Apply.RECREATE] = 10.0
    priority: Annotated[int, Apply.RECREATE] = 999
    log_max_bytes: Annotated[int, Apply.RECREATE] = 0
    log_backups: Annotated[int, Apply.RECREATE] = 0


EXECUTED: Final = (
    "argv",
    "interpreter",
    "env",
    "inherit_env",
    "working_dir",
    "umask",
    "user",
    "open_files",
    "processes",
    "niceness",
    "no_new_privileges",
)
"""What a process is started with, and what its digest covers."""

SETTINGS: Final = (
    "stop_signal",
    "grace",
    "restart",
    "priority",
    "log_max_bytes",
    "log_backups",
    "mode",
)
"""What a stock supervisord itself must know, in the order of a stamp."""


def render(resource: Resource[ProcessSpec]) -> Program:
    """The wanted shape of one instance."""
    spec, restart, limits = resource.spec, resource.spec.restart, resource.spec.limits
    ports = dict(_ports(resource))
    return whole(
        Program(
            argv=tuple(_argv(spec)),
            interpreter=spec.interpreter if spec.script is not None else "",
            env={"REPLICA_INDEX": str(resource.index), **_told(spec, ports), **spec.env},
            inherit_env=tuple(sorted(set(spec.inherit_env))),
            working_dir=str(resource.root / spec.working_dir),
            umask=spec.umask,
            user=spec.user,
            open_files=limits.open_files,
            processes=limits.processes,
            niceness=limits.niceness,
            no_new_privileges=limits.no_new_privileges,
            mode=spec.type,
            schedule=" ".join(word for word in (spec.schedule, spec.timezone) if word) or None,
            restart=restart.policy,
            backoff=restart.backoff,
            max_backoff=restart.max_backoff,
            strategy=restart.strategy,
            healthy_after=restart.healthy_after,
            max_retries=restart.max_retries,
            success_exit_codes=tuple(sorted(set(restart.success_exit_codes))),
            stop_signal=spec.stop.signal,
            grace=spec.stop.grace,
            pre_stop=spec.stop.pre_stop,
            memory=limits.memory,
            priority=spec.priority,
            after=_after(spec),
            log_max_bytes=spec.logs.max_bytes,
            log_backups=spec.logs.backups,
            ports=ports,
            probes=_probes(resource, ports),
            reload_signal=spec.reload.signal if spec.reload else None,
            reload_digest=_reload_digest(spec),
            installed=True,
            started=spec.enabled,
            epoch=resource.epoch,
        )
    )


def render_stock(resource: Resource[ProcessSpec]) -> StockProgram:
    """The wanted shape, as near as a stock supervisord comes to it."""
    program = render(resource)
    return as_stock(program.model_copy(update={"grace": max(1, math.ceil(program.grace))}))


def as_stock(program: Program) -> StockProgram:
    """The same values, as things cost over a stock supervisord."""
    return StockProgram.model_construct(**dict(program))


def _argv(spec: ProcessSpec) -> Iterator[str]:
    if spec.shell is not None:
        yield from ("/bin/bash", "-lc", spec.shell)
        # The first word after the line is the shell's own name, the next ones are $1, $2 …
        yield from ("bash", *spec.args) if spec.args else ()
        return
    yield from (spec.script,) if spec.script is not None else spec.command or ()
    yield from spec.args


def _ports(resource: Resource[ProcessSpec]) -> Iterator[tuple[str, int]]:
    for name, number in listened(resource).items():
        assert number is not None, f"port {name} was not given a number"  # noqa: S101 (the engine's part)
        yield name, number


def _told(spec: ProcessSpec, numbers: Mapping[str, int]) -> dict[str, str]:
    """The variables that tell it its ports."""
    names = (port.env or ("PORT" if first == 0 else None) for first, port in enumerate(spec.ports))
    told = zip(names, spec.ports, strict=True)
    return {name: str(numbers[port.name]) for name, port in told if name is not None}


def _probes(resource: Resource[ProcessSpec], ports: Mapping[str, int]) -> Probes | None:
    spec, root = resource.spec, resource.root
    return spec.probes and placed(spec.probes, spec.ports, ports, str(root / spec.working_dir))


def _after(spec: ProcessSpec) -> tuple[str, ...]:
    needed = (dependency.need.ref for dependency in spec.depends_on)
    return tuple(sorted({ref.name for ref in needed if ref.kind == "Process"}))


def _reload_digest(spec: ProcessSpec) -> str:
    files = [(file.path, file.digest) for file in spec.reload.files] if spec.reload else []
    return _digest(files) if files else ""


def digest(program: Program) -> str:
    """Names what a process must be restarted for; secrets count by their digests."""
    return _digest(program.model_dump(mode="json", include=set(EXECUTED)))


def _digest(value: Json) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]


def keeping(name: str, program: Program) -> dict[str, Json]:
    """How the keeper is to keep it."""
    return {
        "mode": program.mode,
        "policy": program.restart,
        "backoff": program.backoff,
        "maxBackoff": program.max_backoff,
        "strategy": program.strategy.value,
        "healthyAfter": program.healthy_after,
        "maxRetries": program.max_retries,
        "successExitCodes": list(program.success_exit_codes),
        "stopSignal": program.stop_signal,
        "grace": program.grace,
        "preStop": None if program.pre_stop is None else list(program.pre_stop),
        "memory": program.memory,
        "priority": program.priority,
        "after": list(program.after),
        "family": name.rpartition("-")[0] or name,
        "logMaxBytes": program.log_max_bytes,
        "logBackups": program.log_backups,
    }


def keeping_stamp(told: Json) -> str:
    """Names what ``keeping`` says, in one word."""
    return _digest(told)[:16]


def stamp(program: Program) -> str:
    """The settings as one word, so that a process's own command line tells what it runs under."""
    return ":".join(_word(getattr(program, name)) for name in SETTINGS)


def _word(value: object) -> str:
    return str(math.ceil(value)) if isinstance(value, float) else str(value)


def unstamp(text: str) -> dict[str, Any]:
    """The settings that ``text`` names; empty when it is no stamp."""
    words = [int(word) if word.isdecimal() else word for word in text.split(":")]
    return dict(zip(SETTINGS, words, strict=True)) if len(words) == len(SETTINGS) else {}
