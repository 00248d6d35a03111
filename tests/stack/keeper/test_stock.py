from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import xmlrpc.client
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.testing import eventually

from .world import SPEC, World

pytestmark = pytest.mark.real


def supervisorctl(world: World, *words: str) -> str:
    """What supervisorctl says."""
    conf = world.state_dir / "ctl.conf"
    conf.write_text(f"[supervisorctl]\nserverurl=unix://{world.place.socket}\n")
    command = [sys.executable, "-W", "ignore", "-m", "supervisor.supervisorctl", "-c", str(conf)]
    return subprocess.run([*command, *words], capture_output=True, text=True, check=False).stdout


def test_supervisorctl_shows_and_stops_our_programs(any_world: World) -> None:
    """Stopped by hand, a program is not wanted; started by hand, it is."""
    any_world.shell("sleep 1000")
    any_world.until("running")
    assert "RUNNING" in supervisorctl(any_world, "status", "web-0")
    assert "stopped" in supervisorctl(any_world, "stop", "web-0")
    entry = any_world.entry()
    assert (entry["state"], entry["wanted"]) == ("stopped", False)
    assert "started" in supervisorctl(any_world, "start", "web-0")
    entry = any_world.entry()
    assert (entry["state"], entry["wanted"]) == ("running", True)
    assert entry["causes"][-1]["cause"] == "user"
    assert "no such process" in supervisorctl(any_world, "start", "nobody")


def test_update_does_not_touch_our_programs(world: World) -> None:
    """They are in no file, and remain."""
    pid = world.shell("sleep 1000")["pid"]
    assert world.stock("reloadConfig") == [[[], [], []]]
    supervisorctl(world, "update")
    assert world.entry()["pid"] == pid
    world.do("stop")
    world.until("stopped")
    supervisorctl(world, "remove", "web-0")
    assert world.entries() == {}


def test_a_reload_begins_anew(world: World) -> None:
    """Supervisord restarts itself: all stops, and the keeper is there again and works."""
    life = world.ask("hello", {})["life"]
    world.shell("sleep 1000", name="gone-0")
    supervisorctl(world, "reload")
    eventually(lambda: world.answers() and world.ask("hello", {})["life"] != life)
    assert world.kin("gone-0") == set()
    entry = world.shell("sleep 1000", backoff=0)
    os.kill(entry["pid"], signal.SIGKILL)
    world.until_live(other_than=entry["pid"])
    assert world.ask("changes", {"life": life, "since": 10**6})["all"]


def test_a_name_of_supervisords_own_is_refused(world: World) -> None:
    """The gateway is not the keeper's."""
    answer = world.ask("do", [["keep", "gateway", {"stamp": "s", "settings": {}}]])
    assert answer[0]["reason"] == "NameTaken"


def test_switched_off_it_is_stock(make_world: Callable[..., World]) -> None:
    """It says so, refuses the rest, and the listener runs."""
    world = make_world(RECONCILER_KEEPER="off")
    hello = world.ask("hello", {})
    assert (hello["mode"], hello["why"], hello["life"]) == ("off", "RECONCILER_KEEPER=off", "")
    with pytest.raises(xmlrpc.client.Fault, match="the keeper is off"):
        world.ask("changes", {"life": "", "since": 0})
    eventually(lambda: "RUNNING" in supervisorctl(world, "status", "events"))


def test_a_word_it_does_not_know_is_off(make_world: Callable[..., World]) -> None:
    """Supervisord works, and it is said."""
    world = make_world(RECONCILER_KEEPER="fast")
    assert world.ask("hello", {})["why"] == "RECONCILER_KEEPER=fast"
    assert world.stock("getState")["statename"] == "RUNNING"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("import supervisor.options as o; o.VERSION = '9.9.9'", ("off", "supervisor 9.9.9 is not")),
        ("import supervisor.process as p; del p.ProcessGroupBase.before_remove", ("off", "has no")),
        ("import supervisor.events as e; del e.ProcessGroupEvent", ("off", "ProcessGroupEvent")),
        ("import os; os.posix_spawn = None", ("plain", "no quick start")),
        ("import os; del os.waitid", ("plain", "no quick start")),
    ],
)
def test_what_it_does_not_know_it_leaves_alone(
    make_world: Callable[..., World], stack_dir: Path, change: str, expected: tuple[str, str]
) -> None:
    """Another supervisor or another system: less of the keeper or none, and supervisord works."""
    (stack_dir / "sitecustomize.py").write_text(change)
    world = make_world(PYTHONPATH=str(stack_dir))
    hello = world.ask("hello", {})
    assert hello["mode"] == expected[0]
    assert expected[1] in hello["why"]
    assert world.stock("getState")["statename"] == "RUNNING"


