"""What is said where a word is wrong, and where nobody listens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reconciler.kinds import KINDS


@pytest.mark.parametrize("word", ["", " "])
@pytest.mark.parametrize(
    "verb", ["get", "describe", "events", "logs", "history", "rollback", "healthcheck", "restart"]
)
def test_an_empty_word_is_not_everything(
    verb: str, word: str, reconciler: Any, operator: Any
) -> None:
    """A shell makes one of a variable that is not set: whoever wrote that meant one thing."""
    code, out, err = reconciler(verb, word)
    assert (code, out) == (2, "")
    assert err.startswith("error: an empty word names nothing\nhint: is a variable")
    assert not [line for line in operator.asked if not line.startswith("GET")]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["get", "proces"], "did you mean process?"),
        (["describe", "proceses"], "did you mean processes?"),
        (["explain", "proces"], "did you mean Process?"),
        (["explain", "zzz"], "kinds: Stack, Process"),
        (["history", "zzz"], "`reconciler history` lists those that were"),
        (["history", "=="], "`reconciler history` lists those that were"),
    ],
)
def test_a_mistyped_word_has_a_way_out(
    words: list[str], hint: str, reconciler: Any, operator: Any
) -> None:
    """The closest there is, or where all of them are listed."""
    operator.pages["GET revisions/%3D%3D"] = (422, {"detail": "String should match pattern"})
    code, out, err = reconciler(*words)
    assert (code, out) == (2, "")
    assert hint in err
    assert "refused" not in err


def test_all_kinds_as_data(reconciler: Any) -> None:
    """Without a name too, whoever asks for JSON gets JSON."""
    items = json.loads(reconciler("explain", "-o", "json").out)["items"]
    assert [one["kind"] for one in items] == list(KINDS)
    assert all(one["description"] for one in items)


@pytest.mark.parametrize("words", ["status -o json", "status", "get", "version -o json"])
@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-"])
def test_a_closed_stdout_is_no_defect(
    words: str, closed: str, operator: Any, stack_dir: Path
) -> None:
    """Whoever closed it wants to hear nothing; the exit code still tells."""
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" -m reconciler {words} {closed}', sys.executable],
        env={**os.environ, "RECONCILER_STATE_DIR": str(stack_dir)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
