"""Starts a program from its start record, without a launcher in between."""

from __future__ import annotations

import errno
import os
import resource
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final

from ..birth import DEFAULT_PATH, become, find, with_interpreter
from ..record import (
    Refusal,
    cannot_execute,
    code,
    environment_from,
    inheritable,
    mend,
    owner,
    read_record,
)
from .unburdened import GoneError, Spawn, Streams, Unburdened

_DEFAULTS: Final = (signal.SIGPIPE, signal.SIGXFSZ)
"""Python ignores these; a program expects to die of them."""

MANY: Final = 200
"""With so many open files it takes longer to copy and close them than to have a thread do it."""
SENT: Final = 16
"""Who may have fewer open files than this could not be sent those of a child."""


class Starter:
    """Starts programs of one stack; ``quick`` borrows from supervisord what a fork would change."""

    def __init__(self, state_dir: str, *, quick: bool) -> None:
        self._state_dir = state_dir
        self._quick = quick
        self._home = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        usual = os.environ.get("RECONCILER_OPEN_FILES", "")
        self._open_files = int(usual) if usual.isdigit() else None
        self._own = dict(os.environ)  # to read that takes longer than all the rest
        self._available: dict[str, str] | None = None
        self._aside: Unburdened | None = None
        self._is_alone = False
        """Whether there can be no such thread."""

    def record(self, name: str) -> dict[str, Any]:
        """The start record of ``name``. Raises Refusal."""
        return read_record(f"{self._state_dir}/state/processes/{name}.json")

    def run(self, record: dict[str, Any], argv: list[str], streams: Streams) -> int:
        """Start ``argv`` as ``record`` says, first of a session of its own. Raises Refusal."""
        if self._available is None:
            self._available = inheritable(f"{self._state_dir}/run/environ", self._own)
        record = record | {"argv": argv}
        try:
            env = environment_from(record, self._available)
            if self._quick and not _needs_more(record) and self._has_room(record, streams):
                return self._posix_spawn(record, env, streams)
        except (ValueError, TypeError, AttributeError) as exc:
            text = f"its start record makes no sense: {exc}; `reconciler apply` writes it anew"
            raise Refusal(text) from None
        return _fork(record, env, streams)

    def forget(self) -> None:
        """Keep nothing that holds for the programs of one turn: it may be secret, or change."""
        self._available = None

    def _posix_spawn(
        self, record: Mapping[str, Any], env: Mapping[str, str], streams: Streams
    ) -> int:
        cwd = record.get("cwd") or "/"
        # Before its limits are ours: it may have room for fewer files than are open here.
        aside = self._thread(record, streams)
        with self._borrowed(record, cwd):
            argv = with_interpreter(record.get("interpreter") or "", record["argv"])
            program = find(argv[0], env.get("PATH", DEFAULT_PATH))
            try:
                return self._spawn(partial(_begin, program, argv, env), streams, aside)
            except OSError as exc:
                raise _refused(exc, program, cwd) from None

    def _spawn(self, begin: Spawn, streams: Streams, aside: Unburdened | None) -> int:
        try:
            return begin(streams) if aside is None else aside.spawn(begin, streams)
        except GoneError:
            self._is_alone = True
            return begin(streams)

    def _has_room(self, record: Mapping[str, Any], streams: Streams) -> bool:
        """Whether whoever starts it has no more files open than it may have."""
        files = self._files_of(record)
        return not files or max(streams) < files or self._thread(record, streams) is not None

    def _files_of(self, record: Mapping[str, Any]) -> int | None:
        """How many files it may have open, where that is said."""
        return (record.get("limits") or {}).get("openFiles") or self._open_files

    def _thread(self, record: Mapping[str, Any], streams: Streams) -> Unburdened | None:
        """Who has few open files, when we have many, or more than it may; None without need."""
        if self._is_alone or max(streams) < min(self._files_of(record) or MANY, MANY):
            return None
        try:
            self._aside = self._aside or Unburdened()
        except GoneError:
            self._is_alone = True
        return self._aside

    @contextmanager
    def _borrowed(self, record: Mapping[str, Any], cwd: str) -> Iterator[None]:
        """Be, for the length of a call, what the child shall be: one thread, so nobody sees it."""
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        files = self._files_of(record)
        umask = int(record.get("umask") or "-1", 8)
        try:
            os.chdir(cwd)
        except OSError as exc:
            text = f"{exc.strerror}: {cwd}{owner(cwd)}; {mend(exc, cwd)}"
            raise Refusal(text, code(exc)) from None
        before = os.umask(umask) if umask >= 0 else None
        try:
            if files:
                resource.setrlimit(resource.RLIMIT_NOFILE, (min(files, limits[1]), limits[1]))
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            if before is not None:
                os.umask(before)
            os.fchdir(self._home)


def _begin(program: str, argv: list[str], env: Mapping[str, str], streams: Streams) -> int:
    """Start it, first of a session of its own."""
    return os.posix_spawn(
        program,
        argv,
        env,
        file_actions=[(os.POSIX_SPAWN_DUP2, ours, theirs) for theirs, ours in enumerate(streams)],
        setsid=True,
        setsigmask=(),
        setsigdef=_DEFAULTS,
    )


def _needs_more(record: Mapping[str, Any]) -> bool:
    """Whether only a process of its own can be made what ``record`` asks for."""
    limits = record.get("limits") or {}
    more = ("processes", "niceness", "noNewPrivileges")
    if record.get("user") or any(limits.get(key) for key in more):
        return True
    files = limits.get("openFiles") or 0
    return bool(files) and not SENT <= files <= resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def _fork(record: dict[str, Any], env: dict[str, str], streams: Streams) -> int:
    """Start it by a copy of ourselves, which has the time to change what it is."""
    told, tell = os.pipe()
    # Until it is the program, a copy of us would hear a signal as supervisord does.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            _live_as(record, env, streams, tell)
    except OSError as exc:
        os.close(told)
        raise _crowded(exc) from None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(tell)
    why = b"".join(iter(partial(os.read, told, 4096), b""))  # ends when the program runs
    os.close(told)
    if why:
        os.waitpid(pid, 0)
        number, _, text = why.decode().partition(" ")
        raise Refusal(text, int(number))
    return pid


def _live_as(record: dict[str, Any], env: dict[str, str], streams: Streams, tell: int) -> None:
    try:
        os.setsid()
        for theirs, ours in enumerate(streams):
            os.dup2(ours, theirs)
        become(record, env)
    except Refusal as refusal:
        os.write(tell, f"{refusal.code} {refusal}".encode(errors="replace"))
    except BaseException as exc:  # noqa: BLE001 (a copy of supervisord must not live on)
        with suppress(OSError):
            os.write(tell, f"126 {type(exc).__name__}: {exc}".encode(errors="replace"))
    finally:
        os._exit(126)


def _refused(exc: OSError, program: str, cwd: str) -> Refusal:
    if exc.errno in {errno.EAGAIN, errno.ENOMEM}:
        return _crowded(exc)
    return cannot_execute(exc, program, cwd)


def _crowded(exc: OSError) -> Refusal:
    return Refusal(f"{exc.strerror}: no room for another process; end some, or raise ulimit -u")
