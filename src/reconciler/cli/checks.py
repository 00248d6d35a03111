"""What a stack needs from the machine it runs on: one function per thing that can be missing."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shlex import quote
from subprocess import run
from typing import Final, NamedTuple, TypeAlias

from ..clients.logfile import last_lines
from ..clients.nginx import PACKAGES
from ..core.errors import ReconcileError
from ..settings import Settings
from ..stack.astray import astray
from ..stack.leftovers import left_behind
from ..stack.limits import SOCKET_PATH
from ..stack.place import Place, holder
from .client import NoOperator
from .outcome import Failure, called, processes
from .stack import find_operator

LUA: Final = f"apt-get install {PACKAGES}"
SUPERVISOR: Final = (4, 3)
PYTHON: Final = (3, 11)
LITTLE: Final = 200 * 1024 * 1024
PATIENCE: Final = 10.0
LAST_WORDS: Final = 5


class Grade(StrEnum):
    """How serious a finding is."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


class Finding(NamedTuple):
    """One thing that was looked at; ``fix`` is a command that mends it, or shows more of it."""

    group: str
    grade: Grade
    text: str
    fix: str = ""
    detail: tuple[str, ...] = ()
    """What was said about it elsewhere, line by line."""


Check: TypeAlias = Callable[[Settings], Iterator[Finding]]


def python(_: Settings) -> Iterator[Finding]:
    """The interpreter."""
    said = ".".join(map(str, sys.version_info[:3]))
    enough = sys.version_info >= PYTHON
    grade = Grade.OK if enough else Grade.ERROR
    yield Finding("python", grade, f"python {said}, uid {os.getuid()}", "" if enough else "3.11")


def supervisor(_: Settings) -> Iterator[Finding]:
    """The daemon that owns the processes."""
    fix = f"{sys.executable} -m pip install 'supervisor>=4.3'"
    try:
        said = version("supervisor")
    except PackageNotFoundError:
        yield Finding("supervisor", Grade.ERROR, "supervisor is not installed", fix)
        return
    enough = tuple(int(part) for part in said.split(".")[:2] if part.isdigit()) >= SUPERVISOR
    text = f"supervisor {said}"
    yield (
        Finding("supervisor", Grade.OK, text)
        if enough
        else Finding("supervisor", Grade.ERROR, f"{text} is too old: 4.3 is needed", fix)
    )


def gateway(_: Settings) -> Iterator[Finding]:
    """Nginx with Lua."""
    binary = (
        shutil.which("openresty")
        or shutil.which("nginx")
        or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    )
    if binary is None:
        yield Finding("gateway", Grade.ERROR, "there is neither nginx nor openresty", LUA)
        return
    said = _output([binary, "-V"])
    first = said.partition("\n")[0].removeprefix("nginx version: ")
    yield Finding("gateway", Grade.OK, f"{first} at {binary}")
    if "openresty" not in said and not _has_lua(said):
        yield Finding("gateway", Grade.ERROR, f"{binary} has no Lua module", LUA)


def _has_lua(said: str) -> bool:
    if "lua-nginx-module" in said:
        return True
    folders = [word.partition("=")[2] for word in said.split() if "--modules-path=" in word]
    return any((Path(folder) / "ngx_http_lua_module.so").exists() for folder in folders)


def git(_: Settings) -> Iterator[Finding]:
    """What reads revisions and writes backups."""
    if shutil.which("git") is None:
        yield Finding("git", Grade.ERROR, "git is not installed", "apt-get install git")
    else:
        yield Finding("git", Grade.OK, _output(["git", "--version"]).strip())


def state(settings: Settings) -> Iterator[Finding]:
    """The state directory: ours, private, on a disk with room, not too deep."""
    folder = settings.state_dir
    yield _depth(settings)
    if not folder.exists():
        yield Finding("state", Grade.NOTE, f"{folder} does not exist yet; `reconciler up` makes it")
        parent = next(one for one in folder.parents if one.exists())
        if not os.access(parent, os.W_OK):
            fix = f"sudo install -d -m 0700 -o {os.getuid()} {folder}"
            yield Finding("state", Grade.ERROR, f"{parent} cannot be written", fix)
        return
    yield _rights(settings)
    yield _room(folder)


def _depth(settings: Settings) -> Finding:
    longest = len(os.fsencode(settings.supervisor_socket))
    if longest <= SOCKET_PATH:
        return Finding("state", Grade.OK, f"socket paths have {longest} of {SOCKET_PATH} bytes")
    text = f"{settings.supervisor_socket} is longer than {SOCKET_PATH} bytes"
    return Finding("state", Grade.ERROR, text, "choose a shorter --state-dir")


