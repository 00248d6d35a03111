"""Turns this process into the program that a start record describes."""

from __future__ import annotations

# The package signal costs as much as all the rest of a start; its C part does not.
import _signal as signal  # type: ignore[import-not-found]
import grp
import os
import pwd
import resource

from .record import NOT_PERMITTED, Refusal, cannot_execute, code, mend, owner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

PYTHONS = (".venv/bin/python", "venv/bin/python")
INTERPRETERS = {".py": "python3", ".js": "node", ".mjs": "node", ".ts": "ts-node"}
DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"
NO_NEW_PRIVILEGES = 38
"""The number prctl(2) knows it by."""


def become(record: dict[str, Any], env: dict[str, str]) -> NoReturn:
    """Turn into the program that ``record`` describes."""
    if record.get("umask"):
        os.umask(int(record["umask"], 8))
    limit(record.get("limits") or {})
    if record.get("user"):
        change_user(record["user"])
    cwd = record.get("cwd") or "/"
    try:
        os.chdir(cwd)
    except OSError as exc:
        raise Refusal(f"{exc.strerror}: {cwd}{owner(cwd)}; {mend(exc, cwd)}", code(exc)) from None
    restore_signals()
    argv = with_interpreter(record.get("interpreter") or "", record["argv"])
    program = find(argv[0], env.get("PATH", DEFAULT_PATH))
    try:
        os.execve(program, argv, env)  # noqa: S606 (no shell is the point)
    except OSError as exc:
        raise cannot_execute(exc, program, cwd) from None


def with_interpreter(interpreter: str, argv: list[str], folder: str = "") -> list[str]:
    """``argv`` with what runs it; ``auto`` chooses by the file's ending, and by what is there."""
    if interpreter != "auto":
        return [interpreter, *argv] if interpreter else argv
    ending = os.path.splitext(argv[0])[1]  # noqa: PTH122 (pathlib is a slow import)
    chosen = INTERPRETERS.get(ending)
    if ending == ".py":
        chosen = next((path for path in PYTHONS if _is_program(folder, path)), chosen)
    if chosen:
        return [chosen, *argv]
    return [argv[0] if "/" in argv[0] else f"./{argv[0]}", *argv[1:]]


def _is_program(folder: str, path: str) -> bool:
    return os.access(os.path.join(folder, path), os.X_OK)  # noqa: PTH118 (as above)


def find(program: str, path: str) -> str:
    """Where ``program`` is, looked up as a shell does."""
    if "/" in program:
        return program
    places = [f"{folder or '.'}/{program}" for folder in path.split(":")]
    for place in places:
        if os.access(place, os.X_OK) and not os.path.isdir(place):  # noqa: PTH112
            return place
    # Which PATH is not told: an env file may have said it.
    raise Refusal(f"{program}: not found in PATH; install it, or set env PATH")


def change_user(user: str) -> None:
    """Drop root's rights for those of ``user`` or ``user:group``."""
    uid, gid, groups = rights(user)
    os.setgroups(groups)
    os.setgid(gid)
    os.setuid(uid)


def rights(user: str) -> tuple[int, int, list[int]]:
    """The numbers of ``user`` or ``user:group``: of the user, the group and all groups."""
    if os.geteuid() != 0:
        raise Refusal(f"user {user}: only root may change it; run as root or remove user", 126)
    name, _, group = user.partition(":")
    try:
        entry = pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
        uid, gid, groups = entry.pw_uid, entry.pw_gid, os.getgrouplist(entry.pw_name, entry.pw_gid)
    except KeyError:
        if not name.isdigit():
            raise Refusal(f"user {name}: unknown; create it with `useradd {name}`") from None
        uid = gid = int(name)
        groups = [gid]
    if group:
        gid = group_id(group)
        groups = [gid]
    return uid, gid, groups


def group_id(group: str) -> int:
    """The number of ``group``."""
    try:
        return int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
    except KeyError:
        raise Refusal(f"group {group}: unknown; create it with `groupadd {group}`") from None


def limit(limits: dict[str, Any]) -> None:
    """Set what the process may use; the usual number of open files unless it says another."""
    usual = os.environ.get("RECONCILER_OPEN_FILES", "")
    limit_one("openFiles", resource.RLIMIT_NOFILE, limits.get("openFiles") or usual)
    limit_one("processes", resource.RLIMIT_NPROC, limits.get("processes"))
    if limits.get("niceness"):
        try:
            os.setpriority(os.PRIO_PROCESS, 0, limits["niceness"])
        except OSError:
            text = f"niceness {limits['niceness']}: only root may go below; run as root or raise it"
            raise Refusal(text, NOT_PERMITTED) from None
    if limits.get("noNewPrivileges"):
        forbid_new_privileges()


def limit_one(name: str, kind: int, wanted: int | str | None) -> None:
    """Allow so many and no more, unless the process itself asks up to the hard limit."""
    if not wanted or not str(wanted).isdigit():
        return
    number, hard = int(wanted), resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        hard = max(hard, number)
    try:
        resource.setrlimit(kind, (number, hard))
    except (OSError, ValueError):
        allowed = resource.getrlimit(kind)[1]
        text = (
            f"limits.{name} {number}: only {allowed} are allowed; raise the hard limit (ulimit -H)"
        )
        raise Refusal(text, NOT_PERMITTED) from None


def forbid_new_privileges() -> None:
    """Let no program below gain rights by being setuid."""
    import ctypes

    if ctypes.CDLL(None).prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        raise Refusal("noNewPrivileges: this kernel cannot; remove it", NOT_PERMITTED)


def restore_signals() -> None:
    """Python ignores some signals; a program expects to die of them."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
