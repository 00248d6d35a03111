"""supervisord's loop is spared what it has nothing to do for; everybody else sees all."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.stack.keeper.loop import Groups
from reconciler.stack.keeper.stock import QuietGroup


@pytest.fixture
def groups() -> Groups:
    ours: Any = QuietGroup.__new__(QuietGroup)
    return Groups({"gateway": "theirs", "web-0": ours})


def test_only_the_loop_is_spared_and_only_once(groups: Groups) -> None:
    """Whoever asks after the loop sees all groups again."""
    assert len(groups.values()) == 2
    groups.spare_ours = True
    assert list(groups.values()) == ["theirs"]
    assert len(groups.values()) == 2


def test_what_comes_and_goes_is_followed(groups: Groups) -> None:
    """A group of somebody else is asked in every turn, until it is removed."""
    groups["other"] = "new"
    del groups["gateway"], groups["web-0"]
    groups.spare_ours = True
    assert list(groups.values()) == ["new"]
    assert set(groups) == {"other"}
