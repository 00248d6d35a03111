from __future__ import annotations

import socket
import subprocess
import sys
from subprocess import PIPE

import pytest

from reconciler.testing import eventually, eventually_async, free_port


def test_it_returns_what_the_condition_returned() -> None:
    """The value that ended the wait is the result."""
    values = iter([0, 0, 7])
    assert eventually(lambda: next(values)) == 7


def test_it_says_what_never_held() -> None:
    """The message names the condition and the last error."""

    def never() -> bool:
        raise FileNotFoundError("no socket yet")

    with pytest.raises(AssertionError, match=r"def never.*no socket yet"):
        eventually(never, 0.05)


async def test_a_condition_may_be_awaited() -> None:
    """Plain and asynchronous conditions both work in asynchronous tests."""
    values = iter([False, True])

    async def condition() -> bool:
        return next(values)

    assert await eventually_async(condition)
    assert await eventually_async(lambda: 3) == 3


def test_a_free_port_can_be_bound() -> None:
    """Nobody listens on the port handed out."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", free_port()))


def test_no_port_is_handed_out_twice() -> None:
    """Not to one test, and not to two that run side by side: both would listen there later."""
    ask = (
        "from reconciler.testing import free_port\n"
        "print(*[free_port() for _ in range(1500)], flush=True)\n"
        "input()"
    )
    words = [sys.executable, "-c", ask]
    asked = [subprocess.Popen(words, stdin=PIPE, stdout=PIPE, text=True) for _ in "abc"]
    lines = [one.stdout.readline() for one in asked if one.stdout is not None]
    for one in asked:
        one.communicate("\n")
    handed = [int(port) for line in lines for port in line.split()]
    assert len(handed) == len(set(handed)) == 4500
