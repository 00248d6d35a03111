"""The worlds that most tests of targets happen in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.testing.backup_worlds import GitWorld, open_world


@pytest.fixture(params=["path", "http"])
def world(request: pytest.FixtureRequest, stack_dir: Path) -> Iterator[GitWorld]:
    """A remote that is a path, and one over HTTP with a password."""
    with open_world(request.param, stack_dir) as found:
        assert isinstance(found, GitWorld)
        yield found


@pytest.fixture
def near(stack_dir: Path) -> Iterator[GitWorld]:
    """A remote that is a path."""
    with open_world("path", stack_dir) as found:
        assert isinstance(found, GitWorld)
        yield found
