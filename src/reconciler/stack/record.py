"""The start record: what a process is to be started with, and what it may inherit."""

from __future__ import annotations

import errno
import os
import pwd
from _json import make_scanner

from .reading import read_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NOT_FOUND, NOT_PERMITTED = 127, 126


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


def read_record(path: str) -> dict[str, Any]:
    """The start record at ``path``."""
    try:
        text = read_whole(path).decode()
        record = dict(make_scanner(Dialect())(text, 0)[0])  # type: ignore[arg-type]
        if record["argv"]:
            return record
    except OSError as exc:
        raise Refusal(f"{exc.strerror}: {path}; run `reconciler apply` to write it") from None
    except (ValueError, LookupError, TypeError, StopIteration, SystemError):
        pass  # the bare scanner has many ways to say so
    raise Refusal(f"damaged: {path}; run `reconciler apply` to write it anew")


def environment(record: dict[str, Any], handed_over: str) -> dict[str, str]:
    """What is declared, what may be inherited, and what names the process; nothing else."""
    return environment_from(record, inheritable(handed_over))


def environment_from(record: dict[str, Any], available: dict[str, str]) -> dict[str, str]:
    """The same, out of what is ``available``."""
    inherited = {key: available[key] for key in record.get("inherit") or () if key in available}
    return inherited | (record.get("env") or {})


def inheritable(handed_over: str, own: dict[str, str] | None = None) -> dict[str, str]:
    """What `reconciler up` was started with, as far as a process may ask for it."""
    available = dict(os.environ if own is None else own)
    try:
        pairs = os.fsdecode(read_whole(handed_over)).split("\0")
        available |= dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    except OSError:
        pass  # started without `reconciler up`: supervisord's own environment is all there is
    return available


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
        me = f", this is uid {os.geteuid()}" if status.st_uid != os.geteuid() else ""
        return f" ({path} belongs to {name}{me})"
    return ""


def mend(exc: OSError, path: str) -> str:
    """What to type."""
    try:
        found = os.stat(path).st_uid  # noqa: PTH116 (pathlib is a slow import)
    except OSError:
        found = -1
    if isinstance(exc, PermissionError):
        if found == os.geteuid():
            return f"allow it, for example `chmod u+rx {path}`"
        return f"allow it, for example `chmod o+rx {path}` or `chown {os.geteuid()} {path}`"
    if exc.errno == errno.ENOEXEC:
        return "it is no binary for this machine; a script begins with a line such as `#!/bin/sh`"
    if found >= 0:
        return "its first line names a program that is not there: install that, or correct the line"
    return f"create {path}, or correct the spec"


def code(exc: OSError) -> int:
    """The exit code a shell would give."""
    return NOT_PERMITTED if isinstance(exc, PermissionError) else NOT_FOUND


def cannot_execute(exc: OSError, program: str, cwd: str) -> Refusal:
    """Why ``program`` is not executed; with its whole path, whoever reads it is elsewhere."""
    path = os.path.join(cwd, program.removeprefix("./"))  # noqa: PTH118 (pathlib is a slow import)
    hint = mend(exc, path)
    if os.path.isdir(path):  # noqa: PTH112 (as above)
        hint = "it is a folder; name the program in it"
    return Refusal(f"{exc.strerror}: {path}{owner(path)}; {hint}", code(exc))


def told(exc: Refusal | OSError) -> str:
    """What went wrong, where, and what to do, of an error that may not have been ours."""
    if isinstance(exc, Refusal):
        return str(exc)
    if not exc.filename:
        return f"{exc.strerror}; raise the limit of open files (ulimit -n) or run fewer programs"
    path = os.fsdecode(exc.filename)
    return f"{exc.strerror}: {path}{owner(path)}; {mend(exc, path)}"
