"""logs: which files, how much of them, and through rotation."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.cli import tail as reading
from reconciler.cli.logs import OBEYED, logs
from reconciler.cli.tail import Tail, last_lines, start_of_tail
from reconciler.cli.terminal import Terminal
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


def test_unknown_names_are_refused(reconciler: Any, log: Path) -> None:
    """A log that is not there is 2, with the closest name."""
    code, out, err = reconciler("logs", "webb-0")
    assert (code, out) == (2, "")
    assert "did you mean web-0?" in err


def test_a_stack_that_never_ran_has_no_logs(reconciler: Any) -> None:
    """Nothing to print is said."""
    assert "there are no logs" in reconciler("logs").err


def test_what_was_rotated_away_counts(log: Path) -> None:
    """Right after a rotation the last lines are still the last lines."""
    (log / "web-0.log.1").write_text("old one\nold two\n")
    (log / "web-0.log").write_text("new\n")
    assert last_lines(log / "web-0.log", 2) == [b"old two", b"new"]


@given(
    st.lists(st.binary(max_size=9).filter(lambda line: b"\n" not in line), max_size=30),
    st.booleans(),
    st.integers(min_value=0, max_value=35),
    st.integers(min_value=1, max_value=20),
)
def test_the_tail_is_the_end(lines: list[bytes], ended: bool, count: int, block: int) -> None:
    """Reading backwards in blocks finds what reading all of it would."""
    data = b"\n".join(lines) + (b"\n" if ended and lines else b"")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "BLOCK", block)
        start = start_of_tail(io.BytesIO(data), count)
    whole = data.splitlines(keepends=True) if b"\r" not in data else _split(data)
    assert data[start:] == b"".join(whole[-count:] if count else [])


def _split(data: bytes) -> list[bytes]:
    rows = [row + b"\n" for row in data.split(b"\n")]
    rows[-1] = rows[-1][:-1]
    return [row for row in rows if row]


def test_following_survives_rotation_and_truncation(log: Path) -> None:
    """No line is lost or told twice, whatever happens to the file."""
    path = log / "web-0.log"
    tail = Tail(path, count=1)
    assert tail.news() == b"web-0 says two\n"
    with path.open("ab") as file:
        file.write(b"half")
        file.flush()
        assert tail.news() == b""
        file.write(b" whole\n")
    assert tail.news() == b"half whole\n"
    with path.open("ab") as old:
        path.rename(path.with_name("web-0.log.1"))
        path.write_bytes(b"new\n")
        old.write(b"late\n")
    assert tail.news() == b"late\nnew\n"
    path.write_bytes(b"x\n")
    assert tail.news() == b"x\n"
    path.unlink()
    assert tail.news() == b""
    tail.close()


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
