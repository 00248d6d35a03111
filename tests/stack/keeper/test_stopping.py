from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from reconciler.stack.keeper import families
from reconciler.stack.keeper.ending import Ending
from reconciler.stack.keeper.policy import Settings
from reconciler.testing import eventually

from .world import SPEC, World

pytestmark = pytest.mark.real

FAMILY = "sleep 1007 & setsid sleep 1007 & (setsid sh -c 'sleep 1007 & sleep 1007' &) ; sleep 1007"


def start_family(world: World, script: str = FAMILY, **settings: object) -> set[int]:
    world.shell(script, **settings)
    return set(eventually(lambda: len(kin := sleepers(world)) == 5 and kin))


def sleepers(world: World) -> set[int]:
    asleep = b"sleep\x001007\x00"
    return {pid for pid in world.kin() if Path(f"/proc/{pid}/cmdline").read_bytes() == asleep}


def test_stopped_means_stopped(any_world: World) -> None:
    """What left the group or the session goes too, and only then is it stopped."""
    start_family(any_world)
    any_world.do("stop")
    assert not any_world.until("stopped")["wanted"]
    assert any_world.kin() == set()


@pytest.mark.parametrize("end", ["stop", "crash"])
def test_who_forgets_its_name_is_known_by_its_output(world: World, end: str) -> None:
    """An orphan with an empty environment still writes where the process does."""
    pid = world.shell("(env -i setsid sh -c 'echo $$; exec sleep 1007' &) ; exec sleep 1007")["pid"]
    orphan = int(eventually(world.log)[0].split()[-1])
    os.kill(pid, signal.SIGKILL) if end == "crash" else world.do("stop")
    eventually(lambda: not Path(f"/proc/{orphan}/exe").exists())


def test_a_crash_leaves_nothing_to_the_next_life(any_world: World) -> None:
    """The remains of a killed process end before it is started again."""
    before = start_family(any_world, backoff=0.05)
    os.kill(any_world.entry()["pid"], signal.SIGKILL)
    eventually(lambda: len(now := sleepers(any_world)) == 5 and not now & before, 20)


def test_who_does_not_listen_is_killed(world: World) -> None:
    """After the grace, with all that does not listen either."""
    deaf = "trap '' TERM; setsid sh -c \"trap '' TERM; while :; do sleep 1000; done\" & "
    world.shell(deaf + "while :; do sleep 1000; done", grace=0.6)
    eventually(lambda: len(world.kin()) == 4)
    began = time.monotonic()
    world.do("stop")
    assert world.entry()["state"] == "stopping"
    assert world.until("stopped")["last"]["signal"] == "KILL"
    assert time.monotonic() - began > 0.5
    assert world.kin() == set()


def test_what_outlives_the_process_is_asked_before_it_is_killed(world: World) -> None:
    """An escaped child may finish what it does, within the grace."""
    # Its own child is asked too, and may be gone before it is: then it goes on.
    wait = "while :; do sleep 1000 & wait; done"
    child = f"setsid sh -c \"trap 'sleep 0.3; echo finished; exit' TERM; {wait}\" &"
    world.shell(f"{child} exec sleep 1000")
    eventually(lambda: len(world.kin()) == 3)
    world.do("stop")
    world.until("stopped")
    assert any(line.endswith("finished") for line in world.log())
    assert world.kin() == set()


def test_a_stopped_process_can_be_stopped(world: World) -> None:
    """One that SIGSTOP holds hears the signal all the same."""
    os.kill(world.shell("sleep 1000")["pid"], signal.SIGSTOP)
    world.do("stop")
    assert world.until("stopped")["last"]["signal"] == "TERM"


def test_another_signal_may_stop_it(world: World) -> None:
    """The one its settings name."""
    world.shell("trap 'exit 9' USR1; while :; do sleep 0.05; done", stopSignal="USR1")
    eventually(lambda: len(world.kin()) == 2)  # it sleeps: the trap is set
    world.do("stop")
    assert world.until("stopped")["last"]["code"] == 9


def test_something_runs_before_the_stop(world: World) -> None:
    """With the program's environment and log, while the program still runs."""
    hook = [
        "/bin/sh",
        "-c",
        "echo draining $RECONCILER_PROCESS; kill -0 $(cat $STACK/pid) && echo yes",
    ]
    world.shell("echo $$ > $STACK/pid; exec sleep 1000", preStop=hook)
    eventually((world.state_dir / "pid").exists)
    world.do("stop")
    world.until("stopped")
    said = [line.split(" ", 3)[3] for line in world.log()]
    assert said == ["draining web-0", "yes"]
    assert world.entry()["warning"] is None


def test_what_runs_before_the_stop_counts_into_the_grace(world: World) -> None:
    """A deaf program is killed once the grace is over, not a second grace later."""
    deaf = "trap '' TERM; while :; do sleep 1000; done"
    world.shell(deaf, preStop=["/bin/sleep", "4"], grace=5.0)
    eventually(lambda: len(world.kin()) == 2)
    began = time.monotonic()
    world.do("stop")
    assert world.until("stopped")["last"]["signal"] == "KILL"
    assert 4.8 < time.monotonic() - began < 8.5


