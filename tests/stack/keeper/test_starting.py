from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.testing import eventually

from .world import SPEC, World

pytestmark = pytest.mark.real

DUMP = (
    "import json,os,resource,signal,sys;"
    "m=os.umask(0);"
    "json.dump({'argv':sys.argv[2:],'env':dict(os.environ),'cwd':os.getcwd(),'umask':m,"
    "'uid':os.getuid(),'gid':os.getgid(),'groups':os.getgroups(),'sid':os.getsid(0)==os.getpid(),"
    "'mask':list(signal.pthread_sigmask(0,())),"
    "'files':resource.getrlimit(resource.RLIMIT_NOFILE)[0],"
    "'processes':resource.getrlimit(resource.RLIMIT_NPROC)[0],'nice':os.nice(0),"
    "'fresh':'NoNewPrivs:\\t1' in open('/proc/self/status').read(),"
    "'fds':sorted(os.listdir('/proc/self/fd'))},"
    "open(sys.argv[1]+'.new','w'));"
    "os.rename(sys.argv[1]+'.new',sys.argv[1])"
)
NASTY = (
    "a \"b\" 'c' %d %(ENV_HOME)s ; # \\ \n\t, = ü € 𝄞 $HOME `x` \x01 ]]> <!--XSUPERVISOR:BEGIN-->"
)


def dump(world: World, *arguments: str, **record: Any) -> dict[str, Any]:
    """What a program was given, told by itself."""
    out = world.state_dir / "dump.json"
    out.unlink(missing_ok=True)
    world.record(sys.executable, "-S", "-c", DUMP, str(out), *arguments, **record)
    world.keep(mode="oneshot", policy="never")
    world.do("start", epoch=0, cause="user", detail="")
    eventually(lambda: world.entry()["error"] or out.exists())
    assert world.entry()["error"] == ""
    eventually(lambda: not world.entry()["pid"])  # one that still runs is not started again
    return dict(json.loads(out.read_text()))


