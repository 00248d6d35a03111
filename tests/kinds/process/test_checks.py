from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.core.errors import Transient
from reconciler.core.sealed import Sealed
from reconciler.kinds.process.checks import check_program
from reconciler.kinds.process.state import Program


def program(folder: Path, *argv: str, **more: object) -> Program:
    return Program.model_validate({"argv": argv, "working_dir": str(folder), **more})


def test_a_program_is_looked_for_where_it_will_be(tmp_path: Path) -> None:
    """In the PATH it is given, written, sealed or inherited, or beside it by a path."""
    tool = tmp_path / "bin" / "tool"
    tool.parent.mkdir()
    tool.touch(mode=0o755)
    path = f"/none:{tool.parent}"
    check_program("web-0", program(tmp_path, "tool", env={"PATH": path}))
    check_program("web-0", program(tmp_path, "tool", env={"PATH": Sealed.of(path, b"k")}))
    check_program("web-0", program(tmp_path, "bin/tool"))
    check_program("web-0", program(tmp_path, "sh", inherit_env=("PATH",)))
    check_program("web-0", program(tmp_path, "sh"))


def test_what_is_sealed_is_not_told(tmp_path: Path) -> None:
    """Not even where a program was looked for."""
    sealed = {"PATH": Sealed.of("/canary", b"k")}
    with pytest.raises(Transient, match="tool is not in its PATH") as caught:
        check_program("web-0", program(tmp_path, "tool", env=sealed))
    assert "canary" not in str(caught.value)


def test_a_script_and_what_runs_it(tmp_path: Path) -> None:
    """Both must be there; what is found by the file's ending is left to the start."""
    (tmp_path / "a.py").touch()
    check_program("web-0", program(tmp_path, "a.py", interpreter="auto"))
    check_program("web-0", program(tmp_path, "a.py", interpreter="sh"))
    with pytest.raises(Transient, match=r"b\.py of web-0 does not exist"):
        check_program("web-0", program(tmp_path, "b.py", interpreter="auto"))
    with pytest.raises(Transient, match="no-python is not in PATH"):
        check_program("web-0", program(tmp_path, "a.py", interpreter="no-python"))
