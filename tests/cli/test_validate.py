"""validate: problems with their places, for people, programs and reviews."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.validate import annotation

GOOD = """\
apiVersion: reconciler.dev/v1
kind: Process
metadata: {name: web}
spec:
  command: [sleep, "60"]
"""
BAD = GOOD.replace("name: web", "name: api").replace("command:", "comand:")


@pytest.fixture
def specs(stack_dir: Path) -> Path:
    """A folder with one good file."""
    folder = stack_dir / "specs"
    folder.mkdir()
    (folder / "web.yaml").write_text(GOOD)
    return folder


def test_good_specs_are_valid(reconciler: Any, specs: Path, stack_dir: Path) -> None:
    """0 and one line; nothing is left in the state directory."""
    before = sorted(stack_dir.rglob("*"))
    code, out, err = reconciler("validate")
    assert (code, out, err) == (0, "✔ the specs are valid\n", "")
    assert sorted(stack_dir.rglob("*")) == before


def test_a_mistake_has_a_place_and_a_caret(reconciler: Any, specs: Path) -> None:
    """Path, line and column, the line itself, a caret under it, and a hint."""
    (specs / "api.yaml").write_text(BAD)
    code, out, _ = reconciler("validate")
    assert code == 1
    rows = out.splitlines()
    assert rows[0].startswith('error: specs/api.yaml:5:3 unknown field "comand"')
    assert rows[1] == '  5 |   comand: [sleep, "60"]'
    assert rows[2] == "    |   ^"
    assert "command" in rows[3]
    assert "problem" in rows[-1]


@pytest.mark.parametrize("flag", ["--output-format", "--output", "-o"])
def test_problems_as_data(reconciler: Any, specs: Path, flag: str) -> None:
    """``--output-format json``, or ``-o`` as everywhere, is a list, empty when all is well."""
    assert json.loads(reconciler("validate", flag, "json").out) == []
    (specs / "api.yaml").write_text(BAD)
    said = reconciler("validate", flag, "json")
    first = json.loads(said.out)[0]
    assert (said.code, first["path"], first["line"]) == (1, "specs/api.yaml", 5)


def test_problems_beside_the_line_in_a_review(reconciler: Any, specs: Path) -> None:
    """``--output-format github`` writes workflow commands, escaped."""
    (specs / "api.yaml").write_text(BAD)
    out = reconciler("validate", "--output-format", "github").out
    assert out.startswith("::error file=specs/api.yaml,line=5,col=3,title=reconciler::unknown")
    problem = {"path": "a,b:c.yaml", "line": 1, "column": 2, "message": "50%\nno", "hint": ""}
    assert annotation(problem) == (
        "::error file=a%2Cb%3Ac.yaml,line=1,col=2,title=reconciler::50%25%0Ano\n"
    )


@pytest.mark.parametrize("name", ["web.json", "web", ".web.yaml", ".old/web.yaml"])
def test_what_is_never_read_is_not_called_valid(name: str, reconciler: Any, specs: Path) -> None:
    """A file that no operator would read is no spec file, whatever it holds; one elsewhere too."""
    for folder in (specs, specs.parent / "elsewhere"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(GOOD)
        code, out, err = reconciler("validate", str(path))
        if folder == specs or "/" not in name:
            assert (code, out) == (2, "")
            assert f"{path} is no spec file" in err
            assert ".yaml or .yml" in err


def test_one_file_is_judged_alone(reconciler: Any, specs: Path) -> None:
    """Only its own problems count, though its neighbours are read."""
    (specs / "api.yaml").write_text(BAD)
    assert reconciler("validate", str(specs / "web.yaml")).code == 0
    assert reconciler("validate", str(specs / "api.yaml")).code == 1
    assert reconciler("validate", f"{specs}/../specs/api.yaml").code == 1
    assert reconciler("validate", str(specs)).code == 1


def test_what_is_not_there_could_not_be_checked(reconciler: Any, specs: Path) -> None:
    """A wrong path is 2, not a clean bill."""
    code, out, err = reconciler("validate", "nowhere")
    assert (code, out) == (2, "")
    assert "there is no" in err


def test_files_count_as_they_are(reconciler: Any, specs: Path) -> None:
    """What is not committed is checked too: that is when a mistake is cheap."""
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "good"]):
        who = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
        subprocess.run(["git", *who, *command], cwd=specs.parent, check=True)
    (specs / "web.yaml").write_text(BAD)
    assert reconciler("validate").code == 1


ROUTE = """\
apiVersion: reconciler.dev/v1
kind: Route
metadata: {name: all}
spec: {priority: 1, respond: {status: 200}}
---
apiVersion: reconciler.dev/v1
kind: Route
metadata:
  name: part
spec:
  match: {pathPrefix: /part/}
  respond: {status: 204}
"""
TESTED = """\
  tests:
    - {get: /part/x, expect: {status: 200}}
    - get: /part/x
      expect:
        route: part
"""


def test_a_route_that_is_never_used_is_a_warning(reconciler: Any, specs: Path) -> None:
    """With its place, and that of the route which takes its requests; 1 only when asked for."""
    (specs / "routes.yaml").write_text(ROUTE)
    code, out, _ = reconciler("validate")
    assert code == 0
    rows = out.splitlines()
    assert rows[0].startswith("warning: specs/routes.yaml:9:9 Route/part is never used: ")
    assert "Route/all (specs/routes.yaml:1) takes its requests" in rows[0]
    assert rows[1:3] == ["  9 |   name: part", "    |         ^"]
    assert rows[-1] == "\N{HEAVY CHECK MARK} the specs are valid, with 1 warning"
    assert reconciler("validate", "--strict").code == 1
    (said,) = json.loads(reconciler("validate", "-o", "json").out)
    assert said["severity"] == "warning"
    assert reconciler("validate", "-o", "github").out.startswith("::warning file=specs/routes.yaml")


def test_a_test_that_fails_is_an_error(reconciler: Any, specs: Path) -> None:
    """With line and caret at what is not met, and where the request goes instead."""
    (specs / "routes.yaml").write_text(ROUTE + TESTED)
    code, out, _ = reconciler("validate")
    assert code == 1
    text = (
        "error: specs/routes.yaml:17:16 this test fails: GET /part/x goes to "
        "Route/all (specs/routes.yaml:1), not to Route/part"
    )
    assert text in out
    assert "  17 |         route: part" in out
    assert "     |                ^" in out


MOVED = """\
---
apiVersion: reconciler.dev/v1
kind: Gateway
metadata: {name: gateway}
spec: {reserved: {/metrics: false}}
"""


def test_a_path_of_the_operators_own_is_refused_unless_moved(reconciler: Any, specs: Path) -> None:
    """With its place, and with what would make it free."""
    route = ROUTE.partition("---")[2].replace("pathPrefix: /part/", "pathEqual: /metrics")
    (specs / "routes.yaml").write_text(route.lstrip())
    code, out, _ = reconciler("validate")
    assert code == 1
    assert "error: specs/routes.yaml:6:22 /metrics is the operator's own" in out
    assert "hint: the Gateway's `reserved` can move it, or switch it off" in out
    (specs / "routes.yaml").write_text(route.lstrip() + MOVED)
    assert reconciler("validate").code == 0
