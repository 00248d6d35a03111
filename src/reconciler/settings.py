"""Where a stack lives and how it is run: flags beat the environment, which beats the defaults."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .stack.limits import SOCKET_PATH

MIN_RESYNC: Final = 0.1
MAX_RESYNC: Final = 86400.0
USUAL_RATE: Final = 20.0
MAX_RATE: Final = 1e6
ROOT_NOTE: Final = ".root"
"""Beside what a program declared: what relative paths in it mean."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One stack. ``environ`` is what ``${VAR}`` and ``from: {env: …}`` may read."""

    specs: Path
    state_dir: Path
    worktree: bool = False
    listen: str | None = None
    resync: float = 30.0
    dev: bool = False
    """Whether every process is restarted when files in its working directory change."""
    stack_start: str = ""
    base: Path | None = None
    """What relative paths in specs mean, where that is not the folder that holds ``specs/``."""
    api_rate: float = USUAL_RATE
    """Requests a second that one token, or one address without any, may send for ever."""
    api_hosts: frozenset[str] = frozenset()
    """Names this stack is reached by; empty: any."""
    node_metrics: bool = False
    """Whether metrics of processes also have the names of node_exporter's supervisord collector."""
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def root(self) -> Path:
        """What relative paths in specs mean: the folder that holds ``specs/``."""
        return self.base or self.specs.parent

    @property
    def durable(self) -> Path:
        return self.state_dir / "state"

    @property
    def declared(self) -> Path:
        """Where a program that declares this stack keeps what it declares."""
        return _declared_in(self.state_dir)

    @property
    def is_declared(self) -> bool:
        """Whether a program declared these specs: no commit can differ from them."""
        return self.specs == self.declared

    @property
    def run_dir(self) -> Path:
        return self.state_dir / "run"

    @property
    def log_dir(self) -> Path:
        return self.state_dir / "log"

    @property
    def operator_socket(self) -> Path:
        return self.run_dir / "operator.sock"

    @property
    def supervisor_socket(self) -> Path:
        return self.run_dir / "supervisor.sock"

    @property
    def wake_socket(self) -> Path:
        return self.run_dir / "wake.sock"

    @property
    def gateway_socket(self) -> Path:
        return self.run_dir / "gateway.sock"


def read_settings(
    specs: Path | None = None,
    state_dir: Path | None = None,
    *,
    worktree: bool = False,
    listen: str | None = None,
) -> Settings:
    """The settings of this call: of `./specs` unless said, or else of what a program declared.

    Raises ValueError when the state folder cannot hold a socket.
    """
    own = os.environ
    said = specs or own.get("RECONCILER_SPECS")
    folder = Path(said or "specs").absolute()
    told = own.get("RECONCILER_STATE_DIR")
    state = (state_dir or (Path(told) if told else folder.parent / ".reconciler")).absolute()
    longest = state / "run" / "supervisor.sock"
    if len(os.fsencode(longest)) > SOCKET_PATH:
        raise ValueError(f"{state}: too long for a socket path; choose a shorter --state-dir")
    environ = {**own, **_handed_over(state / "run" / "environ")}
    declared, root = _declared_in(state), _declared_root(state)
    if root and not (said or os.path.lexists(folder) or own.get("RECONCILER_SOURCE_URL")):
        folder = declared
    if folder != declared or not root:
        root = environ.get("RECONCILER_ROOT")
    return Settings(
        specs=folder,
        state_dir=state,
        worktree=worktree or folder == declared or own.get("RECONCILER_WORKTREE") == "1",
        listen=listen or own.get("RECONCILER_LISTEN") or None,
        resync=_resync(environ.get("RECONCILER_RESYNC")),
        dev=environ.get("RECONCILER_DEV") == "1",
        base=Path(root) if root else None,
        stack_start=environ.get("RECONCILER_STACK_START") or _boot(),
        api_rate=_rate(environ.get("RECONCILER_API_RATE")),
        api_hosts=_names(environ.get("RECONCILER_API_HOSTS", "")),
        node_metrics=environ.get("RECONCILER_NODE_METRICS") == "1",
        environ=environ,
    )


def _declared_in(state_dir: Path) -> Path:
    return state_dir / "state" / "declared"


def _declared_root(state_dir: Path) -> str | None:
    """What relative paths mean in what a program declared; None when none declares the stack."""
    try:
        return os.fsdecode((_declared_in(state_dir) / ROOT_NOTE).read_bytes())
    except OSError:
        return None


def _resync(text: str | None) -> float:
    try:
        seconds = float(text or 30.0)
    except ValueError:
        seconds = 0.0
    if not MIN_RESYNC <= seconds <= MAX_RESYNC:
        raise ValueError(
            f"RECONCILER_RESYNC is {text!r}; write seconds from {MIN_RESYNC:g} to {MAX_RESYNC:g}"
        )
    return seconds


def _rate(text: str | None) -> float:
    try:
        rate = float(text or USUAL_RATE)
    except ValueError:
        rate = 0.0
    if not 0 < rate <= MAX_RATE:
        raise ValueError(f"RECONCILER_API_RATE is {text!r}; write requests per second, such as 20")
    return rate


def _names(text: str) -> frozenset[str]:
    """Names between commas."""
    return frozenset(one.strip().lower() for one in text.split(",") if one.strip())


def _boot() -> str:
    """The start of a stack without ``up``: the machine's, which no restart of ours changes."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _handed_over(path: Path) -> dict[str, str]:
    """The environment ``reconciler up`` was started with; it is kept from every other process."""
    try:
        pairs = path.read_bytes().split(b"\0")
    except OSError:
        return {}
    return dict(os.fsdecode(pair).split("=", 1) for pair in pairs if b"=" in pair)
