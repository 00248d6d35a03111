"""What would keep a process from starting, told before it is tried."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Final, NamedTuple

from ...clients.ports import PortBusy, is_taken, listens, name_of, owner
from ...clients.proc import ancestors, instance_of
from ...core.errors import Transient
from ...core.sealed import Sealed
from ...stack.birth import rights, with_interpreter
from ...stack.record import Refusal
from .state import Program

DEFAULT_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
_INSTALL: Final = "install it, or set env PATH"
_HEAD: Final = 256
"""So much of a file tells the kernel how to execute it."""


class Start(NamedTuple):
    """A start to come; ``pid`` is the instance it replaces, where one lives."""

    name: str
    program: Program
    pid: int = 0


def check_start(start: Start) -> None:
    """Raise what would keep it from starting. Blocks on the disk."""
    check_program(start.name, start.program)
    # What runs before the stop may be written by the program: it is told when it fails, if it does.
    check_ports(*start)


def check_folder(name: str, path: str) -> None:
    """The working directory must be there. Blocks on the disk."""
    # The functions of os.path say no where those of Path would raise.
    if os.path.isdir(path):  # noqa: PTH112 (see above)
        return
    there = next(parent for parent in Path(path).parents if os.path.exists(parent))  # noqa: PTH110
    if not os.access(there, os.X_OK):
        raise _forbidden(name, there, "a folder above the working directory")
    raise Transient(
        f"the working directory {path} of {name} does not exist "
        f"({there} belongs to {_owner(there)}); create it, or correct workingDir",
        reason="WorkingDirMissing",
    )


def check_program(name: str, program: Program) -> None:
    """What is to be executed must be there, and allowed: nothing is ended for a vain start."""
    check_folder(name, program.working_dir)
    folder = program.working_dir
    if program.user is None and not os.access(folder, os.X_OK):
        raise _forbidden(name, Path(folder), "the working directory")
    if program.user is not None:
        _check_user(name, program.user)
    if program.interpreter:
        _check_file(name, Path(folder) / program.argv[0])
    argv = with_interpreter(program.interpreter, [*program.argv], folder)
    _check_executable(name, program, argv[0], "the program")


def check_ports(name: str, program: Program, pid: int = 0) -> None:
    """Its ports must be free, or its own already; ``pid`` is the instance, where it lives."""
    for port in program.ports.values():
        if not is_taken(port) or (pid and listens(pid, port)):
            continue
        holder = owner(port)
        if holder is not None and _is_own(holder, name, pid):
            continue
        tag = instance_of(holder) if holder is not None else ""
        who = f"Process/{tag} (pid {holder})" if tag else name_of(holder)
        text = f"port {port} of {name} is taken by {who}; stop that, or choose another port"
        raise PortBusy(text, holder)


def _is_own(holder: int, name: str, pid: int) -> bool:
    line = (holder, *ancestors(holder))
    if pid in line:
        return True
    # Another stack may have an instance of the same name: ours is below our own supervisord.
    is_here = os.getppid() in line or "SUPERVISOR_ENABLED" not in os.environ
    return is_here and any(instance_of(one) == name for one in line)


def _check_user(name: str, user: str) -> None:
    try:
        rights(user)
    except Refusal as exc:
        raise Transient(f"cannot start {name}: {exc}", reason="UserUnfit") from exc


def _check_file(name: str, path: Path) -> None:
    if not os.path.exists(path):  # noqa: PTH110 (it never raises)
        text = f"the script {path} of {name} does not exist; create it, or correct script"
        raise Transient(text, reason="ScriptMissing")


def _check_executable(name: str, program: Program, word: str, what: str) -> None:
    folder, is_path = program.working_dir, "/" in word
    path, told = ("", "") if is_path else _path(program)
    parts = [""] if is_path else path.split(":")
    places = [os.path.join(folder, part, word) for part in parts]  # noqa: PTH118 (as below)
    # A folder of PATH that may not be entered holds nothing, as for any shell.
    there = [place for place in places if os.path.isfile(place)]  # noqa: PTH113 (it never raises)
    if not there:
        lost, mend = _missing(Path(places[0])) if is_path else (f"is not in {told}", _INSTALL)
        said = str(Path(places[0])) if is_path else word
        text = f"cannot start {name}: {what} {said} {lost}; {mend}"
        raise Transient(text, reason="ProgramMissing")
    allowed = next((place for place in there if os.access(place, os.X_OK)), None)
    if allowed is not None:
        _check_format(name, program, allowed, what)
    elif program.user is None or os.geteuid() == 0:  # what root may not execute, nobody may
        raise _forbidden(name, Path(there[0]), what)


def _missing(path: Path) -> tuple[str, str]:
    if os.path.isdir(path):  # noqa: PTH112 (it never raises)
        return "is a folder", "name the program in it"
    return "does not exist", "create it, or correct the spec"


def _check_format(name: str, program: Program, path: str, what: str) -> None:
    """Text must name what runs it; of anything else the kernel knows more than we do."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return  # to execute is not to read
    try:
        head = os.read(descriptor, _HEAD)
    finally:
        os.close(descriptor)
    if b"\0" in head:
        return
    if not head.startswith(b"#!"):
        lost = "is neither a binary nor a script that says what runs it"
        mend = "let its first line say so, for example `#!/bin/sh`"
    elif interpreter := _lost_interpreter(head, program.working_dir):
        lost = f"is run by {interpreter!r}, as its first line says, which does not exist"
        mend = "install that, or correct the line"
        mend += " (it ends as on Windows)" if interpreter.endswith("\r") else ""
    else:
        return
    text = f"cannot start {name}: {what} {Path(path)} {lost}; {mend}"
    raise Transient(text, reason="ProgramMissing")


def _lost_interpreter(head: bytes, folder: str) -> str:
    """What the first line of a script names and is not there; empty when it is, or is not told."""
    line, end, _ = head[2:].partition(b"\n")
    words = line.strip(b" \t").replace(b"\t", b" ").split(b" ")
    if not words[0] or (not end and len(head) == _HEAD and len(words) == 1):
        return ""
    interpreter = os.fsdecode(words[0])
    is_there = os.path.exists(os.path.join(folder, interpreter))  # noqa: PTH110, PTH118 (as above)
    return "" if is_there else interpreter


def _path(program: Program) -> tuple[str, str]:
    """Where it would be looked for, and that in words: what an env file says is nobody's."""
    said = program.env.get("PATH")
    if isinstance(said, Sealed):
        return said.reveal(), "its PATH"
    inherited = os.environ.get("PATH") if "PATH" in program.inherit_env else None
    path = said or inherited or DEFAULT_PATH
    return path, f"PATH ({path})"


def _forbidden(name: str, path: Path, what: str) -> Transient:
    verb = "entered" if path.is_dir() else "executed"
    if path.stat().st_uid == os.geteuid():
        whose, mend = "", f"`chmod u+rx {path}`"
    else:
        whose = f" by uid {os.geteuid()} (it belongs to {_owner(path)})"
        mend = f"`chmod o+rx {path}` or `chown {os.geteuid()} {path}`"
    text = f"{what} {path} of {name} may not be {verb}{whose}; allow it, for example {mend}"
    return Transient(text, reason="NotPermitted")


def _owner(path: Path) -> str:
    uid = path.stat().st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
