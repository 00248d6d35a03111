from __future__ import annotations

import socket

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
