from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from reconciler.testing import eventually

from .world import SPEC, World

pytestmark = pytest.mark.real


def starts(world: World) -> list[float]:
    """When a script that tells its start was started."""
    return [float(line.split()[-1]) for line in world.log() if "began" in line]


TELL = "echo began $(date +%s.%N)"


def delays(world: World, count: int, seconds: float) -> list[float]:
    eventually(lambda: len(starts(world)) > count, seconds, every=0.1)
    times = starts(world)[: count + 1]
    return [later - earlier for earlier, later in pairwise(times)]


def test_a_crash_loop_waits_longer_and_longer(world: World) -> None:
    """Each start is later than the one before, up to the longest wait; measured on a process."""
    world.shell(f"{TELL}; exit 3", backoff=0.1, maxBackoff=0.8)
    measured = delays(world, 6, 10)
    for got, expected in zip(measured, [0.1, 0.2, 0.4, 0.8, 0.8, 0.8], strict=True):
        assert expected <= got < expected + 2  # without a longest wait, the last is 3.2
    entry = world.until("backoff")
    assert entry["last"]["code"] == 3
    assert entry["last"]["signal"] is None
    assert entry["restarts"] == len(entry["causes"]) >= 6
    assert entry["causes"][-1]["cause"] == "crash"
    assert entry["causes"][-1]["detail"] == "exit code 3"
    assert entry["next"] > time.time() - 1


@pytest.mark.soak
@pytest.mark.timeout(200)
def test_the_usual_back_off_in_real_time(world: World) -> None:
    """1, 2, 4, 8, 16, 30 and 30 seconds."""
    world.shell(f"{TELL}; exit 1")
    for got, expected in zip(delays(world, 7, 150), [1, 2, 4, 8, 16, 30, 30], strict=True):
        assert expected <= got < expected + 0.5


def test_a_healthy_life_is_a_new_beginning(world: World) -> None:
    """After enough uptime the row of failures is forgotten, and the next one waits the least."""
    count = "n=$(ls $STACK/run/n.* | wc -l); : > $STACK/run/n.$n"
    (world.state_dir / "run/n.x").touch()
    script = f"{count}; test $n -lt 3 && exit 1; sleep 1000"
    world.shell(script, backoff=0.05, healthyAfter=1.0)
    eventually(lambda: (e := world.entry())["restarts"] == 2 and e["failures"] == 0)
    entry = world.until_live()
    os.kill(entry["pid"], signal.SIGKILL)
    after = world.until_live(other_than=entry["pid"])
    assert after["failures"] == 1
    assert after["causes"][-1]["detail"] == "signal KILL"
    assert after["last"]["signal"] == "KILL"


def test_a_program_gives_up_when_it_may(world: World) -> None:
    """After its retries it has failed; another way of keeping it is another chance."""
    world.shell("exit 1", backoff=0.02, maxRetries=2)
    entry = world.until("failed")
    assert (entry["failures"], entry["restarts"], entry["next"]) == (3, 2, None)
    assert entry["wanted"]
    world.keep(stamp="other", backoff=0.02, maxRetries=0)
    assert world.until("failed")["restarts"] == 3
    world.do("start", epoch=0, cause="user", detail="by hand")
    entry = eventually(lambda: (e := world.entry())["restarts"] == 4 and e)
    assert entry["causes"][-1]["cause"] == "user"


def test_a_good_end_is_no_failure(world: World) -> None:
    """What always runs begins again for ever; it waits longer each time, and is not given up."""
    world.shell(f"{TELL}; exit 0", backoff=0.05, maxBackoff=0.4, maxRetries=1)
    measured = delays(world, 5, 10)
    assert all(got >= least for got, least in zip(measured, [0.05, 0.1, 0.2, 0.4], strict=False))
    entry = world.until("backoff")
    assert (entry["failures"], entry["error"]) == (0, "")
    assert {one["cause"] for one in entry["causes"]} == {"end"}
    assert entry["causes"][-1]["detail"] == "exit code 0"


def test_a_good_end_is_the_end_of_a_row(world: World) -> None:
    """Two bad ends in a row are too many here; a good one between them makes two rows of it."""
    name = "n=$(ls $STACK/run/n.* | wc -l); : > $STACK/run/n.$n"
    (world.state_dir / "run/n.x").touch()
    world.shell(f"{name}; test $n -lt 7 && exit $((n % 2)); exit 1", backoff=0.01, maxRetries=1)
    entry = world.until("failed")
    assert (entry["failures"], entry["restarts"]) == (2, 7)
    assert [one["cause"] for one in entry["causes"]] == ["crash", "end"] * 3 + ["crash"]


def test_minus_one_is_for_ever(world: World) -> None:
    """Many failures later it is still tried."""
    world.shell("exit 1", backoff=0.01, maxBackoff=0.01, maxRetries=-1)
    eventually(lambda: world.entry()["failures"] > 40, 20)
    assert world.entry()["state"] != "failed"


