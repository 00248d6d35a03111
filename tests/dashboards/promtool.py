"""Asks the real promtool."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from reconciler.dashboards.alerts import ALERTS, Alert
from reconciler.dashboards.files import RUNBOOKS, rules

STEPS = ("1m", "30m")


class Case(NamedTuple):
    """What is seen and what is told then; ``well`` is when nothing is.

    A sample a minute, or where it takes hours one each half an hour.
    """

    series: dict[str, str]
    well: dict[str, str]
    at: str
    labels: dict[str, str]
    summary: str


def said(*arguments: str | Path) -> str:
    """What it says, good or bad; fails the test when it is not content."""
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def fire_all(folder: Path, cases: dict[str, Case]) -> str:
    """Every case fires its alert, and none when all is well."""
    (folder / "rules.yml").write_text(rules())
    for step in STEPS:
        tests = [
            one
            for name, case in cases.items()
            if _step(case) == step
            for one in _tests(_alert(name), case)
        ]
        asked = {"rule_files": ["rules.yml"], "evaluation_interval": step, "tests": tests}
        (folder / f"{step}.yml").write_text(json.dumps(asked))  # JSON is YAML
    return said("test", "rules", *(folder / f"{step}.yml" for step in STEPS))


def _step(case: Case) -> str:
    return STEPS["h" in case.at]


def _alert(name: str) -> Alert:
    return next(one for one in ALERTS if one.name == name)


def _tests(alert: Alert, case: Case) -> list[dict[str, Any]]:
    told = {
        "exp_labels": {**case.labels, "severity": alert.severity},
        "exp_annotations": {
            "summary": case.summary,
            "runbook_url": f"{RUNBOOKS}/{alert.name}.md",
        },
    }
    return [_test(alert, case, case.series, [told]), _test(alert, case, case.well, [])]


def _test(alert: Alert, case: Case, series: dict[str, str], told: list[Any]) -> dict[str, Any]:
    return {
        "name": alert.name,
        "interval": _step(case),
        "input_series": [{"series": name, "values": seen} for name, seen in series.items()],
        "alert_rule_test": [{"alertname": alert.name, "eval_time": case.at, "exp_alerts": told}],
    }