@pytest.fixture(params=["quick", "careful"])
def way(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What makes a record take one way to start, or the other."""
    return {} if request.param == "quick" else {"limits": {"noNewPrivileges": True}}


def test_bytes_arrive_as_they_are(world: World, way: dict[str, Any]) -> None:
    """Nothing is quoted, expanded or cut; 100 kB neither."""
    long = "".join(random.Random(1).choices(NASTY, k=100_000))
    seen = dump(world, NASTY, "", long, env={"N": NASTY, "LONG": long, "EMPTY": ""}, **way)
    assert seen["argv"] == [NASTY, "", long]
    assert (seen["env"]["N"], seen["env"]["LONG"], seen["env"]["EMPTY"]) == (NASTY, long, "")


def test_bytes_that_are_no_text_arrive(world: World) -> None:
    """A value that was never text goes through."""
    wild = os.fsdecode(b"\xff\xfe\x80")
    seen = dump(world, wild, env={"W": wild})
    assert (seen["argv"], seen["env"]["W"]) == ([wild], wild)


def test_the_child_is_clean(make_world: Callable[..., World], way: dict[str, Any]) -> None:
    """It has what is declared, the usual limits and signals, and none of supervisord's files."""
    world = make_world(INHERITED="yes", HIDDEN="no", RECONCILER_OPEN_FILES="777")
    seen = dump(world, inherit=["INHERITED"], umask="027", cwd=str(world.state_dir), **way)
    assert set(seen["env"]) - {"LC_CTYPE"} == {"RECONCILER_PROCESS", "PATH", "STACK", "INHERITED"}
    assert (seen["umask"], seen["cwd"], seen["files"]) == (0o27, str(world.state_dir), 777)
    assert seen["sid"]
    assert seen["mask"] == []
    assert set(seen["fds"]) <= {"0", "1", "2", "3"}  # 3 is the folder being listed


def test_no_signal_is_ignored(world: World, way: dict[str, Any]) -> None:
    """Python ignores some; a program expects to die of them."""
    world.record("sed", "-n", "/^SigIgn/p;/^SigBlk/p", "/proc/self/status", **way)
    world.keep(mode="oneshot")
    world.do("start", **SPEC)
    world.until("completed")
    # The C library keeps two above the usual 31 for itself.
    assert [int(line.split()[-1], 16) & 0x7FFFFFFF for line in world.log()] == [0, 0]


def test_supervisord_gets_back_what_it_lent(world: World) -> None:
    """After hundreds of starts and refusals it is where it was, with the umask it had."""
    process = world.process
    assert process is not None
    status = Path(f"/proc/{process.pid}/status")
    before = [line for line in status.read_text().splitlines() if line.startswith("Umask")]
    limits = Path(f"/proc/{process.pid}/limits").read_text()
    for cwd in ("/", str(world.state_dir), "/nowhere"):
        world.record("/bin/true", cwd=cwd, umask="077", limits={"openFiles": 33})
        world.keep(mode="oneshot", policy="never")
        world.do("start", epoch=0, cause="user", detail="")
    assert Path(f"/proc/{process.pid}/cwd").resolve() == world.state_dir
    assert [line for line in status.read_text().splitlines() if line.startswith("Umask")] == before
    assert Path(f"/proc/{process.pid}/limits").read_text() == limits


def test_limits_are_set(world: World) -> None:
    """Open files, processes, niceness and privileges, each as the record says."""
    limits = {"openFiles": 99, "processes": 5000, "niceness": 15, "noNewPrivileges": True}
    seen = dump(world, limits=limits)
    assert (seen["files"], seen["processes"], seen["fresh"]) == (99, 5000, True)
    assert seen["nice"] == 15
    assert dump(world, limits={"openFiles": 123})["files"] == 123


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may change the user")
def test_root_gives_its_rights_away(world: World) -> None:
    """To the user the record names, groups too."""
    world.state_dir.chmod(0o777)
    out = world.state_dir / "dump.json"
    folder = world.state_dir / "open"
    folder.mkdir()
    folder.chmod(0o777)
    world.record(sys.executable, "-S", "-c", DUMP, str(folder / "d"), user="1234:1235")
    world.keep(mode="oneshot", policy="never")
    world.do("start", **SPEC)
    eventually((folder / "d").exists)
    seen = json.loads((folder / "d").read_text())
    assert (seen["uid"], seen["gid"], seen["groups"]) == (1234, 1235, [1235])
    assert not out.exists()


def test_what_cannot_start_says_why(world: World) -> None:
    """What, where and how to mend it; it counts as a failure and shows no secret."""
    script = world.state_dir / "script"
    script.write_text("#!/nowhere/interpreter\n")
    script.chmod(0o755)
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("/nowhere/x", {}, "No such file or directory: /nowhere/x"),
        ("no-such-program", {}, "not found in PATH"),
        ("/tmp", {}, "Permission denied: /tmp"),
        (str(script), {}, "its first line names a program that is not there"),
        ("/bin/true", {"cwd": "/nowhere"}, "No such file or directory: /nowhere"),
        ("/bin/true", {"user": "nobody-knows"}, "user nobody-knows: "),
        ("/bin/true", {"limits": {"openFiles": 2**40}}, "limits.openFiles"),
    ]
    for number, (program, record, said) in enumerate(cases):
        name = f"p-{number}"
        world.record(program, name=name, env={"SECRET": "canary"}, **record)
        world.keep(name, backoff=0.05, maxRetries=1)
        world.do("start", name, **SPEC)
        entry = world.until("failed", name)
        assert said in entry["error"]
        assert "; " in entry["error"]
        assert (entry["failures"], entry["digest"], entry["last"]) == (2, "d1", None)
    assert os.environ["PATH"] not in json.dumps(world.entries())  # an env file may have said it
    told = (world.state_dir / "log/supervisord.log").read_text() + json.dumps(world.entries())
    assert "canary" not in told