def test_what_runs_before_the_stop_may_not_take_for_ever(world: World) -> None:
    """The grace is its bound; it and its children are killed, and the stop goes on."""
    world.shell("sleep 1000", preStop=["/bin/sh", "-c", "sleep 1000 & sleep 1000"], grace=0.4)
    began = time.monotonic()
    world.do("stop")
    assert world.until("stopped")["last"]["signal"] == "TERM"
    assert time.monotonic() - began > 0.3
    assert "not over in time" in world.entry()["warning"]["message"]
    eventually(lambda: world.kin() == set())


def test_a_hook_that_cannot_run_stops_nothing(world: World) -> None:
    """The stop goes on, and what went wrong is told."""
    cases = {
        "preStop cannot run: No such file or directory: /nowhere/hook": ["/nowhere/hook"],
        "preStop cannot run: nosuchhook: not found in PATH": ["nosuchhook", "x"],
        "preStop ended with exit code 9": ["/bin/sh", "-c", "exit 9"],
        "preStop ended with signal USR1": ["/bin/sh", "-c", "kill -USR1 $$"],
    }
    for number, (said, hook) in enumerate(cases.items()):
        world.shell("sleep 1000", f"p-{number}", preStop=hook)
        world.do("stop", f"p-{number}")
        warning = world.until("stopped", f"p-{number}")["warning"]
        assert warning["reason"] == "PreStopFailed"
        assert warning["message"].startswith(said)
    assert "preStop" in (world.state_dir / "log/supervisord.log").read_text()


def test_wanted_again_while_it_stops(world: World) -> None:
    """It stops to its end, and then begins."""
    first = world.shell("trap 'sleep 0.3; exit' TERM; sleep 1000 & wait")["pid"]
    world.do("stop")
    world.do("start", **SPEC | {"cause": "user"})
    entry = world.until_live(other_than=first)
    assert entry["wanted"]
    assert entry["causes"][-1]["cause"] == "user"


def test_removed_is_forgotten(world: World) -> None:
    """A live one is stopped first; asked again it stays gone."""
    entry = world.shell("sleep 1000")
    life = world.ask("hello", {})["life"]
    version = world.ask("changes", {"life": life, "since": 0})["version"]
    world.do("remove")
    eventually(lambda: world.entries() == {})
    assert not Path(f"/proc/{entry['pid']}").exists()
    changes = world.ask("changes", {"life": life, "since": version})
    assert changes["gone"] == ["web-0"]
    assert not changes["all"]
    world.do("remove")
    world.keep()
    assert world.entry()["restarts"] == 0


def test_waiting_and_stopped_leaves_no_ghost(world: World) -> None:
    """Stopped while it waits to be restarted, it stays stopped."""
    world.shell("exit 1", backoff=1.0)
    world.until("backoff")
    world.do("stop")
    assert world.entry()["state"] == "stopped"
    count = len(world.entry()["causes"])
    time.sleep(1.3)
    assert world.entry()["state"] == "stopped"
    assert len(world.entry()["causes"]) == count


def test_supervisord_stops_what_others_need_last(any_world: World) -> None:
    """Users first, what they need then, independent ones side by side; and nothing is left."""
    script = (
        "trap 'sleep 0.2; echo $RECONCILER_PROCESS >> $STACK/order; exit' TERM; sleep 1000 & wait"
    )
    needs = {"api": ["db"], "web": ["api"], "job": ["db"], "db": []}
    for family, after in needs.items():
        any_world.shell(script, name=f"{family}-0", family=family, after=after, priority=0)
    # Each has its sleep: the traps are set.
    eventually(lambda: all(len(any_world.kin(f"{family}-0")) == 2 for family in needs))
    process = any_world.process
    assert process is not None
    process.send_signal(signal.SIGTERM)
    eventually(lambda: process.poll() is not None or not any_world.answers(), 20)
    order = (any_world.state_dir / "order").read_text().split()
    assert order[-1] == "db-0"
    assert order.index("web-0") < order.index("api-0")
    assert sorted(order) == ["api-0", "db-0", "job-0", "web-0"]
    assert all(any_world.kin(f"{family}-0") == set() for family in needs)


def test_a_circle_of_needs_is_cut(world: World) -> None:
    """Programs that need each other stop together."""
    world.shell("sleep 1000", name="a-0", family="a", after=["b"])
    world.shell("sleep 1000", name="b-0", family="b", after=["a"])
    assert world.stop() == 0
    assert world.kin("a-0") | world.kin("b-0") == set()


def test_an_end_that_does_not_come_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """What belongs to another user cannot be killed; its pid is told, and it is tried again."""
    program = Mortal()
    ending = Ending(program, 0.0, asked=False)  # type: ignore[arg-type]
    ending.main_ended()
    monkeypatch.setattr(families, "group_lives", lambda _: True)
    monkeypatch.setattr(families, "signal_group", lambda *_: None)
    assert ending.look(0.0) is not None
    assert ending.look(1.1) is not None
    assert program.error == ""
    assert ending.look(7.0) is not None
    assert program.error == "does not end, not even killed: pid 4242; end it by hand"
    monkeypatch.setattr(families, "group_lives", lambda _: False)
    assert ending.look(8.0) is None


class Mortal:
    """As much of a program as its end asks for."""

    pid = 4242
    name = "web-0"
    error = ""
    settings = Settings(grace=1)
    keeper = SimpleNamespace(ring=lambda _: None)

    def strays(self) -> set[int]:
        """Nothing left its group."""
        return set()

    def touch(self) -> None:
        """Nobody listens."""
