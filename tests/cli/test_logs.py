"""logs: which files, how much of them, and through rotation."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.logs import logs, moment
from reconciler.cli.outcome import Failure
from reconciler.cli.terminal import Terminal
from reconciler.cli.voice import OBEYED, hue
from reconciler.settings import Settings
from reconciler.testing import eventually


@pytest.fixture
def log(stack_dir: Path) -> Path:
    """The log folder with web-0, web-1, webhook-0 and the stack's own."""
    folder = stack_dir / "log"
    for name in ("web-0", "web-1", "webhook-0", "reconciler", "gateway", "up"):
        (folder / f"{name}.log").write_text(f"{name} says one\n{name} says two\n")
    return folder


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ([], ["web-0", "web-1", "webhook-0"]),
        (["web"], ["web-0", "web-1"]),
        (["Process/web"], ["web-0", "web-1"]),
        (["web-1"], ["web-1"]),
        (["webhook", "reconciler"], ["reconciler", "webhook-0"]),
        (["gateway"], ["gateway"]),
    ],
)
def test_names_mean_instances(
    asked: list[str], names: list[str], reconciler: Any, log: Path
) -> None:
    """``web`` is all its instances and nothing else; reserved names work."""
    code, out, _ = reconciler("logs", *asked, "--tail", "1")
    rows = [row.rpartition("| ")[2] for row in out.splitlines()]
    assert (code, sorted(rows)) == (0, [f"{name} says two" for name in names])


def test_one_log_is_printed_as_it_is(reconciler: Any, log: Path) -> None:
    """A single log carries no prefix, so it can be piped."""
    assert reconciler("logs", "web-0").out == "web-0 says one\nweb-0 says two\n"
    assert reconciler("logs", "web-0", "-n", "0").out == ""


def test_a_silent_process_is_no_unknown_one(reconciler: Any, log: Path) -> None:
    """One that has not written a word has nothing to show, and that is no failure."""
    records = log.parent / "state" / "processes"
    records.mkdir(parents=True, exist_ok=True)
    (records / "mute-0.json").write_text("{}")
    code, out, err = reconciler("logs", "mute")
    assert (code, out) == (0, "")
    assert "nothing was written yet" in err


def test_unknown_names_are_refused(reconciler: Any, log: Path) -> None:
    """A log that is not there is 2, with the closest name."""
    code, out, err = reconciler("logs", "webb-0")
    assert (code, out) == (2, "")
    assert "did you mean web-0?" in err


@pytest.mark.parametrize(
    ("asked", "hint"),
    [("wbe", "did you mean web?"), ("silnt", "did you mean silent?"), ("zzz", "logs all`")],
)
def test_the_closest_is_named_as_it_is_written(
    asked: str, hint: str, reconciler: Any, log: Path
) -> None:
    """Also where it has not written a word; else where all there is can be seen."""
    records = log.parent / "state" / "processes"
    records.mkdir()
    (records / "silent-0.json").write_text("{}")
    assert hint in reconciler("logs", asked).err


def test_a_stack_that_never_ran_has_no_logs(reconciler: Any) -> None:
    """Nothing to print is said."""
    assert "there are no logs" in reconciler("logs").err


def test_what_was_rotated_away_counts(reconciler: Any, log: Path) -> None:
    """Right after a rotation the last lines are still the last lines."""
    (log / "web-0.log.1").write_text("old one\nold two\n")
    (log / "web-0.log").write_text("new\n")
    assert reconciler("logs", "web-0", "-n", "2").out == "old two\nnew\n"


KEPT = (
    "2026-11-22T05:00:00.000001Z stdout F up\n"
    "2026-11-22T05:00:01.000000Z stderr P fai\n"
    "2026-11-22T05:00:01.500000Z stdout F on\n"
    "2026-11-22T05:00:02.000000Z stderr F led\n"
)


@pytest.fixture
def kept(stack_dir: Path) -> Path:
    """The log of one process, as the keeper writes it."""
    path = stack_dir / "log" / "web-0.log"
    path.write_text(KEPT)
    return path


def test_collectors_get_json_lines(reconciler: Any, kept: Path) -> None:
    """Each line says when, who, where and how bad; what a program wrote itself has no time."""
    kept.with_name("db-1.log").write_text("plain\n")
    os.utime(kept.with_name("db-1.log"), (0, 0))
    code, out, _ = reconciler("logs", "-o", "json")
    assert code == 0
    raw, *rows = map(json.loads, out.splitlines())
    assert raw["time"] is None
    assert (raw["process"], raw["replica"]) == ("db-1", 1)
    assert [row["message"] for row in rows] == ["up", "on", "failed"]
    assert rows[2] == {
        "time": "2026-11-22T05:00:02.000000Z",
        "process": "web-0",
        "stream": "stderr",
        "level": "error",
        "message": "failed",
        "replica": 0,
    }


