from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.clients.ports import PortBusy
from reconciler.core.errors import Transient
from reconciler.core.sealed import Sealed
from reconciler.kinds.process.checks import check_ports, check_program
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


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that this very process listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


def test_a_port_of_the_instance_itself_is_free_for_it(taken: int) -> None:
    """What is replaced gives its port back; for anybody else it is taken, and by whom is said."""
    program = Program(ports={"http": taken})
    check_ports("web-0", program, os.getpid())
    with pytest.raises(PortBusy, match=rf"port {taken} of web-0 is taken by .*{os.getpid()}"):
        check_ports("web-0", program)


def test_a_namesake_of_another_stack_is_another(
    taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below another supervisord an instance of the same name is not ours."""
    monkeypatch.setattr("reconciler.kinds.process.checks.instance_of", lambda _: "web-0")
    program = Program(ports={"http": taken})
    check_ports("web-0", program)
    monkeypatch.setenv("SUPERVISOR_ENABLED", "1")
    monkeypatch.setattr("reconciler.kinds.process.checks.os.getppid", lambda: -1)
    with pytest.raises(PortBusy):
        check_ports("web-0", program)
