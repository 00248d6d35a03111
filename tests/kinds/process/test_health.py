"""How well a process does that ends well and is started again."""

from __future__ import annotations

import pytest

from reconciler.core.model import HealthCode, Observed
from reconciler.kinds.process.health import health
from reconciler.kinds.process.state import Program


def seen(brief: int, failures: int = 0) -> Observed[Program]:
    """One that waits for its next start."""
    vitals = {
        "state": "backoff",
        "failures": failures,
        "brief": brief,
        "lastExit": {"code": 0, "signal": None},
        "message": "exited with code 0, a good end; is started again",
    }
    return Observed(Program(), owned=True, vitals=vitals)


@pytest.mark.parametrize(
    ("brief", "failures", "code", "reason"),
    [
        (0, 0, HealthCode.PROGRESSING, "Restarting"),
        (3, 0, HealthCode.PROGRESSING, "Restarting"),
        (4, 0, HealthCode.DEGRADED, "EndsAtOnce"),
        (4, 1, HealthCode.DEGRADED, "CrashLoop"),
    ],
)
def test_a_good_end_again_and_again(
    brief: int, failures: int, code: HealthCode, reason: str
) -> None:
    """Now and then it is no trouble; what never stays is no service."""
    found = health(seen(brief, failures))
    assert (found.code, found.reason, found.stuck) == (code, reason, False)


def test_what_is_no_service_is_told_with_what_to_write() -> None:
    """With how often, how it ended, and the type that is meant."""
    assert health(seen(5)).message == (
        "ended 5 times in a row before it was healthy, last with exit code 0; "
        "a service is meant to stay (type: oneshot for what completes)"
    )
