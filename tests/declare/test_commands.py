"""The commands on a stack that a program declares: they work with what was declared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from reconciler.testing import eventually

PROGRAM = """\
import sys
from reconciler import Gateway, Process, Route, Stack
stack = Stack(
    Process("one", command=["sleep", "1000"], working_dir="sub"),
    *([Gateway(listen=int(sys.argv[2])),
       Route("r", match={"path_prefix": "/r/"}, respond={"body": "hi", "status": 200})]
      if len(sys.argv) > 2 else []),
    state_dir=sys.argv[0] + ".d",
)
getattr(stack, sys.argv[1])()
"""


class Said(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Commands = Callable[..., Said]


@pytest.fixture
def program(stack_dir: Path) -> Path:
    """One that declares a stack."""
    (stack_dir / "sub").mkdir()
    path = stack_dir / "app"
    path.write_text(PROGRAM)
    return path


@pytest.fixture
def call(program: Path, tmp_path: Path) -> Commands:
    """Runs a command line on the stack of ``program``, in a folder without specs."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith("RECONCILER_")}

    def run(*arguments: str, **more: str) -> Said:
        command = [sys.executable, "-m", "reconciler", *arguments, "--state-dir", f"{program}.d"]
        done = subprocess.run(
            command, capture_output=True, text=True, env=environ | more, cwd=tmp_path, check=False
        )
        return Said(done.returncode, done.stdout, done.stderr)

    return run


def declare(program: Path, *arguments: str) -> None:
    """Run the program."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith("RECONCILER_")}
    subprocess.run([sys.executable, program, *arguments], env=environ, check=True, cwd="/")


def declared_by(program: Path) -> Path:
    """The folder of what it declares, as after a start that declared nothing."""
    folder = Path(f"{program}.d") / "state" / "declared"
    folder.mkdir(parents=True)
    (folder / ".root").write_text(str(program.parent))
    return folder


@pytest.mark.real
@pytest.mark.timeout(120)
def test_commands_know_what_was_declared(program: Path, call: Commands, free_port: int) -> None:
    """While the stack runs, after it was stopped, and where the command line starts it again."""
    declared = Path(f"{program}.d") / "state" / "declared"
    try:
        declare(program, "up", str(free_port))
        for _ in ("while it runs", "while it does not"):
            valid = call("validate")
            assert valid == (0, "✔ the specs are valid\n", "")
            assert "Route/r" in call("route", "test", "/r/").out
            declare(program, "down")
        stopped = call("diff")
        assert "Process: Unreachable" in stopped.out
        assert "specs" not in stopped.out + stopped.err
        assert "specs" not in call("apply").err
        assert call("up", "--detach").code == 0
        (one,) = (
            each for each in json.loads(call("status", "-o", "json").out)["resources"]
            if each["name"] == "one-0"
        )  # fmt: skip
        assert psutil.Process(one["vitals"]["pid"]).cwd() == str(program.parent / "sub")
        for verb in (["diff"], ["diff", "--worktree"], ["apply"]):
            assert call(*verb).code == 0, verb
        assert str(declared) in call("doctor").out
        assert (declared.parents[1].stat().st_mode & 0o777) == 0o700
    finally:
        declare(program, "down")
    assert not psutil.pid_exists(one["vitals"]["pid"])


@pytest.mark.real
@pytest.mark.timeout(120)
def test_a_difference_is_not_to_be_committed(program: Path, call: Commands) -> None:
    """There is no work tree that could be: it is said what does help."""
    try:
        many = '*(Process(f"p{n}", command="sleep 1000") for n in range(4)),'
        program.write_text(PROGRAM.replace("    *(", f"    {many}\n    *("))
        declare(program, "up")
        # As the program does that declares no more of them; so many deletions are held back.
        for file in (Path(f"{program}.d") / "state" / "declared").glob("process-*.yaml"):
            file.unlink()
        assert eventually(lambda: call("diff").code == 1, 30)
        said = call("diff", "--worktree")
        assert said.code == 1
        assert "`reconciler apply --confirm" in said.err
    finally:
        declare(program, "down")


def test_one_file_is_validated_from_anywhere(program: Path, call: Commands) -> None:
    """What is wrong in it is told, though its paths mean another folder."""
    declared = declared_by(program)
    file = declared / "process-one.yaml"
    head = "apiVersion: reconciler.dev/v1\nkind: Process\nmetadata: {name: one}\n"
    file.write_text(head + "spec: {comand: x}\n")
    said = call("validate", str(file), RECONCILER_ROOT=str(program.parent))
    assert said.code == 1
    assert "declared/process-one.yaml:4:8" in said.out


def test_specs_that_are_said_or_here_come_first(
    program: Path, call: Commands, tmp_path: Path
) -> None:
    """What a program declared is for who has no others."""
    declared = declared_by(program)
    (declared / "broken.yaml").write_text("kind: [")
    assert call("validate").code == 1
    assert call("validate", "--specs", str(tmp_path / "none")).code == 2
    (tmp_path / "specs").mkdir()
    assert call("validate").code == 0


def test_what_is_imported_is_no_declaration(program: Path, call: Commands, tmp_path: Path) -> None:
    """It goes into a folder of specs, also where a program declares the stack."""
    declared = declared_by(program)
    (tmp_path / "s.conf").write_text("[program:web]\ncommand=/bin/sleep 1\n")
    assert call("import", "s.conf", "--write").code == 0
    assert (tmp_path / "specs" / "web.yaml").exists()
    assert [path.name for path in declared.iterdir()] == [".root"]


@pytest.mark.real
@pytest.mark.timeout(120)
def test_a_stack_that_moved_to_specs_is_declared_no_more(
    program: Path, call: Commands, tmp_path: Path
) -> None:
    """What a program once declared is not started by a command in the wrong folder."""
    declared_by(program)
    (tmp_path / "specs").mkdir()
    try:
        assert call("up", "--detach").code == 0
    finally:
        call("down")
    (tmp_path / "specs").rmdir()
    assert "there is no folder" in call("up", "--detach").err
