"""Logs: which lines, from when, in which order, and through rotation."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.clients import logscan
from reconciler.clients.logfile import find_logs, last_lines, looks, merged
from reconciler.clients.logline import LONGEST, Line
from reconciler.clients.logtail import LOOK, Follower, Tail
from reconciler.core.errors import Transient

START = 1_790_000_000


def row(text: str, at: float = 0, stream: str = "stdout", tag: str = "F") -> bytes:
    """One row as the keeper writes it, ``at`` seconds after the start."""
    when = datetime.fromtimestamp(START + at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return f"{when} {stream} {tag} {text}\n".encode()


def texts(path: Path, lines: int | None = None, since: float | None = None) -> list[str]:
    """The text of the last lines."""
    return [line.text for line in last_lines(path, lines=lines, since=since)]


def test_a_kept_line_says_when_and_where(tmp_path: Path) -> None:
    """Time, stream and text come from the row; an empty line is a line."""
    path = tmp_path / "web-0.log"
    path.write_bytes(row("hello", 1.5) + row("", 2, "stderr"))
    assert list(last_lines(path)) == [
        Line("hello", START + 1.5, "stdout", "web-0"),
        Line("", START + 2, "stderr", "web-0"),
    ]
    assert [line.level for line in last_lines(path)] == ["info", "error"]


def test_raw_lines_have_no_time_but_the_stacks_own_do(tmp_path: Path) -> None:
    """What a program writes directly is taken as it is."""
    path = tmp_path / "reconciler.log"
    path.write_text("plain\n2026-11-22 05:00:00,250 INFO here\n2026-11-22 05:00:01,000 ERROR x\n")
    plain, info, error = last_lines(path)
    assert (plain.time, plain.level) == (None, "info")
    assert info.time == datetime(2026, 11, 22, 5, 0, 0, 250_000).astimezone().timestamp()
    assert (info.text, error.level) == ("2026-11-22 05:00:00,250 INFO here", "error")


def test_nginx_says_when_and_how_bad(tmp_path: Path) -> None:
    """Its own rows have the time of this machine's clock; what it calls an error is one."""
    path = tmp_path / "gateway.log"
    notice, error = "2026/11/22 05:00:00 [notice] 4#4: start", "2026/11/22 05:00:09 [crit] 4#4: no"
    path.write_text(f"{notice}\n{error}\n")
    first, last = last_lines(path)
    begin = datetime(2026, 11, 22, 5).astimezone().timestamp()
    assert (first.time, first.level, first.text) == (begin, "info", notice)
    assert (last.time, last.level) == (begin + 9, "error")
    assert texts(path, since=begin + 5) == [error]


def test_following_since_shows_nothing_older(tmp_path: Path) -> None:
    """A log that was silent since then is followed from its end on, not from its start."""
    path = tmp_path / "gateway.log"
    path.write_text("old, and no time in it\n")
    os.utime(path, (START, START))
    for since in (START + 10.0, START - 10.0):
        tail = Tail(path, "gateway", lines=None, since=since)
        assert [line.text for line in tail.look()] == ["old, and no time in it"] * (since < START)
        with path.open("a") as file:
            file.write("new\n")
        assert [line.text for line in tail.look()] == ["new"]
        path.write_text("old, and no time in it\n")
        os.utime(path, (START, START))


def test_parts_are_joined_by_stream(tmp_path: Path) -> None:
    """A long line is one line, though the other stream spoke in between."""
    path = tmp_path / "web-0.log"
    path.write_bytes(
        row("one ", 1, tag="P") + row("oh", 2, "stderr") + row("two ", 3, tag="P") + row("three", 4)
    )
    assert texts(path) == ["oh", "one two three"]
    assert texts(path, 1) == ["one two three"]
    assert [line.time for line in last_lines(path)] == [START + 2, START + 4]


