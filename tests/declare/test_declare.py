"""Resources declared from Python are the resources of the YAML they are written as."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reconciler
from reconciler import Gateway, Probe, Process, Repository, Route, Stack, SyncTarget
from reconciler.declare import Declared, Invalid, fields
from reconciler.kinds import KINDS
from reconciler.kinds.process.parts import Restart
from reconciler.kinds.process.spec import ProcessSpec
from reconciler.specs.load import Loader
from reconciler.specs.source import open_source
from reconciler.testing import eventually

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "python" / "stack.py"


def loaded(folder: Path) -> dict[str, Any]:
    """The specs of a folder, as the operator sees them."""
    source = open_source(folder, worktree=True)
    snapshot = Loader(KINDS, source, root=folder.parent, environ={}, key=b"k").load()
    assert snapshot.problems == ()
    return {str(ref): resource for ref, resource in snapshot.resources.items()}


def test_importing_the_package_costs_nothing() -> None:
    """Supervisord and the shell import it too: no model is loaded until a name is asked for."""
    code = (
        "import sys, reconciler; assert 'pydantic' not in sys.modules; "
        "assert not [m for m in sys.modules if m.startswith('reconciler.')]; "
        "from reconciler import Process; assert 'pydantic' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_public_names_are_there_and_no_others() -> None:
    """Each public name can be had, is listed and sorted; another one is an AttributeError."""
    assert reconciler.__all__ == sorted(reconciler.__all__)
    for name in reconciler.__all__:
        assert getattr(reconciler, name) is not None
        assert name in dir(reconciler)
    with pytest.raises(AttributeError, match="Proces"):
        _ = reconciler.Proces  # type: ignore[attr-defined]


def test_the_types_say_what_the_specs_say() -> None:
    """What an editor offers for each kind is what its spec takes."""
    for kind in KINDS.values():
        typed = getattr(fields, f"{kind.name}Fields")
        offered = set(typed.__annotations__) - set(fields.Metadata.__annotations__)
        early = {path for path in getattr(kind.Spec, "not_yet", ()) if "." not in path}
        assert offered - early == set(kind.Spec.model_fields), kind.name


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0$"), min_size=1, max_size=8)
PROCESS = st.fixed_dictionaries(
    {"command": st.lists(TEXT, min_size=1, max_size=3)},
    optional={
        "args": st.lists(TEXT, max_size=3),
        "env": st.dictionaries(st.from_regex(r"[a-j]{1,6}_X", fullmatch=True), TEXT, max_size=3),
        "replicas": st.integers(0, 5),
        "enabled": st.booleans(),
        "umask": st.sampled_from(["027", "0077"]),
        "working_dir": TEXT,
        "inherit_env": st.lists(st.sampled_from(["PATH", "TZ"]), unique=True),
        "restart": st.fixed_dictionaries(
            {}, optional={"max_retries": st.integers(-1, 9), "policy": st.just("never")}
        ),
        "stop": st.fixed_dictionaries({}, optional={"grace": st.sampled_from(["500ms", "1h30m"])}),
        "depends_on": st.just(({"ref": "other", "on_restart": "restart"},)),
        "ports": st.just([{"name": "http", "port": 80}]),
    },
)


@given(PROCESS)
def test_what_is_written_loads_to_what_was_declared(values: dict[str, Any]) -> None:
    """The YAML of a declared process is the process, field for field."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as name:
        specs = Path(name) / "specs"
        Stack(Process("web", **values), Process("other", command="true")).write(specs)
        resource = loaded(specs)["Process/web"]
    assert resource.spec == ProcessSpec.model_validate(values)


def test_python_values_are_taken(tmp_path: Path) -> None:
    """Paths, durations, parts as models, both spellings of names."""
    stack = Stack(
        Process(
            "web",
            command=[Path("/bin/sleep"), "1"],
            working_dir=Path("/srv"),
            restart=Restart(max_retries=3),
            stop={"grace": timedelta(seconds=90), "preStop": ["/bin/true"]},
            env={"KEY": {"from": {"file": __file__}}, "A": "1"},
            labels={"a": "b"},
            suspend=True,
        ),
        Repository("backup", url="/srv/backup.git", interval=timedelta(minutes=3)),
        SyncTarget("data", repository="backup", path=Path("data")),
        Probe("db", tcp={"port": 5432}, period=timedelta(seconds=5)),
        Gateway(listen=7860, default_backend="http://127.0.0.1:1"),
        Route("old", match={"path_equal": "/old"}, redirect={"to": "/", "code": 301}),
    )
    stack.write(tmp_path / "specs")
    found = loaded(tmp_path / "specs")
    web = found["Process/web"]
    assert (web.spec.restart.max_retries, web.spec.stop.grace) == (3, 90)
    assert (web.suspend, web.labels) == (True, {"a": "b"})
    assert found["Repository/backup"].spec.interval == 180
    assert found["Probe/db"].spec.period == 5
    assert found["Route/old"].spec.match.path_equal == "/old"


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (
            lambda: Process("web", comand="x"),  # type: ignore[call-arg]
            "Process has no field comand; did you mean command",
        ),
        (lambda: Process("web", restart={"polcy": 1}), "Process.restart has no field polcy"),
    ],
)
def test_a_wrong_name_is_refused_at_once(declare: Any, said: str) -> None:
    """With the nearest right one."""
    with pytest.raises(TypeError, match=said):
        declare()


