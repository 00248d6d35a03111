"""Where a stack lives, and what its processes may know of the world it was started in."""

from __future__ import annotations

import fcntl
import os
import re
import resource
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .limits import SOCKET_PATH

LAUNCHER: Final = Path(__file__).with_name("launch.py")
LISTENER: Final = Path(__file__).with_name("listen.py")
BASE: Final = Path(__file__).parents[1] / "assets" / "supervisor" / "supervisord.conf"
FOLDERS: Final = (
    "",
    "state",
    "state/processes",
    "state/supervisor",
    "run",
    "run/processes",
    "log",
)
ENDING: Final = "ending"

# supervisord's file cannot hold these, and looks for its parts by a pattern.
_unfit: Final = re.compile(r'[\x00-\x1f\x7f"\\*?\[\]]| [;#]')
_harmless: Final = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR|TERM|VIRTUAL_ENV|PYTHONPATH"
)


@dataclass(frozen=True, slots=True)
class Place:
    """One stack: its state folder, and which specs its operator follows."""

    state_dir: Path
    specs: Path
    worktree: bool = False
    listen: str = ""
    operator: bool = True

    @property
    def socket(self) -> Path:
        return self.state_dir / "run" / "supervisor.sock"

    @property
    def environ(self) -> Path:
        """The environment the stack was started in; for the operator alone."""
        return self.state_dir / "run" / "environ"

    @property
    def configuration(self) -> Path:
        return self.state_dir / "run" / "supervisord.conf"

    def hand_over(self, environment: Mapping[str, str]) -> None:
        """Keep ``environment`` where the operator reads it, and nobody inherits it."""
        text = "\0".join(f"{key}={value}" for key, value in environment.items())
        temporary = self.environ.with_suffix(".tmp")
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.fsencode(text))
        temporary.replace(self.environ)