def test_it_says_what_it_is(world: World) -> None:
    """Its mode and versions, and a life of its own."""
    hello = world.ask("hello", {})
    assert (hello["interface"], hello["mode"], hello["why"]) == (1, "full", "")
    assert hello["supervisor"] == "4.3.0"
    assert len(hello["life"]) == 16
    with pytest.raises(xmlrpc.client.Fault):
        world.ask("programs", {})


def test_who_listens_is_told(world: World) -> None:
    """A datagram after each change of state, also of what supervisord keeps by itself."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(world.state_dir / "run/wake.sock"))
        ear.settimeout(5)
        world.shell("exit 1", backoff=100)
        # Changes that follow at once are told together.
        while ear.recv(100) != b"web-0" or world.entry()["state"] != "backoff":
            pass
        world.record("sleep", "1000", name="gateway")
        world.stock("startProcess", "gateway", False)
        while (name := ear.recv(100).decode()) == "web-0":
            pass
        assert name == "gateway"
    # Until it is what it is to be, nobody sees whose it is.
    eventually(lambda: world.kin("gateway"))


def test_the_gateway_leaves_no_stray(world: World) -> None:
    """What a program of supervisord's own left behind ends with it."""
    script = "setsid sleep 1007 & sleep 1000"
    world.record("/bin/sh", "-c", script, name="gateway")
    world.stock("startProcess", "gateway", False)
    before = eventually(lambda: len(kin := world.kin("gateway")) == 3 and kin)
    pid = world.stock("getProcessInfo", "gateway")["pid"]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: len(now := world.kin("gateway")) == 3 and not now & before)


def test_only_what_changed_is_told(world: World) -> None:
    """Since a version of the same life; since another one, all."""
    for number in range(3):
        world.shell("sleep 1000", name=f"p-{number}")
    world.until("running", name="p-2")
    life = world.ask("hello", {})["life"]
    told = world.ask("changes", {"life": life, "since": 0})
    assert (told["all"], len(told["programs"])) == (False, 3)
    version = told["version"]
    first = world.entry("p-1")["pid"]
    world.do("replace", "p-1", **SPEC | {"epoch": 1})
    world.until_live("p-1", other_than=first)
    told = world.ask("changes", {"life": life, "since": version})
    assert (set(told["programs"]), told["all"]) == ({"p-1"}, False)
    assert world.ask("changes", {"life": "another", "since": version})["all"]
    assert world.ask("changes", {"life": life, "since": told["version"]})["programs"] == {}


def test_others_are_told_as_supervisord_tells_them(any_world: World) -> None:
    """Whatever of it anybody asks; a word stands for all of it as long as nothing changes."""
    world = any_world
    (world.state_dir / "state/supervisor/strange.conf").write_text(
        "[program:strange]\ncommand=/bin/sleep 1000\nautostart=false\n"
        f"stdout_logfile={world.state_dir}/log/strange.log\n"
    )
    world.stock("reloadConfig")
    world.stock("addProcessGroup", "strange")
    world.shell("exec sleep 1000")

    def told(known: str = "") -> dict[str, Any]:
        asked = {"life": "", "since": 0, "others": known}
        return dict(world.ask("changes", asked)["others"])

    idle = told()
    assert told(idle["word"]) == {"word": idle["word"]}
    world.stock("startProcess", "strange")
    running = told(idle["word"])
    [info] = [one for one in running["processes"] if one["name"] == "strange"]
    assert all(one["name"] != "web-0" for one in running["processes"])
    stock = world.stock("getProcessInfo", "strange")
    assert {key: info[key] for key in info if key != "now"} == {
        key: stock[key] for key in info if key != "now"
    }
    assert info["pid"]
