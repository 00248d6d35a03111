"""A saved plan is done as it was read, or nothing is, and what moved is said."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import PLAN

FIELD = {"path": "env.COLOUR", "before": "blue", "after": "green", "apply": "restart"}
CHANGE = {
    "ref": "Process/web-0",
    "writtenAs": "Process/web",
    "verb": "update",
    "apply": "restart",
    "origin": "specs/web.yaml:1",
    "cause": "spec",
    "request": None,
    "fields": [FIELD],
}


@pytest.fixture
def saved(reconciler: Any, operator: Any, tmp_path: Path) -> Path:
    """A plan that was saved."""
    changes = {"inSync": False, "changes": [deepcopy(CHANGE)]}
    operator.pages["GET plan"] = {**deepcopy(PLAN), **changes}
    path = tmp_path / "plan.json"
    assert reconciler("diff", "--out", str(path)).code == 1
    return path


def test_a_plan_that_did_not_move_is_applied(reconciler: Any, operator: Any, saved: Path) -> None:
    """When it was made does not matter; it is nobody else's to read."""
    assert saved.stat().st_mode & 0o777 == 0o600
    operator.pages["GET plan"]["tookMs"] = 12345
    assert reconciler("apply", str(saved)).code == 0
    assert any(one.startswith("POST") for one in operator.asked)


@pytest.mark.parametrize(
    "case",
    [
        ({"revision": "ffffffffff"}, "the specs were at 4f2c1d9 and are at fffffff"),
        ({"changes": []}, "Process/web-0: nothing would change any more"),
        (
            {"changes": [{**CHANGE, "fields": [{**FIELD, "before": "red"}]}]},
            'env.COLOUR was "blue" → "green", is "red" → "green"',
        ),
        ({"changes": [{**CHANGE, "verb": "create"}]}, "was update, is create"),
        (
            {"changes": [CHANGE, {**CHANGE, "ref": "Process/db-0"}]},
            "Process/db-0: would change now too",
        ),
        ({"changes": [], "held": [CHANGE]}, "Process/web-0: is held back now"),
    ],
)
def test_a_plan_that_moved_is_not(
    reconciler: Any, operator: Any, saved: Path, case: tuple[dict[str, Any], str]
) -> None:
    """And what moved is said, one line for each."""
    move, said = case
    operator.pages["GET plan"].update(move)
    code, out, err = reconciler("apply", str(saved))
    assert code == 2
    assert said in out
    assert "nothing was done" in err
    assert not any(one.startswith("POST") for one in operator.asked)


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"version": 99})])
def test_what_is_no_plan_is_not_applied(
    reconciler: Any, operator: Any, tmp_path: Path, text: str
) -> None:
    """It is said how to make one."""
    path = tmp_path / "plan.json"
    path.write_text(text)
    code, _, err = reconciler("apply", str(path))
    assert (code, "is no saved plan" in err) == (2, True)
    assert reconciler("apply", str(tmp_path / "none.json")).code == 2
