"""Where a stack lives."""

from __future__ import annotations

import os
import subprocess
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from reconciler.stack.place import Place, note_ending, note_holder, open_lock, prepare


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


def test_a_note_is_never_half_there(stack_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who looks at the lock at any moment reads the note before or the one after, whole."""
    place = Place(stack_dir, stack_dir)
    prepare(place)
    lock = open_lock(place)
    assert lock is not None
    seen: list[list[str]] = []

    def spied(name: str) -> None:
        real = getattr(os, name)

        def call(*arguments: Any) -> Any:
            done = real(*arguments)
            seen.append((stack_dir / "run" / "up.lock").read_text().split())
            return done

        monkeypatch.setattr(os, name, call)

    spied("pwrite")
    spied("ftruncate")
    note_holder(lock)
    note_ending(lock, pid=os.getpid())
    note_ending(lock)
    os.close(lock)
    me = str(os.getpid())
    assert [said for said, _ in groupby(seen)] == [[me], [me, "ending"], ["ending"]]


def test_a_lock_that_cannot_be_written_keeps_nobody_from_ending(stack_dir: Path) -> None:
    """The note only informs."""
    place = Place(stack_dir, stack_dir)
    prepare(place)
    path = stack_dir / "run" / "up.lock"
    path.write_text("1\n")
    with path.open() as lock:
        note_ending(lock.fileno(), pid=1)
    assert path.read_text() == "1\n"