def test_one_stream_the_text_alone_or_with_times(reconciler: Any, kept: Path) -> None:
    """What is printed is chosen by flags."""
    assert reconciler("logs", "web", "--stream", "stdout").out == "up\non\n"
    assert reconciler("logs", "all", "--stream", "stderr", "-o", "raw").out == "failed\n"
    assert reconciler("logs", "web-0", "-t").out.startswith("2026-11-22T05:00:00.000001Z up\n")


def test_since_is_a_time_or_how_long_ago(reconciler: Any, kept: Path) -> None:
    """From then on, all of it unless a number is given."""
    assert reconciler("logs", "web", "--since", "2026-11-22T05:00:01Z").out == "on\nfailed\n"
    assert reconciler("logs", "web", "--since", "2026-11-22T05:00:01Z", "-n1").out == "failed\n"
    assert reconciler("logs", "web", "--since", "soon").code == 2
    now = datetime(2026, 11, 22, 5, 30).astimezone().timestamp()
    assert moment("10m", now) == now - 600
    assert moment("05:00", now) == now - 1800
    assert moment("06:00", now) == now + 1800 - 86400
    assert (
        moment("2026-11-22T05:30:00Z", now) == datetime(2026, 11, 22, 5, 30, tzinfo=UTC).timestamp()
    )
    with pytest.raises(Failure, match="no time"):
        moment("25:00", now)


def test_a_process_keeps_its_colour(settings: Settings, kept: Path) -> None:
    """Prefixes are coloured where colours are wanted, and only there."""
    kept.with_name("web-1.log").write_text(KEPT)
    out = io.StringIO()
    terminal = Terminal(out=out, err=io.StringIO(), environ={"FORCE_COLOR": "1"})
    assert logs(settings, terminal, tail=1) == 0
    assert f"\x1b[{hue('web-1')}mweb-1 | \x1b[0mfailed\n" in out.getvalue()


@contextmanager
def command(stack_dir: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """The real program on a real pipe."""
    environ = {**os.environ, "RECONCILER_STATE_DIR": str(stack_dir)}
    argv = [sys.executable, "-m", "reconciler", "logs", *arguments]
    with subprocess.Popen(
        argv, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:
        yield program
        program.kill()


def test_a_reader_that_goes_ends_it_quietly(stack_dir: Path, kept: Path) -> None:
    """`logs -f | head -1` ends though nothing more is printed; no traceback, no error."""
    with command(stack_dir, "-f") as program:
        assert program.stdout
        assert program.stderr
        assert program.stdout.readline() == b"web-0 | up\n"
        program.stdout.close()
        assert program.wait(20) == 0
        assert program.stderr.read() == b""


def test_ctrl_c_is_130(stack_dir: Path, kept: Path) -> None:
    """Following ends when it is interrupted, with the code of that."""
    with command(stack_dir, "-f") as program:
        assert program.stdout
        program.stdout.readline()
        program.send_signal(signal.SIGINT)
        assert program.wait(20) == 130


@contextmanager
def following(settings: Settings, *names: str) -> Iterator[io.StringIO]:
    """``logs -f`` in a thread; it ends as when its reader goes."""
    out = io.StringIO()
    terminal = Terminal(out=out, err=io.StringIO())
    thread = threading.Thread(
        target=logs, args=(settings, terminal), kwargs={"names": names, "follow": True, "tail": 1}
    )
    thread.start()
    yield out
    terminal.closed = True
    thread.join()


def test_following_prints_what_comes(settings: Settings, log: Path) -> None:
    """New lines and new instances appear, each line with the name of who said it."""
    with following(settings, "web") as out:
        eventually(lambda: "web-1 | web-1 says two\n" in out.getvalue())
        (log / "web-2.log").write_text("hello\n")
        with (log / "web-0.log").open("a") as file:
            file.write("three\n")
        eventually(lambda: "web-0 | three\n" in out.getvalue())
        eventually(lambda: "web-2 | hello\n" in out.getvalue())
    assert "says one" not in out.getvalue()


def test_a_terminal_is_not_commanded_by_a_log() -> None:
    """Colours pass; whatever else a terminal would obey is shown."""
    text = "\x1b[31mred\x1b[0m \x1b[2J\x07\tend"
    safe = OBEYED.sub(lambda hit: hit[1] or repr(hit[0])[1:-1], text)
    assert safe == "\x1b[31mred\x1b[0m \\x1b[2J\\x07\tend"