def test_an_end_is_judged(world: World) -> None:
    """By the policy and by what counts as success."""
    cases: list[tuple[int, dict[str, object], str]] = [
        (0, {"policy": "onFailure"}, "completed"),
        (0, {"policy": "never"}, "completed"),
        (1, {"policy": "never"}, "failed"),
        (7, {"policy": "onFailure", "successExitCodes": [0, 7]}, "completed"),
        (0, {"policy": "onFailure", "successExitCodes": [7]}, "backoff"),
        (0, {"mode": "oneshot"}, "completed"),
        (1, {"mode": "oneshot"}, "backoff"),
        (1, {"mode": "oneshot", "policy": "never"}, "failed"),
        (0, {"policy": "always"}, "backoff"),
    ]
    for number, (code, settings, state) in enumerate(cases):
        world.shell(f"exit {code}", f"p-{number}", backoff=100, **settings)
        assert world.until(state, f"p-{number}")["last"]["code"] == code


def test_a_signal_without_a_name_is_told_by_its_number(world: World) -> None:
    """A process may die of one that Python has no word for."""
    world.shell("kill -40 $$", policy="never")
    assert world.until("failed")["last"]["signal"] == "40"


def test_no_back_off_is_quick(world: World) -> None:
    """With none wanted, a crashed program is there again at once."""
    pid, took = world.shell("sleep 1000", backoff=0)["pid"], []
    for _ in range(4):
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        pid = world.until_live(other_than=pid)["pid"]
        took.append(time.monotonic() - began)
    assert min(took) < 0.5  # supervisord's own way is a tick of a second; a machine may be busy


def test_what_has_completed_runs_once(world: World) -> None:
    """The same start said again does nothing; another epoch does."""
    world.shell("echo ran", mode="oneshot")
    world.until("completed")
    world.do("start", epoch=1, cause="spec", detail="")
    world.do("start", epoch=1, cause="spec", detail="")
    world.do("replace", epoch=1, cause="spec", detail="")
    world.until("completed")
    eventually(lambda: len(world.log()) == 2)
    assert world.entry()["epoch"] == 1


def test_a_planned_program_waits_for_its_time(world: World) -> None:
    """It is armed, runs when told, once for each time, and is armed again."""
    assert world.shell("echo ran; exit $(cat $STACK/code)", mode="cron")["state"] == "armed"
    assert world.entry()["digest"] == "d1"
    (world.state_dir / "code").write_text("0")
    for due in ("04:00", "04:00", "05:00"):
        world.do("run", cause="schedule", detail=due, concurrency="forbid")
        eventually(lambda: world.entry()["state"] == "armed" and world.entry()["last"])
    assert len(world.log()) == 2
    assert world.entry()["causes"][-1] | {"at": 0} == {
        "at": 0,
        "cause": "schedule",
        "detail": "05:00",
    }
    assert world.entry()["restarts"] == 0
    (world.state_dir / "code").write_text("1")
    world.do("run", cause="schedule", detail="06:00", concurrency="forbid")
    assert world.until("backoff")["failures"] == 1


def test_a_person_does_not_wait_for_its_time(world: World) -> None:
    """A restart by hand is a run, now; one for an edit is not."""
    world.shell("echo ran", mode="cron")
    world.do("replace", epoch=1, cause="user", detail="")
    eventually(lambda: world.entry()["state"] == "armed" and world.entry()["last"])
    world.do("replace", epoch=2, cause="spec", detail="")
    assert (world.entry()["state"], len(world.log())) == ("armed", 1)


def test_a_run_that_is_still_under_way(world: World) -> None:
    """Another one is forbidden, or takes its place."""
    world.shell("sleep 1000", mode="cron")
    world.do("run", cause="schedule", detail="1", concurrency="forbid")
    first = world.until_live()["pid"]
    world.do("run", cause="schedule", detail="2", concurrency="forbid")
    assert world.entry()["pid"] == first
    world.do("run", cause="schedule", detail="3", concurrency="replace")
    assert world.until_live(other_than=first)["causes"][-1]["detail"] == "3"
    world.do("stop")
    world.until("stopped")
    refused = world.ask("do", [["run", "web-0", {"cause": "schedule", "detail": "4"}]])
    assert refused[0]["reason"] == "NotStarted"


def test_the_loop_without_patches_keeps_programs_too(
    make_world: Callable[..., World],
) -> None:
    """Nothing wakes it up, but a look once a second is enough."""
    world = make_world(RECONCILER_KEEPER="plain")
    assert world.ask("hello", {})["mode"] == "plain"
    entry = world.shell("sleep 1000", backoff=0.1)
    os.kill(entry["pid"], signal.SIGKILL)
    entry = world.until_live(other_than=entry["pid"])
    world.do("replace", **SPEC | {"epoch": 1})
    entry = world.until_live(other_than=entry["pid"])
    world.do("stop")
    world.until("stopped")
    assert world.kin() == set()
