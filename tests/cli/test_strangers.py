"""The stack of another user: what is said to who may not touch it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli import checks
from reconciler.cli.checks import Finding
from reconciler.settings import Settings
from reconciler.stack.place import Place, note_holder, open_lock

SOMEBODY = 12345
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


@contextmanager
def as_somebody_else() -> Iterator[None]:
    """What this process does is done by another user."""
    os.seteuid(SOMEBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize(
    ("words", "ends"),
    [
        (["logs", "web"], "belongs to root; run the command as that user\n"),
        (["token", "create", "ci"], "belongs to root; run the command as that user\n"),
        (
            ["token", "list"],
            "only the user who runs the stack may, and it must be that user's (0600)",
        ),
    ],
)
def test_the_stack_of_another_user(
    words: list[str], ends: str, reconciler: Callable[..., Any], stack_dir: Path
) -> None:
    """Who may do it is said; nobody is told to move away what is whole."""
    stack_dir.chmod(0o700)
    reconciler(*words)  # what it imports may lie where the other user may not look
    with as_somebody_else():
        code, out, err = reconciler(*words)
    assert (code, out) == (2, "")
    assert "permission denied" in err
    assert ends in err
    assert "move it aside" not in err


def test_a_stack_that_runs_is_not_taken_away(settings: Settings, stack_dir: Path) -> None:
    """While it runs, or may, the doctor sends to its user; only then may it change hands."""

    def rights() -> Finding:
        return next(one for one in checks.state(settings) if "belongs to uid" in one.text)

    as_owner = "sudo -u root reconciler doctor"
    stack_dir.chmod(0o700)
    with as_somebody_else():
        assert rights().fix == as_owner
        (found,) = checks.operator(settings)
    assert "may not speak to the operator" in found.text
    assert found.fix == as_owner
    os.chown(stack_dir, SOMEBODY, SOMEBODY)
    lock = open_lock(Place(settings.state_dir, settings.specs))
    assert lock is not None
    note_holder(lock)
    assert rights().fix == f"sudo -u '#{SOMEBODY}' reconciler doctor"
    os.close(lock)
    assert rights().fix == f"sudo chown -R 0 {stack_dir}"