def test_a_log_that_cannot_be_written_is_said(world: World) -> None:
    """A program without its log is not started; when it can be written, it is."""
    path = world.state_dir / "log/web-0.log"
    path.mkdir()
    world.shell("sleep 1000", backoff=0.1)
    assert str(path) in world.until("backoff")["error"]
    path.rmdir()
    world.until_live()


def test_a_refused_start_leaves_nothing_open(world: World) -> None:
    """However often it is tried, supervisord has no more files open than before."""
    process = world.process
    assert process is not None
    folder = Path(f"/proc/{process.pid}/fd")
    world.record("/nowhere/x")
    world.keep(backoff=0.01, maxBackoff=0.01)
    before = len(list(folder.iterdir()))
    world.do("start", **SPEC)
    eventually(lambda: world.entry()["failures"] > 30)
    world.do("stop")
    assert len(list(folder.iterdir())) <= before + 2  # a connection or two


def test_a_missing_or_damaged_record_is_said(world: World) -> None:
    """With the command that writes it anew; once it is there the program starts."""
    world.keep(backoff=0.05, maxBackoff=0.05)
    world.do("start", **SPEC)
    assert "reconciler apply" in world.until("backoff")["error"]
    (world.state_dir / "state/processes/web-0.json").write_text("{")
    eventually(lambda: "damaged" in world.entry()["error"])
    for more in ({"umask": "9"}, {"env": {"A": "\0"}}, {"env": {"A": 1}}, {"limits": 5}):
        before = world.entry()["failures"]
        world.record("sleep", "1000", **more)
        eventually(lambda: world.entry()["failures"] > before + 1)
        assert "makes no sense" in world.entry()["error"]
    world.record("sleep", "1000")
    entry = world.until_live()
    assert entry["error"] == ""
    assert entry["born"] > 0


def test_auto_finds_the_interpreter(world: World) -> None:
    """The environment of the folder it runs in comes first."""
    folder = world.state_dir / "app"
    (folder / ".venv/bin").mkdir(parents=True)
    python = folder / ".venv/bin/python"
    python.write_text("#!/bin/sh\necho mine $*\n")
    python.chmod(0o755)
    (folder / "agent.py").write_text("")
    world.record("agent.py", "x", interpreter="auto", cwd=str(folder))
    world.keep(mode="oneshot")
    world.do("start", **SPEC)
    world.until("completed")
    assert world.log()[0].endswith("mine agent.py x")


def test_the_record_is_read_when_it_starts(world: World) -> None:
    """A replacement runs what is on disk then; asked again for the same epoch nothing happens."""
    world.shell("sleep 1000")
    assert world.ask("view", {"name": "web-0"})["view"] == {"argv": ["/bin/sh", "-c", "sleep 1000"]}
    world.record("sleep", "2000", digest="d2", revision="r2", view={"n": 2})
    assert world.entry()["digest"] == "d1"
    first = world.entry()["pid"]
    world.do("replace", epoch=1, cause="drift", detail="changed")
    second = world.until_live(other_than=first)
    assert (second["digest"], second["revision"], second["epoch"]) == ("d2", "r2", 1)
    assert world.ask("view", {"name": "web-0"})["view"] == {"n": 2}
    world.do("replace", epoch=1, cause="drift", detail="changed")
    world.do("start", epoch=1, cause="drift", detail="")
    assert world.entry()["pid"] == second["pid"]
    world.do("replace", epoch=2, cause="user", detail="")
    assert world.until_live(other_than=second["pid"])["restarts"] == 2


def test_another_way_of_keeping_keeps_the_process(world: World) -> None:
    """Settings change while it runs."""
    first = world.shell("sleep 1000", policy="always")
    world.keep(stamp="other", policy="never", backoff=5, logMaxBytes=100)
    entry = world.entry()
    assert (entry["pid"], entry["stamp"]) == (first["pid"], "other")
    os.kill(first["pid"], 9)
    world.until("failed")


