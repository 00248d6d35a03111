"""Start records and run records: what a process is to be, and was, started with."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from ...clients.files import write_atomic
from ...core.errors import Transient
from ...core.model import Json
from ...core.sealed import Sealed
from ...core.sharing import whole
from .state import Program, digest


class Record(NamedTuple):
    """What the next start executes."""

    program: Program
    digest: str
    revision: str


class RunRecord(NamedTuple):
    """What process ``pid``, begun at ``start_time``, was started with, under which settings."""

    program: Program
    digest: str
    revision: str
    pid: int
    start_time: int
    stamp: str
    error: str


def write_record(
    folder: Path,
    name: str,
    program: Program,
    revision: str,
    *,
    put: Callable[[Path, bytes], None] = write_atomic,
) -> Record:
    """Say what the next start of ``name`` executes, secrets and all; an equal record is kept."""
    named = digest(program)
    if any(isinstance(value, Sealed) and not value.known for value in program.env.values()):
        return _kept(folder / f"{name}.json", program, named)
    body = {
        "argv": list(program.argv),
        "interpreter": program.interpreter,
        "env": _environment(name, program, named, revision),
        "inherit": list(program.inherit_env),
        "cwd": program.working_dir,
        "umask": program.umask,
        "user": program.user,
        "limits": {
            "openFiles": program.open_files,
            "processes": program.processes,
            "niceness": program.niceness,
            "noNewPrivileges": program.no_new_privileges,
        },
        "view": program.model_dump(mode="json", by_alias=True),
        "digest": named,
        "revision": revision,
    }
    path = folder / f"{name}.json"
    if not os.path.lexists(path) or not _same(path, body):
        text = _text(body)
        put(path, f'{text[:-1]}, "sum": "{_sum_of(text)}"}}'.encode())
    return Record(program, named, revision)


def _kept(path: Path, program: Program, named: str) -> Record:
    """The record as it is: what is to go on as it is has its secrets nowhere else."""
    with suppress(OSError, ValueError, LookupError, TypeError):
        there = json.loads(path.read_bytes())
        if there["digest"] == named:
            return Record(program, named, there["revision"])
    text = f"{path} does not speak of this program, and its secrets are not known"
    raise Transient(text, reason="Unreadable")


def parse_record(body: Json) -> Record:
    """Read a start record back. Raises ValueError when somebody else wrote in it."""
    if body.pop("sum") != _sum(body):
        raise ValueError("edited")
    program = whole(Program.model_validate(body["view"]))
    return Record(program, body["digest"], body["revision"])


def parse_run(body: Json) -> RunRecord:
    """Read what a launcher wrote."""
    return RunRecord(
        Program.model_validate(body["view"]),
        str(body["digest"]),
        str(body["revision"]),
        int(body["pid"]),
        int(body["start_time"]),
        str(body["stamp"]),
        str(body["error"]),
    )


def _environment(name: str, program: Program, named: str, revision: str) -> dict[str, str]:
    ours = {
        "RECONCILER_PROCESS": name,
        "RECONCILER_REVISION": revision,
        "RECONCILER_SPEC_DIGEST": named,
    }
    declared = {
        key: value.reveal() if isinstance(value, Sealed) else value
        for key, value in program.env.items()
    }
    return declared | ours


def _sum(body: Mapping[str, Any]) -> str:
    return _sum_of(_text(body))


def _text(body: Mapping[str, Any]) -> str:
    return json.dumps(body, sort_keys=True)


def _sum_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _same(path: Path, body: Mapping[str, Any]) -> bool:
    """Whether ``path`` says so already; the revision alone is no reason to write."""
    try:
        written = path.read_bytes()
        if body["digest"].encode() not in written:
            return False  # most often so, and told in a moment
        there = json.loads(written)
        intact = there.pop("sum") == _sum(there)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False
    return intact and _core(there) == _core(body)


def _core(body: Mapping[str, Any]) -> dict[str, Any]:
    env = {key: value for key, value in body["env"].items() if key != "RECONCILER_REVISION"}
    return {**body, "env": env, "revision": ""}