def test_what_does_not_work_yet_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name; nothing is silently accepted."""
    monkeypatch.setattr(ProcessSpec, "not_yet", ("later",))
    with pytest.raises(TypeError, match="later is not supported yet"):
        Process("web", later=1)  # type: ignore[call-arg]


def test_names_are_names_and_differ() -> None:
    """A name that could not be a resource's, or is taken, is a ValueError."""
    with pytest.raises(ValueError, match="no name of a Process"):
        Process("../web", command="x")
    with pytest.raises(ValueError, match=r"Process/web is declared twice: .*test_declare\.py:\d+"):
        Stack(Process("web", command="x"), Process("web", command="y"))


def test_problems_name_the_line_of_the_program(tmp_path: Path) -> None:
    """What is wrong is said with where it was declared, and nothing is started."""
    line = inspect.currentframe().f_lineno + 1  # type: ignore[union-attr]
    stack = Stack(Process("web", command="x", replicas=-1), state_dir=tmp_path / "s")
    (problem,) = stack.validate()
    assert (problem.path, problem.line) == (Path(__file__), line)
    assert "Process/web" in problem.message
    assert "replicas" in problem.message
    for verb in (stack.diff, stack.up, stack.run):
        with pytest.raises(Invalid, match="replicas"):
            verb()
    assert not (tmp_path / "s").exists()


def test_what_is_shown_tells_no_secret() -> None:
    """A resource that is printed or logged shows its name and its place."""
    assert "hunter2" not in repr(Process("web", command="x", env={"PASSWORD": "hunter2"}))
    assert isinstance(Process("web", command="x"), Declared)


@pytest.mark.real
@pytest.mark.timeout(120)
def test_a_stack_lives(stack_dir: Path) -> None:
    """Started, changed, looked at and stopped from Python alone; a change restarts what it must."""
    program = stack_dir / "app.py"
    program.write_text(
        "import sys, json\n"
        "from reconciler import Process, Stack\n"
        "stack = Stack(Process('one', command=['sleep', sys.argv[2]], working_dir='sub'),\n"
        "              Process('two', command='sleep 1001'))\n"
        "told = getattr(stack, sys.argv[1])()\n"
        "print('TOLD' + json.dumps(told, default=str))\n"
    )
    (stack_dir / "sub").mkdir()

    def call(verb: str, seconds: str = "1000") -> Any:
        environ = {k: v for k, v in os.environ.items() if not k.startswith("RECONCILER_")}
        done = subprocess.run(
            [sys.executable, program, verb, seconds],
            capture_output=True, text=True, env=environ, cwd="/", check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.partition("TOLD")[2])

    def pids() -> dict[str, int]:
        status = call("status")
        assert status["verdict"]["ready"]
        assert status["verdict"]["inSync"]
        return {one["name"]: one["vitals"].get("pid") for one in status["resources"]}

    try:
        assert "Process" in {one["kind"] for one in call("diff")["unknown"]}
        assert not (stack_dir / ".reconciler").exists()
        assert call("up") is True
        folders = [stack_dir / ".reconciler", *(stack_dir / ".reconciler").rglob("*/")]
        assert [one for one in folders if one.is_dir() and one.stat().st_mode & 0o077] == []
        before = eventually(pids, 30)
        assert psutil.Process(before["one-0"]).cwd() == str(stack_dir / "sub")
        assert call("diff", "999")["summary"]["restarts"] == 1
        assert call("up", "999") is True
        after = pids()
        assert after["one-0"] != before["one-0"]
        assert after["two-0"] == before["two-0"]
        assert psutil.Process(after["one-0"]).cmdline() == ["sleep", "999"]
    finally:
        call("down")
    assert not psutil.pid_exists(after["two-0"])


def test_the_example_is_valid(tmp_path: Path) -> None:
    """`examples/python` writes specs that load."""
    done = subprocess.run(
        [sys.executable, EXAMPLE, "write"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert len(done.stdout.split()) == 3
    assert len(loaded(tmp_path / "specs")) == 3
