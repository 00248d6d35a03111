"""import: what others wrote becomes specs that are valid and mean the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.import_.draft import Draft
from reconciler.cli.import_.importing import guess
from reconciler.cli.import_.names import give_names, legal
from reconciler.cli.import_.processman import import_processman
from reconciler.cli.outcome import Failure
from reconciler.core.sealed import Sealed
from reconciler.kinds import KINDS
from reconciler.kinds.process.state import Program, render
from reconciler.specs.load import Loader, Snapshot
from reconciler.specs.source import open_source
from reconciler.testing import eventually

CASES = Path(__file__).parent / "cases"
GOLDEN = Path(__file__).parent / "golden"
ENVIRON = {"API_HOST": "::", "API_TOKEN": "t", "STAGE": "x", "REDIS_PASSWORD": "p w", "MORE": "m"}


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """The cases in a folder of their own."""
    return Path(shutil.copytree(CASES, tmp_path / "cases"))


def load(specs: Path, environ: dict[str, str] = ENVIRON) -> Snapshot:
    """The specs as the operator sees them."""
    source = open_source(specs, worktree=True)
    return Loader(KINDS, source, root=specs.parent, environ=environ, key=b"k").load()


@pytest.mark.parametrize(
    "name", ["notebook.conf", "nasty.conf", "pb_processes.json", "admin_config.json"]
)
def test_golden(name: str, cases: Path, reconciler: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The specs and the report of each case are as they were read and found good."""
    monkeypatch.setenv("COLUMNS", "1000")
    code, out, err = reconciler("import", str(cases / name))
    assert code == (0 if name == "notebook.conf" else 1)
    for suffix, text in ((".yaml", out), (".txt", err)):
        seen = text.replace(str(cases), "HERE")
        golden = GOLDEN / f"{name}{suffix}"
        if os.environ.get("RECONCILER_GOLDEN") == "write":
            golden.parent.mkdir(exist_ok=True)
            golden.write_text(seen)
        assert seen == golden.read_text()