def test_a_very_long_line_comes_in_pieces(tmp_path: Path) -> None:
    """What is put together is bounded, and nothing of it is lost."""
    path = tmp_path / "web-0.log"
    part = row("x" * 65_536, tag="P")
    path.write_bytes(part * 40 + row("end"))
    found = texts(path)
    assert max(map(len, found)) <= LONGEST + 65_536
    assert "".join(found) == "x" * 65_536 * 40 + "end"


def test_a_file_may_seem_older_than_its_last_line(tmp_path: Path) -> None:
    """The kernel's clock for files is a few milliseconds behind the one that stamps lines."""
    path = tmp_path / "web-0.log"
    path.write_text("2026-11-28T05:00:00.001000Z stdout F ready\n")
    begin = datetime(2026, 11, 28, 5, tzinfo=UTC).timestamp()
    os.utime(path, (begin - 0.004, begin - 0.004))
    assert [line.text for line in Tail(path, "", lines=None, since=begin).look()] == ["ready"]


def test_since_leaves_out_what_is_older(tmp_path: Path) -> None:
    """Lines from then on; one without a time belongs to the one before it."""
    path = tmp_path / "web-0.log"
    path.with_name("web-0.log.1").write_bytes(row("a", 1) + b"of a\n")
    path.write_bytes(row("b", 2) + b"of b\n" + row("c", 3) + b"of c\n")
    assert texts(path, since=START + 2) == ["b", "of b", "c", "of c"]
    assert texts(path, since=START + 2.5) == ["c", "of c"]
    assert texts(path, 1, START + 1) == ["of c"]
    assert texts(path, since=0) == ["a", "of a", "b", "of b", "c", "of c"]


def test_a_file_that_is_old_as_a_whole_is_not_read(tmp_path: Path) -> None:
    """A raw log, which has no times, counts as a whole."""
    path = tmp_path / "web-0.log"
    path.write_text("plain\n")
    os.utime(path, (START, START))
    assert texts(path, since=START + 1) == []
    assert texts(path, since=START) == ["plain"]


CHUNK = st.tuples(
    st.sampled_from(["stdout", "stderr", ""]),
    st.sampled_from("FFP"),
    st.text("ab é\r", max_size=5),
)


def _content(chunks: list[tuple[str, str, str]]) -> list[bytes]:
    return [
        row(text, at, stream, tag) if stream else text.encode() + b"\n"
        for at, (stream, tag, text) in enumerate(chunks)
    ]


