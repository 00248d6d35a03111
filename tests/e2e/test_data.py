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
