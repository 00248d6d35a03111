"""Waits grow as promised, and never past what was asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.backoff import Backoff, Strategy


def test_grows_as_promised() -> None:
    """Out of the box the waits are 1, 2, 4, 8, 16, then 30 for ever."""
    backoff = Backoff()
    assert [backoff.delay(n) for n in range(1, 9)] == [1, 2, 4, 8, 16, 30, 30, 30]


@pytest.mark.parametrize("strategy", Strategy)
def test_nothing_failed_yet(strategy: Strategy) -> None:
    """Without a failure there is nothing to wait for."""
    assert Backoff(strategy=strategy).delay(0, jitter=0.9) == 0


def test_fixed_stays() -> None:
    """A fixed wait is the same after every failure."""
    backoff = Backoff(first=5, strategy=Strategy.FIXED)
    assert {backoff.delay(n) for n in range(1, 50)} == {5}


@given(attempts=st.integers(1, 10**9), jitter=st.floats(0, 1, exclude_max=True))
def test_jitter_spreads_over_half(attempts: int, jitter: float) -> None:
    """With jitter a wait lies between half of the plain one and all of it."""
    plain = Backoff().delay(attempts)
    spread = Backoff(strategy=Strategy.EXPONENTIAL_JITTER).delay(attempts, jitter=jitter)
    assert plain / 2 <= spread <= plain


@given(attempts=st.integers(1, 10**9), jitter=st.floats(0, 1, exclude_max=True))
def test_random_stays_between(attempts: int, jitter: float) -> None:
    """A random wait lies between the first and the longest, however often it failed."""
    backoff = Backoff(first=2, longest=7, strategy=Strategy.RANDOM)
    assert 2 <= backoff.delay(attempts, jitter=jitter) <= 7


@given(
    backoff=st.builds(
        Backoff, st.floats(0.001, 1000), st.floats(0.001, 1000), st.sampled_from(Strategy)
    ),
    attempts=st.integers(0, 10**9),
    jitter=st.floats(0, 1, exclude_max=True),
)
def test_never_past_the_longest(backoff: Backoff, attempts: int, jitter: float) -> None:
    """Even a first wait longer than the longest is cut, and none is negative."""
    assert 0 <= backoff.delay(attempts, jitter=jitter) <= backoff.longest