@given(
    st.lists(CHUNK, max_size=30),
    st.lists(st.integers(0, 30), max_size=2),
    st.integers(0, 35),
    st.integers(1, 40),
)
def test_the_tail_is_the_end(
    chunks: list[tuple[str, str, str]], cuts: list[int], count: int, block: int
) -> None:
    """Reading backwards in small blocks, over rotated files, finds what reading all would."""
    ends = [("stdout", "F", "end"), ("stderr", "F", "end")]
    rows = _content([*chunks, *ends])
    with pytest.MonkeyPatch.context() as patch, _folder() as folder:
        patch.setattr(logscan, "BLOCK", block)
        path = folder / "web-0.log"
        edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
        parts = [b"".join(rows[a:b]) for a, b in pairwise(edges)]
        for number, part in enumerate(reversed(parts)):
            name = f"web-0.log.{number}" if number else "web-0.log"
            (folder / name).write_bytes(part)
        whole = texts(path)
        assert len(whole) <= len(rows)
        assert texts(path, count) == whole[len(whole) - min(count, len(whole)) :]


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder for each example."""
    with TemporaryDirectory() as name:
        yield Path(name)


ACT = st.one_of(
    st.tuples(st.just("write"), st.binary(max_size=6).map(lambda b: b.replace(b"\n", b"/"))),
    st.just(("rotate", b"")),
    st.just(("look", b"")),
)


@given(st.lists(ACT, max_size=25), st.integers(0, 3))
def test_following_tells_every_line_once(acts: list[tuple[str, bytes]], before: int) -> None:
    """Whatever happens between two looks, even two rotations, each line comes once, in order."""
    with _folder() as folder:
        path = folder / "web-0.log"
        path.write_bytes(b"before\n" * before)
        tail = Tail(path, "web-0", lines=None)
        told = [line.text for line in tail.look()]
        written = ["before"] * before
        for act, data in acts:
            if act == "write":
                with path.open("ab") as file:
                    file.write(data + b"\n")
                written.append(data.decode("utf-8", "backslashreplace"))
            elif act == "rotate":
                _rotate(path)
            else:
                told += [line.text for line in tail.look()]
        told += [line.text for line in tail.look()]
        assert told == written


def _rotate(path: Path, backups: int = 30) -> None:
    for number in reversed(range(backups)):
        old = path.with_name(f"{path.name}.{number}") if number else path
        if old.exists():
            old.rename(path.with_name(f"{path.name}.{number + 1}"))
    path.touch()


def test_a_truncated_log_is_read_from_its_start(tmp_path: Path) -> None:
    """`logs: {backups: 0}` and `: > file` begin anew; a part from before is forgotten."""
    path = tmp_path / "web-0.log"
    path.write_bytes(b"a long line of old\nhalf")
    tail = Tail(path, "web-0", lines=0)
    assert tail.look() == []
    path.write_bytes(b"new\n")
    assert [line.text for line in tail.look()] == ["new"]
    path.unlink()
    assert tail.look() == []
    path.write_bytes(b"newer\n")
    assert [line.text for line in tail.look()] == ["newer"]


def test_a_last_word_without_an_end_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A prompt, or what a process said as it died, is not kept back for ever."""
    monkeypatch.setattr("reconciler.clients.logtail.SETTLED", 0)
    path = tmp_path / "web-0.log"
    path.write_bytes(row("Password: ", tag="P"))
    tail = Tail(path, "web-0", lines=None)
    assert tail.look() == []
    assert [line.text for line in tail.look()] == ["Password: "]
    path.write_bytes(path.read_bytes() + b"half")
    assert tail.look() == []
    assert [line.text for line in tail.look()] == ["half"]
    assert tail.look() == []


def test_a_flood_is_taken_in_draughts(tmp_path: Path) -> None:
    """One look is bounded, says that there is more, and nothing is lost."""
    path = tmp_path / "web-0.log"
    path.touch()
    tail = Tail(path, "web-0", lines=0)
    tail.look()
    line = "x" * 1023
    path.write_text(f"{line}\n" * 10_000)
    found = len(tail.look())
    assert found <= LOOK // 1024
    while fresh := tail.look():
        found += len(fresh)
    assert found == 10_000
    assert not tail.behind


def test_logs_are_merged_by_time(tmp_path: Path) -> None:
    """Lines of several processes come in the order in which they were printed."""
    a, b, c = (tmp_path / f"{name}-0.log" for name in "abc")
    a.write_bytes(row("1", 1) + row("3", 3) + b"of 3\n")
    b.write_bytes(b"head\n" + row("2", 2) + row("4", 4))
    c.write_bytes(b"raw\n")
    os.utime(c, (START + 3.5, START + 3.5))
    paths = {path.stem: path for path in (a, b, c)}
    found = [(line.process, line.text) for line in merged(paths, lines=10)]
    assert found == [
        ("a-0", "1"),
        ("b-0", "head"),
        ("b-0", "2"),
        ("a-0", "3"),
        ("a-0", "of 3"),
        ("c-0", "raw"),
        ("b-0", "4"),
    ]
    assert [line.text for line in Follower(paths, lines=10).look()][:4] == ["1", "head", "2", "3"]


