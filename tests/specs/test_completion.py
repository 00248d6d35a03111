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


def test_what_only_begins_like_a_service_is_not_an_instance_of_it(tmp_path: Path) -> None:
    """While the file of `db-migrate` is broken, `db` is not what is waited for."""
    service = JOB.replace("name: job", "name: db") % "type: service"
    broken = JOB.replace("name: job", "name: db-migrate") % "type: oneshot, : : ["
    snapshot = load(tmp_path, APP % ("db-migrate", "completed"), service, broken)
    assert not any("is completed" in problem.message for problem in snapshot.problems)
    assert Ref("Process", "app") in snapshot.resources


def test_what_is_written_twice_is_not_judged_by_its_namesake(tmp_path: Path) -> None:
    """Which `job-0` it will be nobody knows yet; either may come to its end."""
    twice = JOB.replace("name: job", "name: job-0") % "type: oneshot"
    waits = APP % ("job-0", "completed")
    snapshot = load(tmp_path, waits, JOB % "type: service", twice, twice)
    assert not any("is completed" in problem.message for problem in snapshot.problems)


@pytest.mark.parametrize(("anyway", "count"), [(", onTimeout: start", 0), ("", 1)])
def test_who_starts_anyway_may_wait_for_what_never_ends(
    tmp_path: Path, anyway: str, count: int
) -> None:
    """It is a delay, and whoever wrote it knows; who fails after the timeout waits in vain."""
    app = APP % ("job", "completed, timeout: 2s" + anyway)
    assert len(load(tmp_path, app, JOB % "type: service").problems) == count
