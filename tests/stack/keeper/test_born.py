"""When a process began is known without asking the kernel, and is what the kernel says."""

from __future__ import annotations

import subprocess
import sys

from reconciler.stack.kernel import start_time, ticks


def test_the_clock_is_the_kernels() -> None:
    """A process that began between two equal looks at the clock began just then."""
    certain = 0
    for _ in range(20):
        before = ticks()
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as one:
            after = ticks()
            born = start_time(one.pid)
            assert born is not None
            assert before <= born <= after
            certain += before == after
            one.communicate(b"\n")
    assert certain, "no two looks were ever close enough to be of use"
