"""Where a program is looked for before it is started."""

from __future__ import annotations

import os
from typing import Any

import pytest

from reconciler.core.errors import Transient
from reconciler.kinds.process.checks import check_folder, check_program
from reconciler.kinds.process.state import Program


@pytest.fixture(autouse=True)
def closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes /root a folder that this user may not enter, whoever runs the test."""
    stat, access = os.stat, os.access

    def guarded(path: Any, **more: Any) -> os.stat_result:
        if str(path).startswith("/root/"):
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, **more)

    monkeypatch.setattr(os, "stat", guarded)
    monkeypatch.setattr(os, "access", lambda path, how: str(path) != "/root" and access(path, how))


def test_a_folder_of_path_that_may_not_be_entered_holds_nothing() -> None:
    """PATH of root often names such folders; the program is found behind them."""
    program = Program(argv=("true",), env={"PATH": "/root/bin:/usr/bin:/bin"}, working_dir="/")
    check_program("web-0", program)


def test_a_working_directory_out_of_reach_is_told_as_that() -> None:
    """With the folder that is closed and the command that opens it; not as a fault of ours."""
    with pytest.raises(Transient, match=r"chmod .*x /root`") as caught:
        check_folder("web-0", "/root/x/y")
    assert caught.value.reason == "NotPermitted"


def test_a_script_out_of_reach_is_not_there() -> None:
    """Whether it is there cannot be seen from here."""
    with pytest.raises(Transient, match=r"/root/x\.py of web-0 does not exist"):
        check_program("web-0", Program(argv=("/root/x.py",), interpreter="auto", working_dir="/"))
