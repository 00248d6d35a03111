"""A route names a process and one of its ports: both must be there."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.core.model import Ref
from reconciler.kinds import KINDS
from reconciler.specs.load import Loader, Snapshot
from reconciler.specs.source import open_source

PROCESS = """\
apiVersion: reconciler.dev/v1
kind: Process
metadata: {name: web}
spec: {command: [sleep, '1'], replicas: %d, ports: [{name: http, port: auto}]}
"""
ROUTE = """\
apiVersion: reconciler.dev/v1
kind: Route
metadata: {name: web}
spec:
  proxy:
    process: {name: %s, port: %s}
"""
BROKEN = "apiVersion: reconciler.dev/v1\nkind: Process\nmetadata: {name: web}\nspec: {comand: x}\n"
WEB = Ref("Route", "web")


def load(folder: Path, *documents: str) -> Snapshot:
    """What these files hold."""
    specs = folder / "specs"
    specs.mkdir()
    for number, text in enumerate(documents):
        (specs / f"{number}.yaml").write_text(text)
    return Loader(KINDS, open_source(specs), root=folder, environ={}, key=b"key").load()


@pytest.mark.parametrize("replicas", [0, 1, 3])
def test_a_process_and_its_port(tmp_path: Path, replicas: int) -> None:
    """However many instances there are to be, the name is right."""
    snapshot = load(tmp_path, PROCESS % replicas, ROUTE % ("web", "http"))
    assert snapshot.problems == ()
    assert WEB in snapshot.resources


def test_a_process_that_nobody_wrote(tmp_path: Path) -> None:
    """It is told where it stands, with a guess; the route is not served."""
    snapshot = load(tmp_path, PROCESS % 1, ROUTE % ("wab", "http"))
    (problem,) = snapshot.problems
    assert str(problem) == (
        "specs/1.yaml:6:21 Route/web points at Process/wab, which no spec defines"
    )
    assert problem.hint == 'did you mean "Process/web"?'
    assert WEB not in snapshot.resources


def test_no_process_is_a_guess_for_itself(tmp_path: Path) -> None:
    """Nor for a name that has nothing in common with its own but the kind."""
    asking = PROCESS.replace("spec: {", "spec: {dependsOn: [nope], ") % 1
    other = PROCESS.replace("name: web", "name: b") % 1
    (problem,) = load(tmp_path, asking, other).problems
    assert "needs Process/nope" in problem.message
    assert problem.hint == ""


def test_a_port_that_it_does_not_have(tmp_path: Path) -> None:
    """So is a port; what there are is told."""
    snapshot = load(tmp_path, PROCESS % 1, ROUTE % ("web", "metrics"))
    (problem,) = snapshot.problems
    assert str(problem) == ("specs/1.yaml:6:32 Process/web has no port that is called metrics")
    assert problem.hint == "one of http"


def test_a_process_that_cannot_be_read_is_not_missing(tmp_path: Path) -> None:
    """Unknown is not absent."""
    snapshot = load(tmp_path, BROKEN, ROUTE % ("web", "http"))
    (problem,) = snapshot.problems
    assert "comand" in str(problem)
    assert WEB in snapshot.resources
