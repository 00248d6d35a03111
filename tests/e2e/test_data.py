"""Data is in the remote, and back before anybody needs it."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from functools import partial

import pytest

from reconciler.testing import eventually

from .small import Small, make_small

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

ROUNDS = 5 if os.environ.get("RECONCILER_SOAK") == "1" else 1


@pytest.fixture
def stack() -> Iterator[Small]:
    with make_small() as stack:
        stack.up()
        yield stack


def is_kept(stack: Small, lines: int) -> bool:
    return stack.kept_lines() >= lines


def has_started(stack: Small, times: int) -> bool:
    """Whether the writer has started more often than that."""
    return len(stack.found()) > times


def test_a_lost_folder_comes_back(stack: Small) -> None:
    """A database that is written to all the time is kept, and restored before its writer starts."""
    for _ in range(ROUNDS):
        eventually(partial(is_kept, stack, stack.lines()), 30, every=0.1)
        # As a terminal does it: all of the foreground hears of it.
        assert stack.process is not None
        assert stack.stop(signal.SIGINT) == 130
        assert [process.cmdline() for process in stack.running()] == []
        kept = stack.kept_lines()
        shutil.rmtree(stack.root / "data")

        stack.server.desk.broken = True
        starts = len(stack.found())
        stack.start()
        eventually(lambda: stack.fetch("/") == (200, "the site\n"), 40)
        waiting = eventually(lambda: stack.resource("Process/writer-0"), 20)
        assert not waiting["vitals"].get("pid"), waiting
        assert not (stack.root / "data").exists()
        # A push that was on its way when the stack ended has arrived by now.
        kept = max(kept, stack.kept_lines())
        said = stack.command("status").stdout
        assert "SyncTarget/data" in said
        assert stack.command("diff").returncode != 0

        stack.server.desk.broken = False
        eventually(partial(has_started, stack, starts), 60)
        assert stack.found()[-1] == kept
        stack.whole()
        assert stack.lines() > kept


@pytest.fixture
def rare() -> Iterator[Small]:
    """A stack that backs up so rarely that only its end can."""
    with make_small() as stack:
        spec = stack.root / "specs" / "data.yaml"
        spec.write_text(spec.read_text().replace("interval: 1s", "interval: 1h"))
        stack.commit("rare backups")
        stack.up()
        yield stack


def test_a_stop_pushes_what_is_pending(rare: Small) -> None:
    """Whoever is stopped in order leaves nothing behind; what could not be pushed is said."""
    eventually(lambda: rare.lines() > 20, 30)
    rare.server.desk.broken = True
    assert rare.stop() == 0
    log = (rare.state / "log" / "reconciler.log").read_text()
    assert "SyncTarget/data is not in safety" in log
    rare.server.desk.broken = False
    rare.start()
    eventually(lambda: "NotPushed" in rare.command("events").stdout, 40, every=0.2)
    before = rare.lines()
    eventually(lambda: rare.lines() > before, 40)
    assert rare.stop() == 0
    assert rare.kept_lines() == rare.lines()
    lease = rare.read_remote(rare.remote, "for-each-ref", "refs/reconciler")
    assert lease == b"", "whoever comes next need not wait"


def test_a_signal_backs_up_now(rare: Small) -> None:
    """SIGUSR1 to whoever holds the stack, or to the operator, is a backup of everything."""
    assert rare.process is not None
    for asked in (rare.process.pid, rare.resource("Process/reconciler")["vitals"]["pid"]):
        before = rare.lines()
        os.kill(asked, signal.SIGUSR1)
        eventually(partial(is_kept, rare, before), 30, every=0.1)
    said = rare.command("sync", "now")
    assert said.returncode == 0, said.stderr
    assert "SyncTarget/data  backup" in said.stdout
    assert "SIGUSR1" in rare.command("events").stdout
    assert len(rare.command("sync", "log", "data").stdout.splitlines()) >= 3
    assert rare.command("sync", "status").returncode == 0
