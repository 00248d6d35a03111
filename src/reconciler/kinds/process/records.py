"""Start records and run records: what a process is to be, and was, started with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from ...clients.files import list_files, write_atomic
from ...core.errors import Transient
from ...core.model import Json
from ...core.sealed import Sealed
from .state import Program, digest

T = TypeVar("T")


class Record(NamedTuple):
    """What the next start executes."""

    program: Program
    digest: str
    revision: str


class Run(NamedTuple):
    """What process ``pid``, begun at ``start_time``, was started with, under which settings."""

    program: Program
    digest: str
    revision: str
    pid: int
    start_time: int
    stamp: str
    error: str


class Folder(Generic[T]):
    """The parsed ``*.json`` of a folder; a file is read again only when it changed.

    A file that holds no sense is None: known to be damaged. One that cannot be read raises.
    """

    def __init__(self, path: Path, parse: Callable[[Json], T]) -> None:
        self.path = path
        self._parse = parse
        self._seen: dict[str, tuple[tuple[int, int, int], T | None]] = {}

    def read(self) -> Mapping[str, T | None]:
        """Everything, by name."""
        found = {}
        try:
            for path in list_files(self.path, ".json"):
                with suppress(FileNotFoundError):  # removed meanwhile
                    found[path.stem] = self._read(path)
        except OSError as exc:
            raise Transient(
                f"cannot read {self.path}: {exc.strerror}", reason="Unreadable"
            ) from exc
        self._seen = found
        return {name: value for name, (_, value) in found.items()}

    def read_one(self, name: str) -> T | None:
        """What is there of ``name`` now."""
        try:
            return self._read(self.path / f"{name}.json")[1]
        except OSError:
            return None

    def remove(self, name: str) -> None:
        """Forget ``name``."""
        path = self.path / f"{name}.json"
        try:
            path.unlink(missing_ok=True)
        except OSError as exc:
            raise Transient(f"cannot remove {path}: {exc.strerror}", reason="WriteFailed") from exc

    def _read(self, path: Path) -> tuple[tuple[int, int, int], T | None]:
        status = path.stat()
        key = (status.st_ino, status.st_mtime_ns, status.st_size)
        known = self._seen.get(path.stem)
        if known is not None and known[0] == key:
            return known
        try:
            return key, self._parse(json.loads(path.read_bytes()))
        except (ValueError, LookupError, TypeError):
            return key, None


def write_record(folder: Path, name: str, program: Program, revision: str) -> None:
    """Say what the next start of ``name`` executes, secrets and all; an equal record is kept."""
    body = {
        "argv": list(program.argv),
        "interpreter": program.interpreter,
        "env": _environment(name, program, revision),
        "inherit": list(program.inherit_env),
        "cwd": program.working_dir,
        "umask": program.umask,
        "user": program.user,
        "view": program.model_dump(mode="json", by_alias=True),
        "digest": digest(program),
        "revision": revision,
    }
    path = folder / f"{name}.json"
    if not _same(path, body):
        write_atomic(path, json.dumps(body | {"sum": _sum(body)}, indent=1).encode())


def parse_record(body: Json) -> Record:
    """Read a start record back. Raises ValueError when somebody else wrote in it."""
    if body.pop("sum") != _sum(body):
        raise ValueError("edited")
    return Record(Program.model_validate(body["view"]), body["digest"], body["revision"])


def parse_run(body: Json) -> Run:
    """Read what a launcher wrote."""
    return Run(
        Program.model_validate(body["view"]),
        str(body["digest"]),
        str(body["revision"]),
        int(body["pid"]),
        int(body["start_time"]),
        str(body["stamp"]),
        str(body["error"]),
    )


def _environment(name: str, program: Program, revision: str) -> dict[str, str]:
    named = {
        "RECONCILER_PROCESS": name,
        "RECONCILER_REVISION": revision,
        "RECONCILER_SPEC_DIGEST": digest(program),
    }
    declared = {
        key: value.reveal() if isinstance(value, Sealed) else value
        for key, value in program.env.items()
    }
    return named | declared


def _sum(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:32]


def _same(path: Path, body: Mapping[str, Any]) -> bool:
    """Whether ``path`` says so already; the revision alone is no reason to write."""
    try:
        there = json.loads(path.read_bytes())
        intact = there.pop("sum") == _sum(there)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False
    return intact and _core(there) == _core(body)


def _core(body: Mapping[str, Any]) -> dict[str, Any]:
    env = {key: value for key, value in body["env"].items() if key != "RECONCILER_REVISION"}
    return {**body, "env": env, "revision": ""}
