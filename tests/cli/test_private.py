"""A state directory is made where it is needed, and for its owner alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("verb", ["diff", "apply"])
def test_without_specs_nothing_is_left_behind(verb: str, tmp_path: Path) -> None:
    """It is said once, and the wrong folder is as it was."""
    done = subprocess.run(
        [sys.executable, "-m", "reconciler", verb],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if not k.startswith("RECONCILER_")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("does not exist; create it or point --specs at it") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["apply"], ["token", "create", "ci"]])
def test_a_state_directory_is_private_whoever_makes_it(words: list[str], tmp_path: Path) -> None:
    """Also without `up`: what it holds is for nobody else."""
    (tmp_path / "specs").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "reconciler", *words],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if not k.startswith("RECONCILER_")},
        capture_output=True,
        check=False,
    )
    made = [path for path in (tmp_path / ".reconciler").rglob("*") if path.is_dir()]
    assert made, done.stderr
    assert [one for one in (*made, tmp_path / ".reconciler") if one.stat().st_mode & 0o077] == []
