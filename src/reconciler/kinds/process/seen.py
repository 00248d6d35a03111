"""From the traces a program leaves to what it is: the observed state and its vitals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ...clients.supervisord import ProcessInfo, RunState
from ...core.model import Json, Observed
from .records import Record, RunRecord
from .sections import Section, policy_of
from .spec import RESERVED
from .state import EXECUTED, Program, as_stock, stamp, unstamp

_LIVE: Final = frozenset({RunState.STARTING, RunState.RUNNING, RunState.STOPPING})
_NAMES: Final = {
    RunState.STOPPED: "stopped",
    RunState.STARTING: "starting",
    RunState.RUNNING: "running",
    RunState.BACKOFF: "backoff",
    RunState.STOPPING: "stopping",
    RunState.FATAL: "failed",
}
_BESIDE: Final = frozenset(Program.model_fields) - {*EXECUTED, "epoch"}
_UNKEPT: Final = {
    "backoff": "restart.backoff",
    "max_backoff": "restart.maxBackoff",
    "strategy": "restart.strategy",
    "healthy_after": "restart.healthyAfter",
    "max_retries": "restart.maxRetries",
    "success_exit_codes": "restart.successExitCodes",
    "pre_stop": "stop.preStop",
    "memory": "limits.memory",
}
"""What a stock supervisord has no word for."""
_MEETS: Final = {
    "starting": ["started"],
    "running": ["started", "ready"],
    "completed": ["started", "completed"],
}


@dataclass(frozen=True, slots=True)
class Traces:
    """All that is known of one program.

    ``run`` is the run record, whether or not its process still lives; ``launching`` says that the
    live process is still the launcher, which has yet to write one. ``ours`` says that we wrote
    something about it, readable or not.
    """

    name: str
    info: ProcessInfo | None = None
    record: Record | None = None
    section: Section | None = None
    run: RunRecord | None = None
    start_time: int | None = None
    launching: bool = False
    ours: bool = False
    armed: bool = False
    cron: Json = None
    restarts: int = 0
    """How often it was seen to live again."""

    @property
    def state(self) -> RunState | None:
        if self.info is None:
            return None
        try:
            return RunState(self.info["state"])
        except ValueError:
            return RunState.UNKNOWN

    @property
    def live(self) -> bool:
        return self.info is not None and self.state in _LIVE and bool(self.info["pid"])

    @property
    def running(self) -> RunRecord | None:
        """The run record, if it speaks of the live process."""
        run = self.run
        if run is None or not self.live or self.info is None:
            return None
        same = (run.pid, run.start_time) == (self.info["pid"], self.start_time)
        return run if same else None


def observe(traces: Traces) -> Observed[Program]:
    """What it is, as far as its traces tell."""
    system = traces.name in RESERVED
    if system or not traces.ours:
        foreign = as_stock(Program(started=traces.live))
        return Observed(foreign, owned=False, vitals=vitals(traces, system=system))
    return Observed(as_stock(program(traces)), owned=True, vitals=vitals(traces))


def program(traces: Traces) -> Program:
    """What runs, by its run record; what would run, by the start record, when nothing does."""
    run, written = traces.running, traces.record
    known = written.program if written is not None else Program()
    word = traces.section.stamp if traces.section is not None else ""
    if run is not None:
        # What supervisord has no word for is kept by the record on disk.
        rest = {name: getattr(known, name) for name in _BESIDE} if written is not None else {}
        known, word = run.program.model_copy(update=rest), run.stamp
    elif traces.live and not traces.launching:
        known, word = Program(), ""  # nobody can say what this was started with
    seen = known.model_copy(update=unstamp(word))
    update = {"installed": _installed(traces, seen), "started": started(traces)}
    return seen.model_copy(update=update)


def _installed(traces: Traces, seen: Program) -> bool:
    record, section, run = traces.record, traces.section, traces.running
    if record is None or section is None or traces.info is None or not section.intact:
        return False
    if run is not None and run.digest != record.digest:
        return False
    return stamp(record.program) == section.stamp == stamp(seen)


def started(traces: Traces) -> bool:
    """Whether it runs, is about to, or ran as long as it should."""
    if _is_cron(traces):
        return traces.armed and traces.info is not None
    match traces.state:
        case RunState.STARTING | RunState.RUNNING | RunState.BACKOFF | RunState.STOPPING:
            return True
        case RunState.EXITED:
            return True  # supervisord starts it again, or that was its end
        case _:
            return False


def _is_cron(traces: Traces) -> bool:
    return traces.record is not None and traces.record.program.mode == "cron"


def name_of(traces: Traces) -> str:
    """The state in one word of the guide."""
    if _is_cron(traces) and traces.armed and not traces.live:
        return "armed"
    if traces.state is RunState.EXITED and traces.info is not None:
        settings = unstamp(traces.section.stamp) if traces.section else {}
        policy, failed = policy_of(settings), traces.info["exitstatus"] != 0
        if policy == "never":
            return "failed" if failed else "completed"
        return "completed" if policy == "onFailure" and not failed else "backoff"
    if traces.state is None:
        return "stopped"
    return _NAMES.get(traces.state, "unknown")


def vitals(traces: Traces, *, system: bool = False) -> dict[str, Json]:
    """The volatile facts, for people and for dependents."""
    info: ProcessInfo = traces.info or {}
    name = name_of(traces)
    found: dict[str, Any] = {
        "instance": traces.name,
        "state": name,
        "statename": info.get("statename", "UNLOADED"),
        "meets": _MEETS.get(name, []),
        "log": info.get("logfile", ""),
        "message": _message(traces, name),
        "system": system,
    }
    if traces.live:
        found |= {
            "pid": info["pid"],
            "since": info["start"],
            "uptime": max(0, info["now"] - info["start"]),
            "launching": traces.launching,
            "readySince": info["start"],
        }
    if traces.cron is not None:
        found["cron"] = traces.cron
    if traces.running is not None:
        found["restarts"] = traces.restarts
        found["revision"] = traces.running.revision
    if traces.running is not None and name != "stopping":
        found["born"] = traces.start_time
    if traces.state is RunState.EXITED:
        found["exitStatus"] = info["exitstatus"]
    return found


def _approximated(traces: Traces) -> str:
    """Which wishes a stock supervisord cannot fulfil; empty when there are none."""
    usual, wanted = Program(), traces.record.program if traces.record is not None else Program()
    differing = [
        said for name, said in _UNKEPT.items() if getattr(wanted, name) != getattr(usual, name)
    ]
    if not differing:
        return ""
    return f"without the keeper these are not kept as written: {', '.join(differing)}"


def _message(traces: Traces, name: str) -> str:
    info = traces.info
    if info is None:
        return "supervisord does not know it"
    if traces.launching:
        return "is being started"
    error = traces.run.error if traces.run is not None and not traces.live else ""
    if name in {"backoff", "failed"}:
        status = f"exited with code {info['exitstatus']}" if info["exitstatus"] else ""
        return error or status or str(info["spawnerr"]) or "exited"
    return _approximated(traces) if name == "running" else ""
