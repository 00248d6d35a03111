"""Runs a program to learn whether it ends well; nothing of it is left behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from ..core.errors import ReconcileError
from ..core.units import format_duration
from ..core.verdict import Result
from ..stack.birth import rights
from ..stack.kernel import children, descendants, environ
from ..stack.record import Refusal
from .proc import parent

TAG: Final = "RECONCILER_PROBE"
"""In the environment of what is run here: the operator that runs it."""
OUTPUT: Final = 4096
_SHOWN: Final = 200
_SHORTEST_SECRET: Final = 4
_BLOCK: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a program gets when it is run for a process: the same as the process."""

    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cwd: str = "/"
    user: str | None = None
    umask: str | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Values that must not be shown, wherever they turn up."""


def execute(
    argv: tuple[str, ...], around: Callable[[], Surroundings], timeout: float, stop: int
) -> Result:
    """Whether ``argv`` ends with 0 in time. Blocks; ``stop`` becomes readable to end it early.

    It runs in a group of its own, and the group is killed however the program ends.
    """
    try:
        given = around()
        process = _spawn(argv, given)
    except (OSError, subprocess.SubprocessError, ReconcileError, ValueError, Refusal) as exc:
        why = (exc.strerror or str(exc)).lower() if isinstance(exc, OSError) else str(exc)
        return Result(ok=False, message=f"cannot run {argv[0]}: {why}")
    try:
        ended, output = _await(process, monotonic() + timeout, stop)
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # not reaped yet: the number is still its own
        code = process.wait()
        _close(process)
    if not ended:
        return Result(ok=False, message=f"{argv[0]} did not end within {format_duration(timeout)}")
    if code == 0:
        return Result(ok=True)
    return Result(ok=False, message=_tell(argv[0], code, output, given.secrets))


def end_leftovers() -> set[int]:
    """Kill what an operator that was killed ran just then, and all below it; the pids of that."""
    above = os.getppid()  # who adopts what has lost its parent: supervisord, or who started it
    ours = str(os.getpid()).encode()
    orphans = children(above) | children(parent(above) or 0)
    roots = {pid for pid in orphans if environ(pid).get(TAG.encode(), ours) != ours}
    found = roots | descendants(*roots) if roots else roots
    for pid in found:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    return found


def _spawn(argv: tuple[str, ...], given: Surroundings) -> subprocess.Popen[bytes]:
    uid, gid, groups = rights(given.user) if given.user else (None, None, None)
    return subprocess.Popen(
        argv,
        env={**given.env, TAG: str(os.getpid())},
        cwd=given.cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        umask=int(given.umask, 8) if given.umask else -1,
        user=uid,
        group=gid,
        extra_groups=groups,
    )


def _await(process: subprocess.Popen[bytes], deadline: float, stop: int) -> tuple[bool, bytes]:
    """Whether it ended by itself, and the last it said; a full pipe must not hold it up."""
    watch, output, said = select.poll(), process.stdout, b""
    ending = os.pidfd_open(process.pid)
    try:
        for number in (ending, stop, *([output.fileno()] if output else ())):
            watch.register(number, select.POLLIN)
        while (left := deadline - monotonic()) > 0:
            found = {number for number, _ in watch.poll(left * 1000)}
            if output is not None and output.fileno() in found:
                fresh = os.read(output.fileno(), _BLOCK)
                said = (said + fresh)[-OUTPUT:]
                if not fresh:
                    watch.unregister(output.fileno())
            if ending in found or stop in found:
                return ending in found, said
        return False, said
    finally:
        os.close(ending)


def _close(process: subprocess.Popen[bytes]) -> None:
    if process.stdout is not None:
        process.stdout.close()


def _tell(program: str, code: int, output: bytes, secrets: tuple[str, ...]) -> str:
    how = f"exited with code {code}" if code > 0 else f"was ended by signal {-code}"
    text = output.decode(errors="replace")
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "(secret)")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = "".join(mark if mark.isprintable() else " " for mark in lines[-1]) if lines else ""
    return f"{program} {how}" + (f": {said[:_SHOWN]}" if said else "")
