"""What follows another begins anew once for each time the other did."""

from __future__ import annotations

import os
from typing import Final

import psutil
import pytest

from reconciler.testing import eventually

from .herd import make_herd

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

SOAK: Final = os.environ.get("RECONCILER_SOAK") == "1"
SLOW: Final = 'trap "sleep 0.2; exit 0" TERM; while :; do read -t 60 <> <(:); done'


def test_followers_begin_anew_once() -> None:
    """Also those that take their time to end, and those that follow a follower."""
    with make_herd() as stack:
        stack.write("leader", "restart: {backoff: 100ms}")
        follows = "dependsOn: [{{ref: {}, condition: ready, onRestart: restart}}]"
        stack.write("slow", follows.format("leader"), does=SLOW)
        stack.write("quick", follows.format("leader"))
        stack.write("last", follows.format("slow"), does=SLOW)
        stack.write("calm", "dependsOn: [leader]")
        stack.begin()
        stack.up()
        for turn in range(1, 9 if SOAK else 3):
            psutil.Process(stack.pids()["leader-0"]).kill()
            eventually(lambda: stack.starts()["last-0"] > turn, 20)
            stack.settle()
            assert stack.starts() == {
                **dict.fromkeys(("leader-0", "slow-0", "quick-0", "last-0"), turn + 1),
                "calm-0": 1,
            }
