"""A real Prometheus, a real stack with load and faults: no panel stays empty."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from tests.e2e.stack import Stack

from reconciler.dashboards.grafana import here
from reconciler.dashboards.pages import DASHBOARDS
from reconciler.testing import eventually

from .monitored import Prometheus, load, monitored, prometheus

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

CHOSEN = {"instance": ".*", "process": "web-0", "route": "app"}
"""What is chosen at the top of a dashboard."""


def chosen(expr: str) -> str:
    """A query as Grafana would send it."""
    asked = here(expr).replace("$__rate_interval", "15s")
    for name, value in CHOSEN.items():
        asked = asked.replace(f"${name}", value)
    assert "$" not in asked, asked
    return asked


def queries() -> Iterator[tuple[str, str]]:
    for dashboard in DASHBOARDS:
        for panel in dashboard.panels():
            for query in panel.queries:
                yield f"{dashboard.uid}: {panel.title}", chosen(query.expr)
        for one in dashboard.variables:
            yield f"{dashboard.uid}: ${one.name}", f'{one.series}{{{one.label}!=""}}'


def empty(prometheus: Prometheus) -> list[str]:
    """The panels, and choices, that show nothing."""
    return [where for where, expr in queries() if not prometheus.drawn(expr)]


def test_every_panel_shows_something() -> None:
    """Every query of every panel finds series; so does every choice, and the marks of deploys."""
    with monitored() as stack, load(stack), prometheus(stack) as watching:
        eventually(lambda: stack.pids().get("web-0"), 30)
        os.kill(stack.pids()["web-0"], signal.SIGKILL)

        def all_there() -> bool:
            left = empty(watching)
            assert not left, "\n".join(left)
            return True

        eventually(all_there, 120, every=1)
        assert not watching.drawn(chosen("reconciler_process_up_renamed"))
        [mark] = watching.found("reconciler_spec_revision_timestamp_seconds")
        assert mark["metric"]["revision"] == stack.git("rev-parse", "HEAD").strip()
        wrong = watching.ask("targets")["activeTargets"][0]["lastError"]
        assert not wrong
        # What is wrong in it is told, and nothing else.
        eventually(lambda: watching.firing() >= TOLD, 60, every=1)
        assert not watching.firing() & QUIET
        # What has left its parent, session and group still counts as what it was started for.
        assert watching.drawn('reconciler_process_members{name="leaves-0"} == 2')
        for words, code in CHECKED.items():
            eventually(lambda w=words, c=code: _checked(stack, w) == c, 30, every=0.5)


def _checked(stack: Stack, words: str) -> int:
    return stack.command("healthcheck", *words.split(), "--port", str(stack.port)).returncode


CHECKED = {"": 0, "web": 0, "gives-up": 1, "probe/database": 1}
TOLD = {
    "ReconcilerUnhealthy",
    "ReconcilerProcessGaveUp",
    "ReconcilerStalled",
    "ReconcilerSuspendedLong",
    "ReconcilerProbeFails",
    "ReconcilerRouteFails",
}
QUIET = {
    "ReconcilerDown",
    "ReconcilerStuck",
    "ReconcilerBlind",
    "ReconcilerWatchLost",
    "ReconcilerGatewayDown",
    "ReconcilerBackupOld",
    "ReconcilerBackupFails",
    "ReconcilerRemoteAway",
    "ReconcilerRouteSlow",
    "ReconcilerSpecsBroken",
}
