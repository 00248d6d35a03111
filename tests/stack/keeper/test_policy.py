from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.backoff import Backoff, Strategy
from reconciler.stack.keeper.policy import Settings

SECONDS = st.floats(0.001, 1000, allow_nan=False)


BACKOFFS = st.builds(Backoff, SECONDS, SECONDS, st.sampled_from(list(Strategy)))


@given(BACKOFFS, st.integers(0, 5000), st.floats(0, 1, exclude_max=True))
def test_the_keeper_waits_as_the_core_says(backoff: Backoff, failures: int, dice: float) -> None:
    """Both reckon the same delay, whatever the strategy and however long the row of failures."""
    settings = Settings(
        backoff=backoff.first, maxBackoff=backoff.longest, strategy=backoff.strategy.value
    )
    assert settings.delay(failures, dice) == backoff.delay(failures, jitter=dice)


def test_the_usual_row() -> None:
    """1, 2, 4, 8, 16, 30, 30 seconds, and none before the first failure."""
    delays = [Settings().delay(failures) for failures in range(8)]
    assert delays == [0, 1, 2, 4, 8, 16, 30, 30]


def test_no_back_off_never_spins() -> None:
    """The first restart is at once; quick failures after it wait longer and longer."""
    settings = Settings(backoff=0)
    assert [settings.delay(n) for n in range(1, 6)] == [0, 0.1, 0.2, 0.4, 0.8]
    assert settings.delay(2000) == 30
    assert Settings(backoff=0, maxBackoff=0).delay(3) == 0.1


def test_no_back_off_keeps_the_strategy() -> None:
    """The dice fall between nothing and the longest wait; what is fixed stays so; none spins."""
    dice = Settings(backoff=0, maxBackoff=5, strategy="random")
    assert [dice.delay(n, 0.5) for n in range(1, 5)] == [2.5] * 4
    assert [dice.delay(n, 0.0) for n in range(1, 5)] == [0] * 4
    fixed = Settings(backoff=0, strategy="fixed")
    assert [fixed.delay(n) for n in range(1, 5)] == [0, 0.1, 0.1, 0.1]
    jitter = Settings(backoff=0, strategy="exponentialJitter")
    assert [jitter.delay(n, 0.5) for n in range(1, 4)] == [0, 0.1 * 0.75, 0.2 * 0.75]
    assert Settings(backoff=0, maxBackoff=0, strategy="random").delay(2, 0.5) == 0.05


@pytest.mark.parametrize(
    ("mode", "policy", "good", "expected"),
    [
        ("service", "always", True, "backoff"),
        ("service", "always", False, "backoff"),
        ("service", "onFailure", True, "completed"),
        ("service", "onFailure", False, "backoff"),
        ("service", "never", True, "completed"),
        ("service", "never", False, "failed"),
        ("oneshot", "always", True, "completed"),
        ("oneshot", "onFailure", False, "backoff"),
        ("oneshot", "never", False, "failed"),
        ("cron", "always", True, "armed"),
        ("cron", "onFailure", False, "backoff"),
        ("cron", "never", True, "armed"),
    ],
)
def test_what_follows_an_end(mode: str, policy: str, good: bool, expected: str) -> None:
    """The kind of program and its policy decide, not how often it has been seen."""
    assert Settings(mode=mode, policy=policy).verdict(1, good=good) == expected


def test_retries_are_counted() -> None:
    """As many restarts as allowed, then no more; -1 is for ever."""
    assert Settings(maxRetries=2).verdict(2, good=False) == "backoff"
    assert Settings(maxRetries=2).verdict(3, good=False) == "failed"
    assert Settings(maxRetries=0).verdict(1, good=False) == "failed"
    assert Settings(maxRetries=-1).verdict(10**6, good=False) == "backoff"
    assert Settings(maxRetries=0).verdict(9, good=True) == "backoff"


def test_settings_come_from_the_wire() -> None:
    """Null and unknown keys are as usual; nonsense is refused."""
    told = {"grace": 3, "preStop": None, "after": ["db"], "stopSignal": "INT", "news": 1}
    settings = Settings.read(told)
    assert (settings.grace, settings.preStop, settings.after) == (3.0, (), ("db",))
    assert settings.stop_signal.name == "SIGINT"
    for wrong in ({"stopSignal": "NONE"}, {"grace": "long"}, {"after": 3}):
        with pytest.raises(ValueError, match="settings: "):
            Settings.read(wrong)
