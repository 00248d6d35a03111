from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.testing import eventually

from .world import World

pytestmark = pytest.mark.real

OFTEN = 5


def run(world: World, due: str, concurrency: str = "allow") -> int:
    """One more run; its pid."""
    before = world.entry()["pid"]
    world.do("run", cause="schedule", detail=due, concurrency=concurrency)
    return int(world.until_live(other_than=before)["pid"])


def three_runs(world: World, script: str = "exec sleep 1000", **settings: object) -> list[int]:
    world.shell(script, mode="cron", **settings)
    found = [run(world, str(number)) for number in range(3)]
    eventually(lambda: all(map(gone_on, found)))
    return found


def gone_on(pid: int) -> bool:
    """Whether it has become what it is to be."""
    return b"supervisord" not in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_runs_go_on_side_by_side(any_world: World) -> None:
    """Each with the same name and log; one that ends disturbs no other; then it waits again."""
    world = any_world
    script = "echo begun $$; until test -e $STACK/end-$$; do sleep 0.05; done; echo over $$"
    pids = three_runs(world, script)
    assert sorted(world.entry()["runs"]) == sorted(pids)
    for number, pid in enumerate((pids[1], pids[2], pids[0])):
        (world.state_dir / f"end-{pid}").touch()
        eventually(lambda pid=pid: any(f"over {pid}" in line for line in world.log()))
        eventually(lambda: len(world.entry().get("runs", [0])) == max(1, 2 - number))
    assert world.until("armed")["last"]["code"] == 0
    said = sorted(line.split(" ", 3)[3] for line in world.log())
    assert said == sorted([f"begun {pid}" for pid in pids] + [f"over {pid}" for pid in pids])
    assert world.kin() == set()


@pytest.mark.parametrize("verb", ["stop", "remove"])
def test_a_stop_ends_all_runs(any_world: World, verb: str) -> None:
    """At the same time, with all that belongs to them."""
    three_runs(any_world, "setsid sleep 1000 & exec sleep 1000")
    eventually(lambda: len(any_world.kin()) == 6)
    any_world.do(verb)
    eventually(lambda: any_world.kin() == set())
    if verb == "stop":
        assert any_world.until("stopped")["pid"] == 0
    eventually(lambda: verb == "stop" or any_world.entries() == {})


def test_deaf_runs_have_one_grace_together(world: World) -> None:
    """Not one after the other."""
    three_runs(world, "trap '' TERM; while :; do sleep 1000; done", grace=3.0)
    began = time.monotonic()
    world.do("stop")
    world.until("stopped")
    assert 2.9 < time.monotonic() - began < 8
    assert world.kin() == set()


def test_each_run_hears_the_signal_once(world: World) -> None:
    """A second one may mean something else to it."""
    script = "trap 'echo heard' TERM; i=0; while [ $i -lt 20 ]; do sleep 0.05; i=$((i+1)); done"
    script += "; echo waits; trap 'echo heard; sleep 0.5; exit' TERM; while :; do sleep 0.05; done"
    three_runs(world, script)
    eventually(lambda: sum("waits" in line for line in world.log()) == 3)
    world.do("stop")
    world.until("stopped")
    assert sum("heard" in line for line in world.log()) == 3


def test_another_program_takes_the_place_of_all_runs(world: World) -> None:
    """A replacement by hand ends them, and is one run."""
    pids = three_runs(world)
    world.do("replace", epoch=1, cause="user", detail="")
    eventually(
        lambda: world.entry()["pid"] not in {0, *pids} and world.kin() == {world.entry()["pid"]}
    )
    pid = run(world, "9", "replace")
    assert pid not in pids
    eventually(lambda: world.kin() == {pid})  # a copy of supervisord until it is the program


def test_a_run_that_fails_beside_others_is_not_tried_again(world: World) -> None:
    """The last one is, as the policy says."""
    pids = three_runs(world, backoff=0.05)
    os.kill(pids[0], signal.SIGKILL)
    eventually(lambda: sorted(world.entry()["runs"]) == sorted(pids[1:]))
    assert world.entry()["last"]["signal"] == "KILL"
    os.kill(pids[2], signal.SIGKILL)
    eventually(lambda: "runs" not in world.entry())
    assert world.entry()["pid"] == pids[1]
    os.kill(pids[1], signal.SIGKILL)
    assert world.until_live(other_than=pids[1])["pid"] not in pids


def test_a_run_that_cannot_be_started_leaves_the_others_alone(world: World) -> None:
    """It says why, and nothing of it stays open."""
    pids = three_runs(world)
    assert world.process is not None
    files = Path(f"/proc/{world.process.pid}/fd")
    before = len(list(files.iterdir()))
    world.record("/bin/no-such-program")
    for due in range(OFTEN):
        told = {"cause": "schedule", "detail": f"8{due}", "concurrency": "allow"}
        [refused] = world.ask("do", [["run", "web-0", told]])
        assert "no-such-program" in refused["message"]
    assert sorted(world.entry()["runs"]) == sorted(pids)
    # One connection more or less may just be coming or going.
    assert len(list(files.iterdir())) < before + OFTEN


def test_supervisord_ends_with_all_runs(make_world: Callable[..., World]) -> None:
    """In order, and nothing stays behind."""
    world = make_world()
    three_runs(world)
    assert world.stop() == 0
    assert world.kin() == set()
    world.process = None
