"""Who waits for an end is told where there never is one."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.specs.test_targets import load

from reconciler.core.model import Ref

APP = """\
apiVersion: reconciler.dev/v1
kind: Process
metadata: {name: app}
spec:
  command: [sleep, '1']
  dependsOn: [{ref: %s, condition: %s}]
"""
JOB = """\
apiVersion: reconciler.dev/v1
kind: Process
metadata: {name: job}
spec: {command: [sleep, '1'], %s}
"""


@pytest.mark.parametrize(
    ("how", "ref", "why"),
    [
        ("type: cron, schedule: '@daily'", "job", "is a cron and waits for its next time"),
        ("type: service", "job-0", "is started again after every end (restart.policy: always)"),
    ],
)
def test_what_is_never_completed_is_not_waited_for(
    tmp_path: Path, how: str, ref: str, why: str
) -> None:
    """At the place where it is named, with what to write instead; also by one instance."""
    snapshot = load(tmp_path, APP % (ref, "completed"), JOB % how)
    (problem,) = snapshot.problems
    said = f"specs/0.yaml:6:21 Process/app waits until Process/{ref} is completed, but that {why}"
    assert str(problem).startswith(said)
    assert problem.hint.startswith("write type: oneshot in Process/job (specs/1.yaml:")
    assert snapshot.resources.keys() == {Ref("Process", "job")}


@pytest.mark.parametrize(
    ("how", "condition"),
    [
        ("type: oneshot", "completed"),
        ("restart: {policy: onFailure}", "completed"),
        ("restart: {policy: never}", "completed"),
        ("type: service", "started"),
    ],
)
def test_what_can_be_completed_is(tmp_path: Path, how: str, condition: str) -> None:
    """A service too, where it may come to its end; for other conditions nobody asks."""
    snapshot = load(tmp_path, APP % ("job", condition), JOB % how)
    assert snapshot.problems == ()