def _rights(settings: Settings) -> Finding:
    folder = settings.state_dir
    told = folder.stat()
    if told.st_uid != os.geteuid():
        text = f"{folder} belongs to uid {told.st_uid}, this is uid {os.geteuid()}"
        taken = f"sudo chown -R {os.geteuid()} {folder}"
        fix = _as_owner(folder) if _may_run(settings) else taken
        return Finding("state", Grade.ERROR, text, fix)
    if told.st_mode & 0o077:
        text = f"{folder} is open to others ({told.st_mode & 0o777:04o})"
        return Finding("state", Grade.WARNING, text, f"chmod 0700 {folder}")
    return Finding("state", Grade.OK, f"{folder} is private")


def _may_run(settings: Settings) -> bool:
    """Whether a stack may run there: then it must keep what it writes to."""
    try:
        return _holder(settings) is not None
    except OSError:  # this user cannot know
        return True


def _as_owner(folder: Path) -> str:
    return f"sudo -u {quote(called(folder.stat().st_uid))} reconciler doctor"


def _room(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    text = f"{free // (1024 * 1024)} MiB free at {folder}"
    if free < LITTLE:
        return Finding(
            "state", Grade.WARNING, text, f"du -xsh {folder}/* shows what takes the room"
        )
    return Finding("state", Grade.OK, text)


def specs(settings: Settings) -> Iterator[Finding]:
    """Whether the specs are valid."""
    if not settings.specs.is_dir() and (url := settings.environ.get("RECONCILER_SOURCE_URL")):
        yield Finding("specs", Grade.OK, f"they come from {url}")
        return
    if not settings.specs.is_dir():
        fix = "cd to the project, or name the folder with --specs"
        yield Finding("specs", Grade.ERROR, f"there is no folder {settings.specs}", fix)
        return
    from .reading import read_specs

    problems = read_specs(settings).problems
    if problems:
        text = f"{len(problems)} in {settings.specs}: {problems[0]}"
        yield Finding("specs", Grade.ERROR, text, "reconciler validate")
    else:
        yield Finding("specs", Grade.OK, f"{settings.specs} is valid")


def left(settings: Settings) -> Iterator[Finding]:
    """What still runs of a stack that was killed."""
    if (pid := astray(settings.state_dir)) is not None:
        text = f"a stack runs (pid {pid}) whose state directory was taken away"
        yield Finding("left", Grade.WARNING, text, "reconciler down")
    elif _holder(settings) is None and (found := left_behind(settings.state_dir)):
        text = f"a stack that was killed has left {processes(found)} running"
        yield Finding("left", Grade.WARNING, text, "reconciler down")


def operator(settings: Settings) -> Iterator[Finding]:
    """Whether the operator answers, and what it says."""
    try:
        verdict = find_operator(settings, deadline=PATIENCE).status()["verdict"]
    except NoOperator:
        yield _no_operator(settings)
    except Failure as failure:
        yield _mute(settings, str(failure))
    else:
        text = f"{verdict['health']}, {'in sync' if verdict['inSync'] else 'not in sync'}"
        sick = verdict["health"] in {"Degraded", "Unknown"}
        fix = "reconciler status" if sick else ""
        yield Finding("operator", Grade.WARNING if sick else Grade.OK, f"it answers: {text}", fix)


def _no_operator(settings: Settings) -> Finding:
    """A stack without an operator is a fault; no stack is none."""
    if (pid := _holder(settings)) is None:
        return Finding("operator", Grade.NOTE, "it does not run here", "reconciler up")
    runs = f"the stack runs{f' (pid {pid})' if pid else ''}"
    return _mute(settings, f"{runs}, but its operator does not answer")


def _holder(settings: Settings) -> int | None:
    """The pid of the stack that runs, 0 while it is not said; None when none does."""
    return holder(Place(settings.state_dir, settings.specs))


def _mute(settings: Settings, text: str) -> Finding:
    try:
        said = list(last_lines(settings.log_dir / "reconciler.log", lines=LAST_WORDS))
    except ReconcileError:  # to this user its log says as little as it does itself
        return Finding("operator", Grade.ERROR, text, _as_owner(settings.state_dir))
    detail = tuple(one.text for one in said)
    return Finding("operator", Grade.ERROR, text, "reconciler logs reconciler", detail)


def _output(argv: list[str]) -> str:
    done = run(argv, capture_output=True, text=True, timeout=PATIENCE, check=False, env=_english())
    return done.stdout + done.stderr


def _english() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C"}
