"""Where a stack lives."""

from __future__ import annotations

import subprocess
from pathlib import Path

from reconciler.stack.place import Place, prepare


def test_git_does_not_see_a_stack(stack_dir: Path) -> None:
    """The folder beside the specs holds secrets: `git add --all` leaves it out."""
    place = Place(stack_dir / "repo" / ".reconciler", stack_dir / "repo" / "specs")
    prepare(place)
    (place.state_dir / "state" / "processes" / "web-0.json").write_text("{}")
    git = ("git", "-C", str(stack_dir / "repo"))
    subprocess.run([*git, "init", "--quiet"], check=True)
    said = subprocess.run([*git, "status", "--porcelain"], check=True, capture_output=True)
    assert said.stdout == b""


def test_what_git_is_told_may_be_changed(stack_dir: Path) -> None:
    """A person's own rules stay."""
    place = Place(stack_dir, stack_dir / "specs")
    (stack_dir / ".gitignore").write_text("run/\n")
    prepare(place)
    assert (stack_dir / ".gitignore").read_text() == "run/\n"