def prepare(place: Place) -> None:
    """Make the folders, and link the base file into them. Raises ValueError or OSError."""
    check(place)
    for name in FOLDERS:
        (place.state_dir / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    (place.state_dir / "run").chmod(0o700)
    with suppress(FileExistsError):
        _keep_from_git(place.state_dir)
    # The base file includes its parts relative to where it lies, so it must lie in the stack.
    link = place.configuration.with_suffix(".new")
    with suppress(FileNotFoundError):
        link.unlink()
    link.symlink_to(BASE)
    link.replace(place.configuration)


def _keep_from_git(folder: Path) -> None:
    """Start records hold secrets, and `git add .` beside the specs must not take them along."""
    name = folder / ".gitignore"
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(b"*\n")


def check(place: Place) -> None:
    """Refuse a place that cannot work, before anything is made there."""
    for path in (place.state_dir, Path(sys.executable), LAUNCHER):
        if found := _unfit.search(str(path)):
            raise ValueError(f"{path}: {found[0]!r} cannot stand in supervisord's file; move it")
    if len(os.fsencode(place.socket)) > SOCKET_PATH:
        raise ValueError(
            f"{place.state_dir}: too long for a socket path; choose a shorter --state-dir"
        )


def open_lock(place: Place) -> int | None:
    """The lock that one living stack holds; None when another has it."""
    path = place.state_dir / "run" / "up.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def take_again(place: Place) -> int | None:
    """Make a stack's folders anew and lock them; None, and why on stderr, when that cannot be."""
    print(f"{place.state_dir} was taken away; the stack begins anew", file=sys.stderr)
    if not place.state_dir.parent.is_dir():
        print(f"error: {place.state_dir.parent} is gone", file=sys.stderr)
        return None
    try:
        prepare(place)
        lock = open_lock(place)
    except (OSError, ValueError) as exc:
        print(f"error: {exc}", file=sys.stderr)
        return None
    if lock is None:
        print(f"error: another `up` has taken over {place.state_dir}", file=sys.stderr)
    return lock


def leave_terminal(place: Place) -> None:
    """Begin a session without one; what is said goes to a log."""
    os.setsid()
    log = os.open(place.state_dir / "log" / "up.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for ours, theirs in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(ours, theirs)


def holds(place: Place, lock: int) -> bool:
    """Whether ``lock`` is still the stack's; not when a hand took the state directory away."""
    try:
        return os.path.samestat((place.state_dir / "run" / "up.lock").stat(), os.fstat(lock))
    except FileNotFoundError:
        return False
    except OSError:
        return True  # unseen is not gone


def note_holder(lock: int) -> None:
    """Say in the lock who holds it."""
    _note(lock, str(os.getpid()))


def note_ending(lock: int, *, pid: int | None = None) -> None:
    """Say in the lock that the stack is being ended, by ``pid`` when it may be asked to hurry."""
    with suppress(OSError):  # a full disk keeps nobody from ending it
        _note(lock, ENDING if pid is None else f"{pid} {ENDING}")


def note_nobody(lock: int) -> None:
    """Forget who held the lock before: that number may be somebody else's by now."""
    with suppress(OSError):
        os.ftruncate(lock, 0)


def _note(lock: int, text: str) -> None:
    said = f"{text}\n".encode()
    # Whoever reads meanwhile finds all of it, and nothing of what stood there.
    os.pwrite(lock, said.ljust(os.fstat(lock).st_size), 0)
    os.ftruncate(lock, len(said))


def holder(place: Place) -> int | None:
    """The pid of the ``up`` that holds the stack; None when nobody does, 0 while it is not said."""
    words = _said(place)
    if words is None:
        return None
    return int(words[0]) if words and words[0].isdigit() else 0


def is_ending(place: Place) -> bool:
    """Whether a stack lives that is being stopped."""
    return ENDING in _words(place) and _said(place) is not None


def _said(place: Place) -> list[str] | None:
    """What the lock says of who holds it; None when nobody does."""
    if not (place.state_dir / "run" / "up.lock").exists():
        return None
    lock = open_lock(place)
    if lock is not None:
        os.close(lock)
        return None
    return _words(place)


def _words(place: Place) -> list[str]:
    """What stands in the lock, also when its holder was killed."""
    with suppress(OSError):
        return (place.state_dir / "run" / "up.lock").read_text().split()
    return []


def ask_operator(place: Place, number: int) -> None:
    """Hand a signal on to the operator, if there is one."""
    try:
        with (place.state_dir / "run" / "operator.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return
    except BlockingIOError:  # somebody holds it, who said in it who that is
        said = (place.state_dir / "run" / "operator.lock").read_text().strip()
        with suppress(ProcessLookupError):
            if said.isdigit():
                os.kill(int(said), number)


def clean_environment(place: Place, own: Mapping[str, str], stack_start: str) -> dict[str, str]:
    """What supervisord may know: nothing that may be a secret, and where the stack is."""
    harmless = {key: value for key, value in own.items() if _harmless.fullmatch(key)}
    gateway = place.state_dir / "state" / "processes" / "gateway.json"
    return harmless | {
        "RECONCILER_STATE_DIR": str(place.state_dir),
        "RECONCILER_SPECS": str(place.specs),
        "RECONCILER_WORKTREE": "1" if place.worktree else "0",
        "RECONCILER_LISTEN": place.listen,
        "RECONCILER_STACK_START": stack_start,
        "RECONCILER_KEEPER": own.get("RECONCILER_KEEPER") or "full",
        "RECONCILER_PYTHON": sys.executable,
        "RECONCILER_LAUNCHER": str(LAUNCHER),
        "RECONCILER_LISTENER": str(LISTENER),
        "RECONCILER_OPEN_FILES": str(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        "RECONCILER_OPERATOR_AUTOSTART": "true" if place.operator else "false",
        "RECONCILER_GATEWAY_AUTOSTART": "true" if gateway.exists() else "false",
    }