@pytest.mark.parametrize("name", ["notebook.conf", "nasty.conf", "pb_processes.json"])
def test_what_is_written_is_valid(
    name: str, *, cases: Path, reconciler: Any, stack_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file for each process, and `validate` finds nothing once the variables are set."""
    for key, value in ENVIRON.items():
        monkeypatch.setenv(key, value)
    assert reconciler("import", str(cases / name), "--write").code in {0, 1}
    said = reconciler("validate")
    assert said.code == 0, said
    specs = stack_dir / "specs"
    assert len(load(specs).resources) == len(list(specs.iterdir()))


def test_nothing_is_overwritten(cases: Path, reconciler: Any, tmp_path: Path) -> None:
    """A file that is there stays, and none is written then; --force says otherwise."""
    conf, folder = str(cases / "notebook.conf"), tmp_path / "out"
    folder.mkdir()
    (folder / "frontend.yaml").write_text("mine")
    code, _, err = reconciler("import", conf, "-o", str(folder))
    assert code == 2
    assert "frontend.yaml is already there; nothing was written" in err
    assert [path.name for path in folder.iterdir()] == ["frontend.yaml"]
    assert reconciler("import", conf, "-o", str(folder), "--force").code == 0
    assert "frontend" in (folder / "frontend.yaml").read_text()
    assert reconciler("import", conf, "-o", str(tmp_path / "one.yaml")).code == 0
    assert (tmp_path / "one.yaml").read_text().count("kind: Process") == 3


def test_a_secret_in_the_open_is_for_its_owner(
    cases: Path, reconciler: Any, tmp_path: Path
) -> None:
    """A spec with a password in it is written 0600, and the report says what to do."""
    folder = tmp_path / "out"
    err = reconciler("import", str(cases / "nasty.conf"), "-o", str(folder)).err
    assert "env DSN: looks secret" in err
    assert "hunter2" not in err
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes["web-app.yaml"] == 0o600
    assert modes["more.yaml"] == 0o644


def test_the_format_shows(cases: Path) -> None:
    """What a file is shows in what it holds."""
    assert guess(cases / "nasty.conf") == "supervisord"
    assert guess(cases / "parts" / "more.ini") == "supervisord"
    assert guess(cases / "pb_processes.json") == "processman"
    (cases / "other").write_text("hello")
    with pytest.raises(Failure, match="is no supervisord"):
        guess(cases / "other")
    (cases / "broken.json").write_text('{"rules": [\n  nonsense')
    with pytest.raises(Failure, match=r"broken\.json:2:3 is no JSON: expecting value"):
        guess(cases / "broken.json")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[program:x]\nenvironment=A='x\ncommand=y\n", "environment cannot be read"),
        ("[program:x]\ncommand=y\nautostart=maybe\n", "neither true nor false"),
        ("[program:x]\ncommand=%(ENV_X)s %(nothing)s\n", "'nothing', which nothing defines"),
        ("[program:x]\ncommand=100% sure\n", "bare %"),
        ("[program:x]\ncommand=%(here)d\n", "cannot be filled in"),
        ("[program:x]\ncommand=y\nnumprocs=many\n", "not a number"),
        ("[program:x]\ncommand=y\nnumprocs=%(ENV_NO_SUCH)s\n", "NO_SUCH, and specs take none"),
        ("[program:x]\ncommand=y\numask=9\n", "not octal"),
        ("[program:x]\n", "it has no command"),
    ],
)
def test_a_sick_program_is_left_out(text: str, said: str, tmp_path: Path, reconciler: Any) -> None:
    """One that cannot be carried over is named with its reason, and the others come."""
    conf = tmp_path / "a.conf"
    conf.write_text(f"{text}[program:well]\ncommand=sleep 1\n")
    code, out, err = reconciler("import", str(conf))
    assert code == 1
    assert "name: well" in out
    assert said in " ".join(err.split())


@pytest.mark.parametrize("text", ["no section\n", "[include]\nfiles=%(nothing)s\n[supervisord]\n"])
def test_a_sick_file_is_refused(text: str, tmp_path: Path, reconciler: Any) -> None:
    """What supervisord could not read either is one error."""
    (tmp_path / "a.conf").write_text(text)
    code, out, err = reconciler("import", str(tmp_path / "a.conf"), "--format", "supervisord")
    assert (code, out) == (2, "")
    assert "supervisord could not read it either" in err


def test_a_variable_where_specs_take_none_has_its_present_value(
    tmp_path: Path, reconciler: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`autostart=%(ENV_ENABLE)s` is common in images."""
    monkeypatch.setenv("ENABLE", "false")
    conf = tmp_path / "a.conf"
    conf.write_text("[program:x]\ncommand=sleep 1\nautostart=%(ENV_ENABLE)s\n")
    code, out, err = reconciler("import", str(conf))
    assert code == 0
    assert "enabled: false" in out
    assert "autostart: has the value that ENABLE has now" in err


def test_names_become_legal_and_differ() -> None:
    """No two are the same, none is reserved, none is an instance of another."""
    originals = ["Web", "web", "web-0", "gateway", "a" * 80, "日本", "_", "x.y"]
    drafts = [Draft(name, spec={"command": "x"}) for name in originals]
    give_names(drafts)
    names = [draft.name for draft in drafts]
    assert names[:4] == ["web", "web-app", "web-0-app", "gateway-app"]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 63 for name in names)
    assert legal("My_App.2") == "my-app-2"


def test_processman_knows_its_data_directory(tmp_path: Path) -> None:
    """``cwd`` is joined to it, and it is handed on; a hostile file is refused with its name."""
    path = tmp_path / "pb_processes.json"
    path.write_text(json.dumps([{"id": "a", "script": "a.py", "cwd": "./x"}]))
    (draft,) = import_processman(path, Path("/pb/data")).drafts
    assert draft.spec["workingDir"] == "/pb/data/x"
    assert draft.spec["env"] == {"PB_PORT": "8090", "PB_DATA_DIR": "/pb/data"}
    for text in ("{", '{"id": 1}', "\xff"):
        path.write_text(text)
        with pytest.raises(Failure, match=r"pb_processes\.json"):
            import_processman(path)
    path.write_text('[1, {"id": 7}, {"id": "b", "script": 5, "env": [], "command": ""}]')
    assert not any(one.spec for one in import_processman(path).drafts)


