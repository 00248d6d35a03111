"""Becomes a process: ``python -I -S launch.py STATE_DIR NAME STAMP``.

supervisord starts this instead of the user's program, so that no user's text ever enters
supervisord's file. It reads the start record, writes down what it is about to run, and executes it.
"""

from __future__ import annotations

# The packages json and signal cost as much as all the rest of a start; their C parts do not.
import _signal as signal  # type: ignore[import-not-found]
import grp
import os
import pwd
import resource
import sys
from _json import encode_basestring_ascii as quote
from _json import make_scanner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

NOT_FOUND, NOT_PERMITTED = 127, 126
PYTHONS = (".venv/bin/python", "venv/bin/python")
INTERPRETERS = {".py": "python3", ".js": "node", ".mjs": "node", ".ts": "ts-node"}
DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"


class Dialect:
    """How JSON is read; what the scanner asks for."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float = parse_constant = float
    parse_int = int


class Refusal(Exception):  # noqa: N818 (named as it reads)
    """The process cannot be started; the text names what, where, and how to mend it."""

    def __init__(self, text: str, code: int = NOT_FOUND) -> None:
        super().__init__(text)
        self.code = code


def main(arguments: list[str]) -> NoReturn:
    """Become the process; never returns."""
    state_dir, name, stamp = arguments
    os.closerange(3, 1024)  # supervisord's own, should one be open
    try:
        record = read_record(f"{state_dir}/state/processes/{name}.json")
        note = f"{state_dir}/run/processes/{name}.json"
        write_note(note, record, stamp)
        try:
            become(record, environment(record, f"{state_dir}/run/environ"))
        except Refusal as refusal:
            write_note(note, record, stamp, error=str(refusal))
            raise
    except Refusal as refusal:
        print(f"reconciler: cannot start {name}: {refusal}", file=sys.stderr, flush=True)
        os._exit(refusal.code)


def read_record(path: str) -> dict[str, Any]:
    """The start record at ``path``."""
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 (pathlib is a slow import)
            text = file.read()
        record = dict(make_scanner(Dialect())(text, 0)[0])  # type: ignore[arg-type]
        if record["argv"]:
            return record
    except OSError as exc:
        raise Refusal(f"{exc.strerror}: {path}; run `reconciler apply` to write it") from None
    except (ValueError, LookupError, TypeError, StopIteration, SystemError):
        pass  # the bare scanner has many ways to say so
    raise Refusal(f"damaged: {path}; run `reconciler apply` to write it anew")


def render(value: Any) -> str:
    """``value`` as JSON."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{quote(k)}:{render(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(render, value)) + "]"
    return repr(value)


def write_note(path: str, record: dict[str, Any], stamp: str, *, error: str = "") -> None:
    """Write down which process runs what; before it does, so that nothing runs unknown."""
    keep = ("view", "digest", "revision")
    note = {key: record.get(key) for key in keep} | {
        "pid": os.getpid(),
        "start_time": start_time(),
        "stamp": stamp,
        "error": error,
    }
    temporary = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)  # noqa: PTH103, PTH120
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.write(descriptor, render(note).encode())
        os.close(descriptor)
        os.rename(temporary, path)  # noqa: PTH104 (pathlib is a slow import)
    except OSError as exc:
        raise Refusal(f"{exc.strerror}: {path}{owner(path)}", NOT_PERMITTED) from None


def start_time() -> int:
    """When this process began, in the kernel's ticks: with the pid it names it for ever."""
    with open("/proc/self/stat", "rb") as file:  # noqa: PTH123 (pathlib is a slow import)
        return int(file.read().rpartition(b")")[2].split()[19])


def environment(record: dict[str, Any], handed_over: str) -> dict[str, str]:
    """What is declared, what may be inherited, and what names the process; nothing else."""
    available = dict(os.environ)
    try:
        with open(handed_over, "rb") as file:  # noqa: PTH123 (pathlib is a slow import)
            pairs = os.fsdecode(file.read()).split("\0")
        available |= dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    except OSError:
        pass  # started without `reconciler up`: supervisord's own environment is all there is
    inherited = {key: available[key] for key in record.get("inherit") or () if key in available}
    return inherited | (record.get("env") or {})


def become(record: dict[str, Any], env: dict[str, str]) -> NoReturn:
    """Turn into the program that ``record`` describes."""
    if record.get("umask"):
        os.umask(int(record["umask"], 8))
    limit_files()
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
        text = f"{exc.strerror}: {program}{owner(program)} (in {cwd}); {mend(exc, program)}"
        raise Refusal(text, code(exc)) from None


def with_interpreter(interpreter: str, argv: list[str]) -> list[str]:
    """``argv`` with what runs it; ``auto`` chooses by the file's ending."""
    if interpreter != "auto":
        return [interpreter, *argv] if interpreter else argv
    ending = os.path.splitext(argv[0])[1]  # noqa: PTH122 (pathlib is a slow import)
    chosen = INTERPRETERS.get(ending)
    if ending == ".py":
        chosen = next((path for path in PYTHONS if os.access(path, os.X_OK)), chosen)
    if chosen:
        return [chosen, *argv]
    return [argv[0] if "/" in argv[0] else f"./{argv[0]}", *argv[1:]]


def find(program: str, path: str) -> str:
    """Where ``program`` is, looked up as a shell does."""
    if "/" in program:
        return program
    places = [f"{folder or '.'}/{program}" for folder in path.split(":")]
    for place in places:
        if os.access(place, os.X_OK) and not os.path.isdir(place):  # noqa: PTH112
            return place
    raise Refusal(f"{program}: not found in PATH ({path}); install it, or set env PATH")


def change_user(user: str) -> None:
    """Drop root's rights for those of ``user`` or ``user:group``."""
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
    os.setgroups(groups)
    os.setgid(gid)
    os.setuid(uid)


def group_id(group: str) -> int:
    """The number of ``group``."""
    try:
        return int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
    except KeyError:
        raise Refusal(f"group {group}: unknown; create it with `groupadd {group}`") from None


def limit_files() -> None:
    """Give back the usual limit of open files; supervisord itself runs under a higher one."""
    usual = os.environ.get("RECONCILER_OPEN_FILES", "")
    if usual.isdigit():
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (int(usual), hard))


def restore_signals() -> None:
    """Python ignores some signals; a program expects to die of them."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def owner(path: str) -> str:
    """Who owns ``path``, or what is there of it; as part of a sentence."""
    while path and path != "/":
        try:
            status = os.stat(path)  # noqa: PTH116 (pathlib is a slow import)
        except OSError:
            path = os.path.dirname(path.rstrip("/"))  # noqa: PTH120
            continue
        try:
            name = pwd.getpwuid(status.st_uid).pw_name
        except KeyError:
            name = str(status.st_uid)
        return f" ({path} belongs to {name}, this is uid {os.geteuid()})"
    return ""


def mend(exc: OSError, path: str) -> str:
    """What to type."""
    if isinstance(exc, PermissionError):
        return f"allow it, for example `chmod u+rx {path}` or `chown {os.geteuid()} {path}`"
    return f"create {path}, or correct the spec"


def code(exc: OSError) -> int:
    """The exit code a shell would give."""
    return NOT_PERMITTED if isinstance(exc, PermissionError) else NOT_FOUND


if __name__ == "__main__":
    main(sys.argv[1:])
