"""What a Process looks like in the world. Desired and observed share this shape."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from typing import Annotated, Any, Final

from ...core.model import Apply, Resource, State
from ...core.sealed import Sealed
from .fields import Policy, Signal
from .spec import ProcessSpec


class Program(State):
    """One program as supervisord runs it; the default is one that nothing is known about."""

    argv: Annotated[tuple[str, ...], Apply.RESTART] = ()
    interpreter: Annotated[str, Apply.RESTART] = ""
    """What runs ``argv`` as a script; ``auto`` is resolved when it starts."""
    env: Annotated[dict[str, str | Sealed], Apply.RESTART] = {}  # noqa: RUF012 (a pydantic default is copied)
    inherit_env: Annotated[tuple[str, ...], Apply.RESTART] = ()
    working_dir: Annotated[str, Apply.RESTART] = "/"
    umask: Annotated[str | None, Apply.RESTART] = None
    user: Annotated[str | None, Apply.RESTART] = None
    stop_signal: Annotated[Signal, Apply.RECREATE] = "TERM"
    grace: Annotated[int, Apply.RECREATE] = 10
    restart: Annotated[Policy, Apply.RECREATE] = "always"
    priority: Annotated[int, Apply.RECREATE] = 999
    log_max_bytes: Annotated[int, Apply.RECREATE] = 0
    log_backups: Annotated[int, Apply.RECREATE] = 0
    installed: Annotated[bool, Apply.LIVE] = False
    """Whether what is on disk and in supervisord would start it as it is."""
    started: Annotated[bool, Apply.LIVE] = False


SETTINGS: Final = (
    "stop_signal",
    "grace",
    "restart",
    "priority",
    "log_max_bytes",
    "log_backups",
)
"""What supervisord itself must know, in the order of a stamp."""


def render(resource: Resource[ProcessSpec]) -> Program:
    """The wanted shape of one instance."""
    spec = resource.spec
    return Program(
        argv=tuple(_argv(spec)),
        interpreter=spec.interpreter if spec.script is not None else "",
        env={"REPLICA_INDEX": str(resource.index), **_ports(spec, resource.index), **spec.env},
        inherit_env=tuple(sorted(set(spec.inherit_env))),
        working_dir=str(resource.root / spec.working_dir),
        umask=spec.umask,
        user=spec.user,
        stop_signal=spec.stop.signal,
        grace=max(1, math.ceil(spec.stop.grace)),
        restart=spec.restart.policy,
        priority=spec.priority,
        log_max_bytes=spec.logs.max_bytes,
        log_backups=spec.logs.backups,
        installed=True,
        started=spec.enabled,
    )


def _argv(spec: ProcessSpec) -> Iterator[str]:
    if spec.shell is not None:
        yield from ("/bin/bash", "-lc", spec.shell)
        # The first word after the line is the shell's own name, the next ones are $1, $2 …
        yield from ("bash", *spec.args) if spec.args else ()
        return
    yield from (spec.script,) if spec.script is not None else spec.command or ()
    yield from spec.args


def _ports(spec: ProcessSpec, index: int) -> dict[str, str]:
    names = (port.env or ("PORT" if first == 0 else None) for first, port in enumerate(spec.ports))
    return {
        name: str(port.port + index)
        for name, port in zip(names, spec.ports, strict=True)
        if name is not None
    }


def digest(program: Program) -> str:
    """Names what a process must be restarted for; secrets count by their digests."""
    view = program.model_dump(mode="json", exclude={"installed", "started"})
    return hashlib.sha256(json.dumps(view, sort_keys=True).encode()).hexdigest()[:32]


def stamp(program: Program) -> str:
    """The settings as one word, so that a process's own command line tells what it runs under."""
    return ":".join(str(getattr(program, name)) for name in SETTINGS)


def unstamp(text: str) -> dict[str, Any]:
    """The settings that ``text`` names; empty when it is no stamp."""
    words = [int(word) if word.isdecimal() else word for word in text.split(":")]
    return dict(zip(SETTINGS, words, strict=True)) if len(words) == len(SETTINGS) else {}
