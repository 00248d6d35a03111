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
from .state import Program

DEFAULT_PATH: Final = "/usr/local/bin:/usr/bin:/bin"


class Start(NamedTuple):
    """A start to come; ``pid`` is the instance it replaces, where one lives."""

    name: str
    program: Program
    pid: int = 0


def check_start(start: Start) -> None:
    """Raise what would keep it from starting. Blocks on the disk."""
    check_program(start.name, start.program)
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
    if program.interpreter:
        _check_file(name, Path(folder) / program.argv[0])
    if program.interpreter != "auto":
        _check_executable(name, program, program.interpreter or program.argv[0])


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


def _check_file(name: str, path: Path) -> None:
    if not os.path.exists(path):  # noqa: PTH110 (it never raises)
        text = f"the script {path} of {name} does not exist; create it, or correct script"
        raise Transient(text, reason="ScriptMissing")


def _check_executable(name: str, program: Program, word: str) -> None:
    folder, is_path = program.working_dir, "/" in word
    path, told = ("", "") if is_path else _path(program)
    parts = [""] if is_path else path.split(":")
    places = [os.path.join(folder, part, word) for part in parts]  # noqa: PTH118 (as below)
    # A folder of PATH that may not be entered holds nothing, as for any shell.
    there = [place for place in places if os.path.isfile(place)]  # noqa: PTH113 (it never raises)
    if not there:
        lost = f"{Path(places[0])} does not exist" if is_path else f"{word} is not in {told}"
        mend = "create it, or correct the spec" if is_path else "install it, or set env PATH"
        raise Transient(f"cannot start {name}: {lost}; {mend}", reason="ProgramMissing")
    if program.user is None and not any(os.access(place, os.X_OK) for place in there):
        raise _forbidden(name, Path(there[0]), "the program")


def _path(program: Program) -> tuple[str, str]:
    """Where it would be looked for, and that in words: what an env file says is nobody's."""
    said = program.env.get("PATH")
    if isinstance(said, Sealed):
        return said.reveal(), "its PATH"
    inherited = os.environ.get("PATH") if "PATH" in program.inherit_env else None
    path = said or inherited or DEFAULT_PATH
    return path, f"PATH ({path})"


def _forbidden(name: str, path: Path, what: str) -> Transient:
    mend = f"chmod {'u' if path.stat().st_uid == os.geteuid() else 'o'}+rx"
    text = (
        f"{what} {path} of {name} is not ours to use (it belongs to {_owner(path)}, this is uid "
        f"{os.geteuid()}); allow it, for example `{mend} {path}` or `chown {os.geteuid()} {path}`"
    )
    return Transient(text, reason="NotPermitted")


def _owner(path: Path) -> str:
    uid = path.stat().st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
