"""How a process that somebody else started looks, held against what a spec wants."""

from __future__ import annotations

import os
import pwd
import resource
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ...clients.proc import start_time
from ...core.errors import Transient
from ...core.sealed import Sealed
from .state import Program

NOT_TOLD: Final = frozenset({"REPLICA_INDEX"})
"""Variables that only we give: a process without them is no other process."""
UNKNOWN: Final = Sealed("unknown")


@dataclass(frozen=True, slots=True)
class Looks:
    """What the kernel says of a living process. ``born`` tells it from others with its pid."""

    pid: int
    born: int
    argv: tuple[str, ...]
    working_dir: str
    env: Mapping[str, str]
    umask: int
    uid: int
    no_new_privileges: bool
    open_files: int
    processes: int
    niceness: int


def look(pid: int) -> Looks | None:
    """How process ``pid`` looks; None when it is gone. Raises Transient when that is not told."""
    folder = Path(f"/proc/{pid}")
    try:
        words = (folder / "cmdline").read_bytes().removesuffix(b"\0").split(b"\0")
        status = dict(_status(folder))
        env = (folder / "environ").read_bytes().split(b"\0")
        found = Looks(
            pid,
            start_time(pid) or 0,
            tuple(map(os.fsdecode, words)),
            str((folder / "cwd").readlink()),
            dict(os.fsdecode(pair).split("=", 1) for pair in env if b"=" in pair),
            int(status["Umask"], 8),
            int(status["Uid"].split()[1]),
            status.get("NoNewPrivs") == "1",
            resource.prlimit(pid, resource.RLIMIT_NOFILE)[0],
            resource.prlimit(pid, resource.RLIMIT_NPROC)[0],
            os.getpriority(os.PRIO_PROCESS, pid),
        )
    except (FileNotFoundError, ProcessLookupError):
        return None
    except PermissionError as exc:
        text = f"process {pid} may not be looked at by this user; run as its user, or as root"
        raise Transient(text, reason="NotPermitted") from exc
    return found if found.born else None


def _status(folder: Path) -> Iterator[tuple[str, str]]:
    for line in (folder / "status").read_text().splitlines():
        name, _, value = line.partition(":")
        yield name, value.strip()


def as_seen(looks: Looks, wanted: Program) -> Program:
    """What runs, told in the terms of ``wanted``: equal to it where nothing differs."""
    return wanted.model_copy(update=dict(_differences(looks, wanted)))


def _differences(looks: Looks, wanted: Program) -> Iterator[tuple[str, Any]]:
    if not _is_command(looks.argv, wanted):
        yield "argv", looks.argv
    if looks.working_dir != os.path.realpath(wanted.working_dir):
        yield "working_dir", looks.working_dir
    env = dict(_env(looks.env, wanted))
    if env != wanted.env:
        yield "env", env
    if wanted.umask is not None and looks.umask != int(wanted.umask, 8):
        yield "umask", f"{looks.umask:03o}"
    if wanted.user is not None and looks.uid != _uid(wanted.user):
        yield "user", str(looks.uid)
    if wanted.no_new_privileges and not looks.no_new_privileges:
        yield "no_new_privileges", False
    yield from _limits(looks, wanted)


def _is_command(argv: tuple[str, ...], wanted: Program) -> bool:
    """A script's interpreter stands before it: by its first line, or because we put it there."""
    if argv == wanted.argv and not wanted.interpreter:
        return True
    count = len(wanted.argv)
    path, rest = argv[-count:][:1], argv[-count:][1:]
    if len(argv) <= count or rest != wanted.argv[1:]:
        return False
    folder = Path(wanted.working_dir)
    same = os.path.realpath(folder / path[0]) == os.path.realpath(folder / wanted.argv[0])
    return same or ("/" not in wanted.argv[0] and Path(path[0]).name == wanted.argv[0])


def _env(seen: Mapping[str, str], wanted: Program) -> Iterator[tuple[str, str | Sealed]]:
    for name, value in wanted.env.items():
        there = seen.get(name)
        if _is_same(there, value) or (there is None and name in NOT_TOLD):
            yield name, value
        elif there is not None:
            yield name, UNKNOWN if isinstance(value, Sealed) else there


def _is_same(there: str | None, value: str | Sealed) -> bool:
    if not isinstance(value, Sealed):
        return there == value
    try:
        return there == value.reveal()
    except ValueError:  # only its digest is known, so that it is there must do
        return there is not None


def _limits(looks: Looks, wanted: Program) -> Iterator[tuple[str, int]]:
    for name in ("open_files", "processes", "niceness"):
        if getattr(wanted, name) not in {None, getattr(looks, name)}:
            yield name, getattr(looks, name)


def _uid(user: str) -> int | None:
    name = user.partition(":")[0]
    try:
        return int(name) if name.isdecimal() else pwd.getpwnam(name).pw_uid
    except KeyError:
        return None
