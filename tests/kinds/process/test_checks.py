from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.clients.ports import PortBusy
from reconciler.core.errors import Transient
from reconciler.core.sealed import Sealed
from reconciler.kinds.process.checks import Start, check_ports, check_program, check_start
from reconciler.kinds.process.state import Program


def program(folder: Path, *argv: str, **more: object) -> Program:
    return Program.model_validate({"argv": argv, "working_dir": str(folder), **more})


def executable(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_a_program_is_looked_for_where_it_will_be(tmp_path: Path) -> None:
    """In the PATH it is given, written, sealed or inherited, or beside it by a path."""
    tool = tmp_path / "bin" / "tool"
    tool.parent.mkdir()
    executable(tool)
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
    """Both must be there, also what is found by the file's ending."""
    (tmp_path / "a.py").touch()
    check_program("web-0", program(tmp_path, "a.py", interpreter="auto"))
    check_program("web-0", program(tmp_path, "a.py", interpreter="sh"))
    with pytest.raises(Transient, match=r"b\.py of web-0 does not exist"):
        check_program("web-0", program(tmp_path, "b.py", interpreter="auto"))
    with pytest.raises(Transient, match="no-python is not in PATH"):
        check_program("web-0", program(tmp_path, "a.py", interpreter="no-python"))


def refused(folder: Path, *argv: str, **more: object) -> str:
    """What is said of a program that cannot be started."""
    with pytest.raises(Transient) as caught:
        check_program("web-0", program(folder, *argv, **more))
    return str(caught.value)


def test_what_runs_a_script_by_its_ending(tmp_path: Path) -> None:
    """A virtual environment's python comes first; without any it cannot be started."""
    empty = {"PATH": str(tmp_path / "none")}
    for name in ("app.py", "run.ts", "job.sh"):
        (tmp_path / name).touch()
    said = {name: refused(tmp_path, name, interpreter="auto", env=empty) for name in TOOLS}
    assert all(f"the program {tool} is not in" in said[name] for name, tool in TOOLS.items())
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    executable(tmp_path / "venv" / "bin" / "python")
    check_program("web-0", program(tmp_path, "app.py", interpreter="auto", env=empty))


TOOLS = {"app.py": "python3", "run.ts": "ts-node"}


def test_a_script_that_is_executed_itself(tmp_path: Path) -> None:
    """It must be executable: then it may be started. A folder never is."""
    script = tmp_path / "job.sh"
    script.write_text("#!/bin/sh\n")
    said = refused(tmp_path, "job.sh", interpreter="auto")
    assert said.endswith(f"may not be executed; allow it, for example `chmod u+rx {script}`")
    script.chmod(0o755)
    check_program("web-0", program(tmp_path, "job.sh", interpreter="auto"))
    (tmp_path / "app").mkdir()
    for more in ({"interpreter": "auto"}, {}):
        said = refused(tmp_path, "./app", **more)
        assert f"{tmp_path}/app is a folder; name the program in it" in said
    check_program("web-0", program(tmp_path, "app", interpreter="sh"))  # python and node run some


def test_text_must_say_what_runs_it(tmp_path: Path) -> None:
    """And that must be there. Binaries are left to the kernel."""
    for text in ("", "echo here\n"):
        executable(tmp_path / "bare", text)
        assert "let its first line say so" in refused(tmp_path, "./bare")
    executable(tmp_path / "lost", "#! /none/python -u\n")
    assert "is run by '/none/python'" in refused(tmp_path, "./lost")
    executable(tmp_path / "windows", "#!/bin/sh\r\n")
    assert "ends as on Windows" in refused(tmp_path, "./windows")
    for good in ("#!/bin/sh", "#!\t/bin/sh -e\n", "MZ\0", "#!" + " " * 253 + "/bin/sh\n"):
        executable(tmp_path / "good", good)
        check_program("web-0", program(tmp_path, "./good"))
    check_program("web-0", program(tmp_path, "/bin/sh"))


def test_who_it_is_to_be(tmp_path: Path) -> None:
    """A user and a group that are not known are told as such; a number needs no name."""
    said = refused(tmp_path, "sh", user="nouser")
    if os.geteuid() != 0:
        assert "only root may change it" in said
        return
    assert said == "cannot start web-0: user nouser: unknown; create it with `useradd nouser`"
    assert "group nogrp-here: unknown" in refused(tmp_path, "sh", user="65534:nogrp-here")
    check_program("web-0", program(tmp_path, "sh", user="4242:4243"))


@pytest.mark.parametrize("pre_stop", ["./stop.sh", "no-such"])
def test_what_runs_before_the_stop_may_come_later(tmp_path: Path, pre_stop: str) -> None:
    """The program may write it; where it never comes, a stop goes on without it and tells so."""
    check_start(Start("web-0", program(tmp_path, "sh", pre_stop=(pre_stop, "x"))))


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
