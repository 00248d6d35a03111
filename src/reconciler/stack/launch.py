"""Becomes a process: ``python -I -S launch.py STATE_DIR NAME STAMP``.

supervisord starts this instead of the user's program, so that no user's text ever enters
supervisord's file. It reads the start record, writes down what it is about to run, and executes it.
"""

from __future__ import annotations

import os
import sys
from _json import encode_basestring_ascii as quote

# Started by its path and with nothing on it, it has to say where the rest of it is.
sys.path.append(__file__.rsplit("/", 3)[0])

from reconciler.stack.birth import become
from reconciler.stack.reading import read_whole
from reconciler.stack.record import NOT_PERMITTED, Refusal, environment, owner, read_record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn


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
    return int(read_whole("/proc/self/stat").rpartition(b")")[2].split()[19])


if __name__ == "__main__":
    main(sys.argv[1:])
