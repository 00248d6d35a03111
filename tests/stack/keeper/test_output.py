from __future__ import annotations

import os
import re
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from supervisor.options import ServerOptions

from reconciler.stack.keeper.policy import Settings
from reconciler.stack.keeper.streams import Streams
from reconciler.testing import eventually

from .world import World

pytestmark = pytest.mark.real

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z (stdout|stderr) [FP] .*", re.DOTALL)


def pieces(data: bytes) -> bytes:
    """What was said, put together again."""
    said = b""
    for line in data.split(b"\n")[:-1]:
        _, _, flag, text = line.split(b" ", 3)
        said += text + (b"\n" if flag == b"F" else b"")
    return said


def python(world: World, script: str, **settings: object) -> bytes:
    """The log of a script that has ended."""
    world.record(sys.executable, "-S", "-c", script)
    world.keep(mode="oneshot", **settings)
    world.do("start", epoch=0, cause="spec", detail="")
    world.until("completed", seconds=30)
    return (world.state_dir / "log/web-0.log").read_bytes()


def test_each_line_has_its_time_and_stream(world: World) -> None:
    """In the order they were said, as far as two pipes can tell."""
    world.shell("echo one; sleep 0.1; echo two >&2; sleep 0.1; printf three", mode="oneshot")
    world.until("completed")
    lines = world.log()
    assert all(LINE.fullmatch(line) for line in lines)
    assert [line.split(" ", 3)[1:] for line in lines] == [
        ["stdout", "F", "one"],
        ["stderr", "F", "two"],
        ["stdout", "F", "three"],
    ]
    told = lines[0].split()[0]
    at = time.time()
    assert abs(time.mktime(time.strptime(told[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone - at) < 60


def test_a_huge_line_is_written_in_parts(world: World) -> None:
    """1 MiB without an end: nothing is lost, the child is not held up."""
    script = "import sys;sys.stdout.write('x'*(1<<20));sys.stdout.write('\\nend\\n')"
    data = python(world, script)
    assert pieces(data) == b"x" * (1 << 20) + b"\nend\n"
    assert b" P " in data


def test_any_byte_is_kept(world: World) -> None:
    """NUL, bytes that are no text, carriage returns and empty lines."""
    script = (
        "import os;os.write(1,b'a\\0b\\n\\n\\xff\\xfe\\r\\n  spaces  \\n');os.write(1,b'no end')"
    )
    assert pieces(python(world, script)) == b"a\0b\n\n\xff\xfe\r\n  spaces  \nno end\n"


def test_a_flood_arrives_whole(world: World) -> None:
    """Many lines, faster than they can be written."""
    script = "for i in range(50_000): print(i)"
    said = pieces(python(world, script, logMaxBytes=0))
    assert said == b"".join(b"%d\n" % i for i in range(50_000))


def test_a_full_log_is_turned_over(world: World) -> None:
    """As many old ones are kept as wanted; a change takes effect at once."""
    script = "import time\nwhile True: print('x'*1000, flush=True); time.sleep(0.001)"
    world.record(sys.executable, "-S", "-c", script)
    world.keep(logMaxBytes=10_000, logBackups=2)
    world.do("start", epoch=0, cause="spec", detail="")
    folder = world.state_dir / "log"
    eventually((folder / "web-0.log.2").exists)
    names = {"web-0.log", "web-0.log.1", "web-0.log.2"}
    eventually(lambda: {path.name for path in folder.glob("web-0*")} == names)
    assert 10_000 <= (folder / "web-0.log.1").stat().st_size < 150_000  # one gulp may be large
    assert (folder / "web-0.log").stat().st_mode & 0o777 == 0o600
    world.keep(stamp="other", logMaxBytes=0)
    eventually(lambda: (folder / "web-0.log").stat().st_size > 150_000)


def test_a_log_that_cannot_be_turned_over_holds_nobody_up(world: World) -> None:
    """It is emptied where it is; the program speaks on."""
    (world.state_dir / "log/web-0.log.1").mkdir()
    script = "for i in range(20_000): print('x'*100)"
    assert len(python(world, script, logMaxBytes=100_000, logBackups=1)) < 300_000


def test_what_is_said_at_the_very_end_is_kept(tmp_path: Path) -> None:
    """By what outlived the process, just before it was found to be gone."""
    options = ServerOptions()
    options.logger = SimpleNamespace(debug=lambda _: None)
    config = SimpleNamespace(stdout_logfile=str(tmp_path / "a.log"), options=options)
    keeper = SimpleNamespace(loop=SimpleNamespace(hear=lambda _: None))
    streams = Streams(SimpleNamespace(config=config, settings=Settings(), keeper=keeper))
    child = os.dup(streams.of_child[1])
    streams.open()
    os.write(child, b"bye\n")
    os.close(child)
    streams.close()
    assert (tmp_path / "a.log").read_text().endswith("stdout F bye\n")


def test_a_log_that_is_taken_away_is_begun_anew(world: World) -> None:
    """When supervisord is told to reopen its logs."""
    world.shell("while :; do echo tick; sleep 0.02; done")
    path = world.state_dir / "log/web-0.log"
    eventually(world.log)
    path.rename(path.with_suffix(".old"))
    assert world.process is not None
    world.process.send_signal(signal.SIGUSR2)
    eventually(lambda: path.exists() and world.log())
    assert world.stock("clearProcessLogs", "web-0")
    assert "tick" in eventually(lambda: world.stock("tailProcessStdoutLog", "web-0", 0, 500)[0])


def test_the_last_words_are_remembered(world: World) -> None:
    """Those of the last life, at most so many; of a silent one there are none."""
    world.shell("for i in $(seq 100); do echo line $i; done; exit 1", policy="never")
    world.until("failed")
    lines = world.ask("tail", {"name": "web-0", "lines": 50})["lines"]
    assert lines == [f"line {i}" for i in range(51, 101)]
    assert world.ask("tail", {"name": "web-0", "lines": 2})["lines"] == ["line 99", "line 100"]
    world.shell("exit 1", policy="never")
    eventually(lambda: world.entry()["restarts"] >= 1 and world.entry()["state"] == "failed")
    assert world.ask("tail", {"name": "web-0", "lines": 50})["lines"] == []


def test_a_silent_program_costs_nothing(world: World) -> None:
    """Supervisord sleeps while nothing happens."""
    for number in range(5):
        world.shell("sleep 1000", name=f"p-{number}")
    assert world.process is not None
    stat = Path(f"/proc/{world.process.pid}/stat")

    def ticks() -> int:
        fields = stat.read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    def is_silent() -> bool:
        before = ticks()
        time.sleep(1)  # what is measured is the passing of time
        return ticks() - before <= 3

    eventually(is_silent)


def test_a_program_may_be_written_to(any_world: World) -> None:
    """Supervisorctl's own way to its stdin works."""
    any_world.shell("read x; echo got $x; sleep 1000")
    assert any_world.stock("sendProcessStdin", "web-0", "hello\n")
    eventually(lambda: any(line.endswith("got hello") for line in any_world.log()))


def test_much_may_be_written_to_a_program(any_world: World) -> None:
    """More than a pipe holds is kept until the program takes it."""
    any_world.shell("sleep 0.3; head -c 300000 | wc -c; sleep 1000")
    assert any_world.stock("sendProcessStdin", "web-0", "x" * 300_000)
    eventually(lambda: any(line.endswith("300000") for line in any_world.log()))
