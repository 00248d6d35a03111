"""Stacks in folders of their own, as a user has them after a clone."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .moved import move_ports
from .stack import ROOT, Stack


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short folder of this test's own; a unix socket's path has at most 107 bytes."""
    made = Path(tempfile.mkdtemp(dir="/tmp", prefix="rc-e2e-"))
    (made / "home").mkdir()
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def clone(folder: Path) -> Iterator[Stack]:
    """The shipped stack in a git repository of its own, not running yet."""
    root = folder / "clone"
    shutil.copytree(ROOT / "specs", root / "specs")
    shutil.copytree(ROOT / "examples" / "site", root / "examples" / "site")
    ports = move_ports((root / "specs").iterdir(), ("7860", "8010", "8011", "9418"))
    for path in (root / "specs").iterdir():
        path.write_text(path.read_text().replace("interval: 60s", "interval: 1s"))
    (root / ".gitignore").write_text("/.reconciler/\n/data/\n/backup.git/\n/up.log\n")
    stack = Stack(root, ports["7860"], folder / "home")
    stack.begin()
    yield stack
    stack.end()
