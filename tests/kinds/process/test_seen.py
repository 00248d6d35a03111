from __future__ import annotations

from typing import Any

import pytest

from reconciler.clients.supervisord import RunState
from reconciler.core.model import HealthCode, Observed
from reconciler.kinds.process import KIND
from reconciler.kinds.process.records import Record, RunRecord
from reconciler.kinds.process.sections import Section
from reconciler.kinds.process.seen import Traces, observe
from reconciler.kinds.process.state import Program, digest, stamp

OLD = Program(argv=("old",), priority=1)
NEW = Program(argv=("new",), priority=2)


def info(state: RunState, **more: Any) -> dict[str, Any]:
    live = state in {RunState.STARTING, RunState.RUNNING, RunState.STOPPING}
    base = {"pid": 7 if live else 0, "state": state, "statename": state.name, "start": 10}
    base |= {"now": 15, "exitstatus": 0, "spawnerr": "", "logfile": "l"}
    return base | more


def record(program: Program) -> Record:
    return Record(program, digest(program), "r1")


def run(program: Program, pid: int = 7, error: str = "") -> RunRecord:
    return RunRecord(program, digest(program), "r0", pid, 99, stamp(program), error)


def see(state: RunState | None = None, **traces: Any) -> Observed[Program]:
    known = {"record": record(OLD), "section": Section(stamp(OLD), intact=True)} | traces
    seen = None if state is None else info(state, **known.pop("info", {}))
    return observe(Traces("web-0", info=seen, start_time=99, ours=True, **known))


def test_what_runs_is_what_its_run_record_says() -> None:
    """A newer start record is not the truth of what runs, and what disagrees is not installed."""
    seen = see(RunState.RUNNING, run=run(OLD), record=record(NEW))
    assert (seen.state.argv, seen.state.priority, seen.state.started) == (("old",), 1, True)
    assert not seen.state.installed
    assert see(RunState.RUNNING, run=run(OLD)).state.installed
    assert seen.vitals["revision"] == "r0"
    assert seen.vitals["uptime"] == 5


def test_a_run_record_of_another_process_says_nothing() -> None:
    """A pid that was used again does not stand for what ran before; such a process drifts."""
    assert see(RunState.RUNNING, run=run(OLD, pid=8)).state.argv == ()
    assert see(RunState.RUNNING, run=None).state.argv == ()


def test_a_launcher_is_what_it_is_about_to_become() -> None:
    """A start under way is no drift."""
    seen = see(RunState.STARTING, run=run(NEW, pid=8), launching=True)
    assert (seen.state.argv, seen.state.started) == (("old",), True)
    assert KIND.health(seen).code is HealthCode.PROGRESSING


def test_what_is_stopped_would_run_as_on_disk() -> None:
    """The start record and the file say what it is; a file that disagrees with it shows."""
    seen = see(RunState.STOPPED, record=record(NEW))
    assert (seen.state.argv, seen.state.priority, seen.state.started) == (("new",), 1, False)
    assert not seen.state.installed
    assert not see(RunState.STOPPED, section=Section(stamp(OLD), intact=False)).state.installed
    assert not see(None).state.installed
    assert not see(RunState.STOPPED, record=None).state.installed


@pytest.mark.parametrize(
    ("ended", "started", "name", "code"),
    [
        ((RunState.STOPPED, "always", 0), False, "stopped", HealthCode.SUSPENDED),
        ((RunState.STARTING, "always", 0), True, "starting", HealthCode.PROGRESSING),
        ((RunState.RUNNING, "always", 0), True, "running", HealthCode.HEALTHY),
        ((RunState.BACKOFF, "always", 0), True, "backoff", HealthCode.DEGRADED),
        ((RunState.STOPPING, "always", 0), True, "stopping", HealthCode.PROGRESSING),
        ((RunState.FATAL, "always", 0), False, "failed", HealthCode.DEGRADED),
        ((RunState.EXITED, "always", 0), True, "backoff", HealthCode.DEGRADED),
        ((RunState.EXITED, "never", 0), True, "completed", HealthCode.HEALTHY),
        ((RunState.EXITED, "never", 3), True, "failed", HealthCode.DEGRADED),
        ((RunState.EXITED, "onFailure", 0), True, "completed", HealthCode.HEALTHY),
        ((RunState.EXITED, "onFailure", 3), True, "backoff", HealthCode.DEGRADED),
        ((RunState.UNKNOWN, "always", 0), False, "unknown", HealthCode.UNKNOWN),
    ],
)
def test_states_in_the_words_of_the_guide(
    ended: tuple[RunState, str, int], started: bool, name: str, code: HealthCode
) -> None:
    """Started is what need not be started; an end that was meant is no drift."""
    state, policy, exit_status = ended
    program = Program(argv=("x",), restart=policy)  # type: ignore[arg-type]
    seen = see(
        state,
        record=record(program),
        section=Section(stamp(program), intact=True),
        run=run(program),
        info={"exitstatus": exit_status},
    )
    assert (seen.state.started, seen.vitals["state"]) == (started, name)
    assert KIND.health(seen).code is code


def test_what_is_met_follows_the_state() -> None:
    """Dependents of a running process may start; those of one in backoff wait."""
    assert KIND.meets(see(RunState.RUNNING, run=run(OLD)), "ready")
    assert KIND.meets(see(RunState.STARTING, run=run(OLD)), "started")
    assert not KIND.meets(see(RunState.STARTING, run=run(OLD)), "ready")
    assert not KIND.meets(see(RunState.BACKOFF), "started")


def test_a_failure_says_why() -> None:
    """The launcher's own words win over supervisord's."""
    seen = see(RunState.BACKOFF, run=run(OLD, error="no folder"), info={"spawnerr": "too quickly"})
    assert KIND.health(seen).message == "no folder"
    seen = see(RunState.BACKOFF, info={"spawnerr": "too quickly"})
    assert KIND.health(seen).message == "too quickly"


def test_others_are_not_ours() -> None:
    """A program without traces of ours, and the stack's own, are seen and not owned."""
    foreign = observe(Traces("theirs", info=info(RunState.RUNNING)))
    assert (foreign.owned, foreign.state.argv, foreign.state.started) == (False, (), True)
    system = observe(Traces("gateway", info=info(RunState.RUNNING), ours=True))
    assert (system.owned, system.vitals["system"]) == (False, True)


def test_what_is_not_kept_as_written_is_said() -> None:
    """A stock supervisord knows no limit of retries; what is as usual is not worth a word."""
    assert KIND.health(see(RunState.RUNNING, run=run(OLD))).message == "running"
    wish = OLD.model_copy(update={"max_retries": -1, "memory": 1 << 30})
    said = KIND.health(see(RunState.RUNNING, run=run(OLD), record=record(wish))).message
    assert said.endswith("restart.maxRetries, limits.memory")
