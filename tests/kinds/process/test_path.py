"""Where a program is looked for before it is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.kinds.process.checks import check_program
from reconciler.kinds.process.state import Program


def test_a_folder_of_path_that_may_not_be_entered_holds_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """PATH of root often names such folders; the program is found behind them."""
    is_file = Path.is_file

    def guarded(path: Path) -> bool:
        if path.is_relative_to("/root"):
            raise PermissionError(13, "Permission denied", str(path))
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", guarded)
    program = Program(argv=("true",), env={"PATH": "/root/bin:/usr/bin:/bin"}, working_dir="/")
    check_program("web-0", program)
