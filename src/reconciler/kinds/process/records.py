"""Start records and run records: what a process is to be, and was, started with."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from ...clients.files import write_atomic
from ...clients.inotify import Inotify
from ...core.errors import Transient
from ...core.model import Json
from ...core.sealed import Sealed
from .state import Program, digest

T = TypeVar("T")
Version: TypeAlias = tuple[int, int, int]
"""Which bytes a file holds, without reading them."""
Seen: TypeAlias = tuple[Version, T | None]


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


class Folder(Generic[T]):
    """The parsed ``*.json`` of a folder; a file is read again only when it changed.

    A file that holds no sense is None: known to be damaged. One that cannot be read raises.
    """

    def __init__(self, path: Path, parse: Callable[[Json], T]) -> None:
        self.path = path
        self._parse = parse
        self._seen: dict[str, Seen[T]] = {}
        self._values: dict[str, T | None] = {}
        self._stale = False
        self._notes: Inotify | None = None

    @property
    def is_known(self) -> bool:
        """Whether nothing happened in the folder since it was read; costs next to nothing."""
        return self._notes is not None and not self._stale and not self._notes.pending

    def may_hold(self, name: str = "") -> bool:
        """Whether it is worth a look, at ``name`` or at all; one question to the system."""
        path = self.path / f"{name}.json" if name else self.path
        try:
            os.stat(path)  # noqa: PTH116 (any trouble but absence is for who reads it)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return True

    def read(self) -> Mapping[str, T | None]:
        """Everything, by name; the very same mapping as long as nothing changes."""
        if self.is_known:
            return self._values
        self._take_notes()
        return self._read_all()

    def _take_notes(self) -> None:
        """Before the folder is read, so that nothing happens unseen in between."""
        try:
            if self._notes is None:
                self._notes = Inotify([self.path], lambda path: not path.endswith(".json"))
            self._notes.take()
            self._notes.forget()
        except OSError:  # it is not there, or no watch is to be had: it is read each time
            self._notes = None

    def _read_all(self) -> Mapping[str, T | None]:
        found, changed = {}, False
        try:
            with os.scandir(self.path) as entries:
                for entry in entries:
                    if not entry.name.endswith(".json") or entry.name[0] == ".":
                        continue
                    name = entry.name[:-5]
                    known = self._seen.get(name)
                    with suppress(FileNotFoundError):  # removed meanwhile
                        key = _key(entry.stat())
                        if known is not None and known[0] == key:
                            found[name] = known
                            continue
                        found[name] = self._read(Path(entry.path), key)
                        changed = True
        except FileNotFoundError:
            found = {}
        except OSError as exc:
            self._notes = None  # what they told of has not been seen
            raise _unreadable(self.path, exc) from exc
        if changed or self._stale or len(found) != len(self._seen):
            self._stale = False
            self._values = {name: value for name, (_, value) in found.items()}
        self._seen = found
        return self._values

    def read_one(self, name: str) -> T | None:
        """What is there of ``name`` now; None for nothing, or nothing that makes sense."""
        path, known = self.path / f"{name}.json", self._seen.get(name)
        try:
            key = _key(path.stat())
            return known[1] if known is not None and known[0] == key else self._read(path, key)[1]
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise _unreadable(path, exc) from exc

    def know(self, name: str, value: T) -> None:
        """What was just written, so that it need not be read."""
        with suppress(OSError):
            self._seen[name] = (_key((self.path / f"{name}.json").stat()), value)
            self._stale = True

    def remove(self, name: str) -> None:
        """Forget ``name``."""
        path = self.path / f"{name}.json"
        try:
            path.unlink(missing_ok=True)
        except OSError as exc:
            raise Transient(f"cannot remove {path}: {exc.strerror}", reason="WriteFailed") from exc

    def _read(self, path: Path, key: Version) -> Seen[T]:
        try:
            return key, self._parse(json.loads(path.read_bytes()))
        except (ValueError, LookupError, TypeError):
            return key, None


def _unreadable(path: Path, exc: OSError) -> Transient:
    return Transient(f"cannot read {path}: {exc.strerror}", reason="Unreadable")


def _key(status: os.stat_result) -> Version:
    return (status.st_ino, status.st_mtime_ns, status.st_size)


def write_record(
    folder: Path, name: str, program: Program, revision: str, *, durable: bool = True
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
    if not _same(path, body):
        write_atomic(path, json.dumps(body | {"sum": _sum(body)}).encode(), durable=durable)
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
    return Record(Program.model_validate(body["view"]), body["digest"], body["revision"])


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