DUMP = """\
import json, os, sys
out = sys.argv[1]
with open(out + ".new", "w") as file:
    json.dump({"argv": sys.argv[2:], "env": dict(os.environ), "cwd": os.getcwd()}, file)
os.rename(out + ".new", out)
"""
CONF = r"""
[supervisord]
nodaemon=true
logfile=%(here)s/s.log
pidfile=%(here)s/s.pid
environment=SHARED="of all",ZONE="Asia/Shanghai"

[program:plain]
command=PYTHON %(here)s/dump.py %(here)s/plain.json --zone %(ENV_ZONE)s
    'two words' "" 5$ '$$' '${NOT}' 100%% a\ b "q\"q" 'ü€' %(ENV_STAGE)s
directory=%(here)s/sub
startsecs=0
autorestart=false
environment=A="1,2",B='x y',C=plain,
    D="$HOME ${HOME}",E="%(ENV_STAGE)s/%(program_name)s",TOKEN="%(ENV_API_TOKEN)s"

[program:many]
command=PYTHON %(here)s/dump.py %(here)s/many-%(process_num)d.json n%(process_num)02d
process_name=%(program_name)s_%(process_num)02d
numprocs=2
directory=%(here)s
startsecs=0
autorestart=false

[program:login]
command=/bin/bash -lc 'exec PYTHON %(here)s/dump.py %(here)s/login.json "$SHARED" && %(ENV_STAGE)s'
directory=%(here)s
startsecs=0
autorestart=false

[program:secret]
command=PYTHON %(here)s/dump.py %(here)s/secret.json --pass %(ENV_API_TOKEN)s "it's $x"
directory=%(here)s
startsecs=0
autorestart=false
"""


@pytest.mark.real
def test_processes_get_what_supervisord_gave_them(tmp_path: Path, reconciler: Any) -> None:
    """Arguments, working directory and declared environment are the same, byte for byte."""
    for name in ("theirs", "ours"):
        folder = tmp_path / name
        (folder / "sub").mkdir(parents=True)
        (folder / "dump.py").write_text(DUMP)
        (folder / "s.conf").write_text(CONF.replace("PYTHON", sys.executable))
    files = ("plain", "many-0", "many-1", "login", "secret")
    theirs = _under_supervisord(tmp_path / "theirs", files)
    assert reconciler("import", str(tmp_path / "ours" / "s.conf"), "--write").code == 0
    ours = _by_ourselves(tmp_path / "ours", files, Path(os.environ["RECONCILER_SPECS"]))
    for name in files:
        assert ours[name]["argv"] == theirs[name]["argv"]
        assert ours[name]["cwd"].replace("/ours", "/theirs") == theirs[name]["cwd"]
        own = {"SHARED", "ZONE", "A", "B", "C", "D", "E", "TOKEN"} & theirs[name]["env"].keys()
        assert {k: ours[name]["env"][k] for k in own} == {k: theirs[name]["env"][k] for k in own}


def _under_supervisord(folder: Path, files: tuple[str, ...]) -> dict[str, Any]:
    program = Path(sys.executable).with_name("supervisord")
    environ = {**os.environ, "STAGE": "test", "API_TOKEN": "secret"}
    with subprocess.Popen(
        [program, "-c", folder / "s.conf"], env=environ, stdout=subprocess.DEVNULL
    ) as daemon:
        try:
            eventually(lambda: all((folder / f"{name}.json").exists() for name in files), 30)
        except AssertionError as error:
            there = sorted(path.name for path in folder.iterdir())
            raise AssertionError(f"{there}: {(folder / 's.log').read_text()}") from error
        finally:
            daemon.terminate()
    return _read(folder, files)


def _by_ourselves(folder: Path, files: tuple[str, ...], specs: Path) -> dict[str, Any]:
    snapshot = load(specs, {"STAGE": "test", "API_TOKEN": "secret"})
    assert snapshot.problems == ()
    for resource in snapshot.resources.values():
        (instance,) = KINDS["Process"].instances(resource)
        program: Program = render(instance)
        env = {k: v.reveal() if isinstance(v, Sealed) else v for k, v in program.env.items()}
        given = {**env, "PATH": os.environ["PATH"]}
        subprocess.run(program.argv, env=given, cwd=program.working_dir, check=True)
    return _read(folder, files)


def _read(folder: Path, files: tuple[str, ...]) -> dict[str, Any]:
    return {name: json.loads((folder / f"{name}.json").read_text()) for name in files}
