"""The record of a process that another supervisord keeps, and what it tells of it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Final, NamedTuple

from ...clients.files import write_atomic
from ...clients.supervisord import ProcessInfo, RunState
from ...core.model import Json
from .looks import Looks
from .state import Program

STATES: Final = {
    RunState.STARTING: "starting",
    RunState.RUNNING: "running",
    RunState.STOPPING: "stopping",
    RunState.BACKOFF: "backoff",
}
_MEETS: Final = {"starting": ["started"], "running": ["started", "ready"]}


class Adoption(NamedTuple):
    """One process that another supervisord keeps; ``program`` is what it was started with.

    ``looks`` names how it looked then, to know it again after that supervisord restarts it.
    """

    name: str
    socket: str
    process: str
    pid: int
    born: int
    looks: str
    log: str
    program: Program


def folder_of(state_dir: Path) -> Path:
    """Where adoptions are written down."""
    return state_dir / "state" / "adopted"


def write_adoption(folder: Path, adoption: Adoption) -> None:
    """Write it down. Secrets are in it as digests only."""
    view = adoption.program.model_dump(mode="json", by_alias=True)
    body = {**adoption._asdict(), "program": view}
    write_atomic(folder / f"{adoption.name}.json", json.dumps(body).encode())


def parse_adoption(body: Json) -> Adoption:
    """Read one back."""
    return Adoption(**{**body, "program": Program.model_validate(body["program"])})


def name_looks(looks: Looks) -> str:
    """One word for how a process looks."""
    told = (looks.argv, looks.working_dir, sorted(looks.env.items()), looks.umask, looks.uid)
    return hashlib.sha256(repr(told).encode()).hexdigest()[:32]


def full_name(info: ProcessInfo) -> str:
    """What supervisord calls a process: its group's name stands before it, where it has one."""
    name, group = str(info["name"]), str(info["group"])
    return name if name == group else f"{group}:{name}"


def vitals(adoption: Adoption, info: ProcessInfo, born: int) -> dict[str, Json]:
    """The volatile facts."""
    state = STATES[RunState(info["state"])]
    found: dict[str, Json] = {
        "instance": adoption.name,
        "state": state,
        "since": info["start"] or None,
        "message": f"kept by the supervisord at {adoption.socket}, until it changes",
        "ready": state == "running",
        "meets": _MEETS.get(state, []),
        "log": info.get("stdout_logfile") or "",
        "adopted": adoption.socket,
        "system": False,
    }
    return found | ({"pid": int(info["pid"]), "born": born} if info["pid"] else {})