def test_too_much_memory_is_a_fault(world: World) -> None:
    """The whole tree counts; over the limit it is replaced, with the cause and a wait."""
    hog = "import time;x=bytearray(60<<20);time.sleep(1000)"
    world.record("/bin/sh", "-c", f"{sys.executable} -S -c '{hog}' & wait")
    world.keep(memory=40 << 20, backoff=0.1)
    world.do("start", **SPEC)
    entry = eventually(lambda: (e := world.entry())["causes"] and e, 20)
    assert entry["causes"][0]["cause"] == "memory"
    assert entry["failures"] == 1
    world.keep(stamp="more", memory=1 << 40)
    eventually(lambda: world.entry()["memory"] > 60 << 20)


def test_an_unhealthy_one_waits_before_it_begins_again(world: World) -> None:
    """Liveness counts as a failure; other causes begin at once."""
    first = world.shell("sleep 1000", backoff=0.3)
    world.do("replace", epoch=1, cause="liveness", detail="http 500")
    assert world.until("backoff")["failures"] == 1
    entry = world.until_live(other_than=first["pid"])
    assert entry["causes"][-1]["cause"] == "liveness"
    assert entry["causes"][-1]["detail"] == "http 500"


def test_a_signal_reaches_the_process(world: World) -> None:
    """And only a process."""
    world.shell("trap 'echo again' HUP; echo up; while :; do sleep 0.05; done")
    eventually(lambda: len(world.log()) == 1)
    world.do("signal", signal="HUP")
    eventually(lambda: len(world.log()) == 2)
    world.do("stop")
    world.until("stopped")
    refused = world.ask("do", [["signal", "web-0", {"signal": "HUP"}]])
    assert refused[0]["reason"] == "NotRunning"


def test_what_is_not_kept_as_told_is_not_started(world: World) -> None:
    """In one call: the next one may know better, and others are not concerned."""
    for name in ("web-0", "api-0"):
        world.record("sleep", "1000", name=name)
        world.keep(name)
    bad, good = ({"stamp": "s", "settings": {"grace": grace}} for grace in ("x", 5))
    told = [["keep", "web-0", bad], ["start", "web-0", SPEC]]
    told += [["keep", "api-0", good], ["start", "api-0", SPEC]]
    answers = world.ask("do", told)
    assert [answer and answer["reason"] for answer in answers] == ["BadRequest"] * 2 + [None] * 2
    assert world.entry()["pid"] == 0
    world.until_live("api-0")
    world.do("start", **SPEC)
    world.until_live()


def test_what_is_not_kept_as_told_is_not_replaced(world: World) -> None:
    """It goes on as it is."""
    pid = world.shell("read line")["pid"]
    bad = {"stamp": "s", "settings": {"grace": "x"}}
    answers = world.ask("do", [["keep", "web-0", bad], ["replace", "web-0", SPEC | {"epoch": 1}]])
    assert [answer and answer["reason"] for answer in answers] == ["BadRequest"] * 2
    assert world.until_live()["pid"] == pid


def test_one_bad_thing_does_not_stop_the_others(world: World) -> None:
    """Each answer stands where its question stood."""
    world.record("sleep", "1000")
    answers = world.ask(
        "do",
        [
            ["keep", "web-0", {"stamp": "s", "settings": {"grace": "x"}}],
            ["dance", "web-0", {}],
            ["start", "nobody-0", {"cause": "spec"}],
            ["keep", "web-0", {"stamp": "s", "settings": {}}],
            ["start", "web-0", {}],
            ["start", "web-0", SPEC],
            7,
        ],
    )
    reasons = [answer and answer["reason"] for answer in answers]
    assert reasons == [
        "BadRequest", "UnknownVerb", "UnknownProgram", None, "BadRequest", None, "BadRequest",
    ]  # fmt: skip
    world.until_live()