def test_many_logs_are_never_open_at_once(tmp_path: Path) -> None:
    """More logs than a program may open files."""
    import resource

    paths = {f"p-{number}": tmp_path / f"p-{number}.log" for number in range(300)}
    for number, path in enumerate(paths.values()):
        path.write_bytes(row(str(number), number))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    try:
        assert [line.text for line in merged(paths, lines=None)] == list(map(str, range(300)))
        assert len(Follower(paths, lines=1).look()) == 300
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_names_mean_instances(tmp_path: Path) -> None:
    """``web`` is all its instances and nothing else; rotated files are no logs."""
    for name in ("web-0.log", "web-1.log", "webhook-0.log", "web.log.1", "up.log"):
        (tmp_path / name).touch()
    assert list(find_logs(tmp_path, "web")) == ["web-0", "web-1"]
    assert list(find_logs(tmp_path)) == ["up", "web-0", "web-1", "webhook-0"]
    assert find_logs(tmp_path / "none") == {}


def test_what_cannot_be_read_is_not_empty(tmp_path: Path) -> None:
    """A folder in place of a log is a failure that names it."""
    (tmp_path / "web-0.log").mkdir()
    with pytest.raises(Transient, match=r"web-0\.log cannot be read"):
        texts(tmp_path / "web-0.log")
    assert texts(tmp_path / "none-0.log") == []


async def test_the_loop_follows(tmp_path: Path) -> None:
    """``looks`` gives the end and what comes after it, new processes too."""
    path = tmp_path / "web-0.log"
    path.write_bytes(row("one", 1) + row("two", 2))
    found = looks(lambda: find_logs(tmp_path), lines=1, every=0.01)
    assert [line.text for line in await anext(found)] == ["two"]
    (tmp_path / "web-1.log").write_bytes(b"three\n")
    async with asyncio.timeout(5):
        while not (come := await anext(found)):
            pass
    assert [f"{line.process} {line.text}" for line in come] == ["web-1 three"]
    await found.aclose()


async def test_every_look_is_told(tmp_path: Path) -> None:
    """A surface learns that nothing came, so that it can see who has gone; raw lines get a time."""
    path = tmp_path / "web-0.log"
    path.write_bytes(b"old\n")
    found = looks({"web-0": path}, lines=1, every=0.01)
    assert await anext(found) == [Line("old", None, "stdout", "web-0")]
    assert await anext(found) == []
    path.write_bytes(b"old\nnew\n")
    (line,) = await anext(found)
    assert line.text == "new"
    assert line.time
    await found.aclose()


def test_nothing_is_lost_in_the_middle_of_a_rotation(tmp_path: Path) -> None:
    """The oldest moves first: for a moment there is no generation of some number."""
    path = tmp_path / "web-0.log"
    first, second = tmp_path / "web-0.log.1", tmp_path / "web-0.log.2"
    path.write_text("one\n")
    tail = Tail(path, "web-0", lines=0)
    with path.open("a") as log:
        log.write("two\n")
    path.rename(first)
    path.write_text("three\n")
    first.rename(second)
    assert [line.text for line in tail.look()] == ["two", "three"]


def test_nothing_is_lost_while_a_writer_rotates(tmp_path: Path) -> None:
    """Supervisord's own rotation under a busy writer: each line once, in order."""
    from supervisor.loggers import RotatingFileHandler

    path, written = tmp_path / "web-0.log", 20_000
    path.touch()
    tail = Tail(path, "web-0", lines=0)
    tail.look()

    def write() -> None:
        handler = RotatingFileHandler(str(path), maxBytes=20_000, backupCount=50)
        for number in range(written):
            handler.stream.write(f"line {number}\n".encode())
            handler.stream.flush()
            handler.doRollover()
        handler.close()

    writer = threading.Thread(target=write)
    writer.start()
    told: list[str] = []
    while writer.is_alive() or len(told) < written:
        told += [line.text for line in tail.look()]
        assert len(told) <= written
    writer.join()
    assert told == [f"line {number}" for number in range(written)]
