from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from reconciler.stack.keeper.history import History
from reconciler.stack.keeper.lives import Lives
from reconciler.stack.kernel import start_time
from reconciler.stack.leftovers import end_earlier
from reconciler.testing import eventually
from reconciler.testing.process import running_stack

from .world import World


def test_how_long_it_waits_outlives_a_keeper() -> None:
    """Also where an earlier one wrote only of failures; good ends are no failures after it."""
    history = History.read({"failures": 3})
    assert (history.failures, history.brief) == (3, 3)
    history.counts(1, good=False)
    assert (history.failures, history.brief) == (4, 4)
    history.counts(1, good=True)
    again = History.read(history.line("web-0", 0, 0, "s1"))
    assert (again.failures, again.brief) == (0, 5)


def line(name: str = "web-0", **more: object) -> dict[str, object]:
    return {"name": name, "pid": 0, "born": 0, "stack": "s1", **more}


def test_the_last_line_is_the_truth(tmp_path: Path) -> None:
    """Of each name, in this life of the stack; a torn last line harms nobody."""
    path = tmp_path / "lives.jsonl"
    lives = Lives(path, "s1")
    for failures in range(3):
        lives.write(line(failures=failures))
    lives.write(line("gone-0"))
    lives.forget("gone-0")
    with path.open("a") as file:
        file.write('{"name": "web-0", "fail')
    again = Lives(path, "s1")
    assert again.of("web-0")["failures"] == 2
    assert again.of("gone-0") == {}
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(path.read_text().splitlines()) == 1
    assert Lives(path, "s2").of("web-0") == {}


def test_it_does_not_grow_for_ever(tmp_path: Path) -> None:
    """A program that crashes for days leaves a small file."""
    path = tmp_path / "lives.jsonl"
    lives = Lives(path, "s1")
    for failures in range(10_000):
        lives.write(line(failures=failures))
    assert path.stat().st_size < 600_000
    assert Lives(path, "s1").of("web-0")["failures"] == 9999


def test_a_place_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    """It is only not remembered, and only until it can be."""
    path = tmp_path / "nowhere/lives.jsonl"
    lives = Lives(path, "s1")
    lives.write(line(failures=1))
    assert lives.of("web-0")["failures"] == 1
    path.parent.mkdir()
    lives.write(line("api-0"))
    assert Lives(path, "s1").of("web-0")["failures"] == 1


def test_what_an_earlier_stack_left_is_found(world: World) -> None:
    """By the keeper's lives, though it carries no sign of the stack."""
    pid = world.shell("exec sleep 1000")["pid"]
    assert world.process is not None
    world.process.kill()
    assert start_time(pid)
    assert pid in end_earlier(world.state_dir, "another")
    eventually(lambda: start_time(pid) is None or not Path(f"/proc/{pid}/exe").exists())


@pytest.mark.real
def test_a_keeper_that_dies_forgets_nothing(make_world: Callable[..., World]) -> None:
    """Counters, epochs and what has completed are there again; another stack begins anew."""
    world = make_world()
    world.shell("echo ran", name="job-0", mode="oneshot")
    world.until("completed", "job-0")
    world.shell("exit 1", backoff=0.05, maxBackoff=60)
    eventually(lambda: world.entry()["failures"] >= 4)
    world.do("replace", epoch=7, cause="drift", detail="")
    before = world.until("backoff")
    assert world.process is not None
    world.process.kill()
    world.process.wait()
    again = make_world()
    again.keep()
    again.keep("job-0", mode="oneshot")
    entry, job = again.entry(), again.entry("job-0")
    assert entry["state"] == "stopped"
    assert [entry[key] for key in ("epoch", "restarts", "digest")] == [7, before["restarts"], "d1"]
    assert entry["failures"] >= 4
    assert (job["state"], job["wanted"], job["digest"]) == ("completed", True, "d1")
    again.do("start", "job-0", epoch=0, cause="drift", detail="")
    assert again.entry("job-0")["state"] == "completed"
    assert len(again.log("job-0")) == 1
    again.do("start", epoch=7, cause="drift", detail="")
    assert again.entry()["causes"][0]["cause"] == "drift"
    again.stop()
    other = make_world(stack="s2")
    other.keep("job-0", mode="oneshot")
    assert other.entry("job-0")["state"] == "stopped"
    assert other.entry("job-0")["restarts"] == 0


@pytest.mark.real
def test_what_was_given_up_stays_so(make_world: Callable[..., World]) -> None:
    """Also for the next keeper, until a person, an edit or another way to keep it comes."""
    world = make_world()
    for name in ("bad-0", "poor-0"):
        world.shell("echo ran; exit 3", name=name, policy="never")
        world.until("failed", name)
    assert world.process is not None
    world.process.kill()
    world.process.wait()
    again = make_world()
    again.keep("bad-0", policy="never")
    again.do("start", "bad-0", epoch=0, cause="drift", detail="")
    assert (again.entry("bad-0")["state"], again.entry("bad-0")["wanted"]) == ("failed", True)
    assert len(again.log("bad-0")) == 1
    again.do("start", "bad-0", epoch=0, cause="user", detail="")
    eventually(lambda: len(again.log("bad-0")) == 2)
    again.keep("poor-0", policy="never", stamp="another")
    eventually(lambda: len(again.log("poor-0")) == 2)


@pytest.mark.real
def test_a_killed_supervisord_leaves_no_orphan(stack_dir: Path) -> None:
    """Under its parent: all that it kept has ended before the next keeper answers."""
    with running_stack(stack_dir):
        world = World(stack_dir)
        eventually(world.answers)
        life = world.ask("hello", {})["life"]
        world.shell("setsid sleep 1007 & sleep 1000", backoff=0.1)
        before = eventually(lambda: len(kin := world.kin()) == 3 and kin)
        os.kill(int((stack_dir / "run/supervisord.pid").read_text()), signal.SIGKILL)
        eventually(lambda: world.answers() and world.ask("hello", {})["life"] != life, 20)
        assert not world.kin() & before
        world.keep()
        assert world.entry()["state"] == "stopped"
        world.do("start", epoch=0, cause="drift", detail="")
        assert world.entry()["restarts"] == 1
        lines = (stack_dir / "run/lives.jsonl").read_text().splitlines()
        assert json.loads(lines[-1])["pid"] == world.entry()["pid"]
    for pid in world.kin():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            pytest.fail(f"{pid} outlived the stack")
