from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

LAUNCHER = Path(__import__("reconciler").__file__).parent / "stack" / "launch.py"
DUMP = (
    "import json,os,signal,sys;"
    "m=os.umask(0);"
    "json.dump({'argv':sys.argv,'env':dict(os.environ),'cwd':os.getcwd(),'umask':m,"
    "'uid':os.getuid(),'gid':os.getgid(),'groups':os.getgroups(),"
    "'pipe':str(signal.getsignal(signal.SIGPIPE)),'fds':os.listdir('/proc/self/fd')},"
    "open(sys.argv[1],'w'))"
)


class Launch:
    """Starts programs through the launcher, as supervisord would."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        for part in ("state", "run"):
            (state_dir / part / "processes").mkdir(parents=True)

    @property
    def note(self) -> dict[str, Any]:
        """The run record."""
        return dict(json.loads((self.state_dir / "run/processes/web-0.json").read_text()))

    def write(self, **record: Any) -> None:
        path = self.state_dir / "state/processes/web-0.json"
        path.write_text(json.dumps({"argv": ["/bin/true"], "env": {}, "cwd": "/tmp", **record}))

    def __call__(self, **options: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-S", str(LAUNCHER), str(self.state_dir), "web-0", "stamp"]
        return subprocess.run(command, capture_output=True, text=True, check=False, **options)

    def dump(self, *arguments: str, **record: Any) -> dict[str, Any]:
        """What the program was given, told by itself."""
        out = self.state_dir / "dump.json"
        self.write(argv=[sys.executable, "-S", "-c", DUMP, str(out), *arguments], **record)
        done = self()
        assert done.returncode == 0, done.stderr
        return dict(json.loads(out.read_text()))


@pytest.fixture
def launch(stack_dir: Path) -> Launch:
    return Launch(stack_dir)


NASTY = "a \"b\" 'c' %d %(ENV_HOME)s ; # \\ \n\t, = ü € 𝄞 $HOME `x` \x01"


def test_arguments_and_environment_arrive_byte_for_byte(launch: Launch) -> None:
    """Quotes, percent signs, semicolons, newlines and commas are nothing special."""
    seen = launch.dump(NASTY, "", env={"NASTY": NASTY, "EMPTY": "", "a.b-c": "1"})
    assert seen["argv"][2:] == [NASTY, ""]
    assert {k: seen["env"][k] for k in ("NASTY", "EMPTY", "a.b-c")} == {
        "NASTY": NASTY,
        "EMPTY": "",
        "a.b-c": "1",
    }


def test_the_environment_is_clean(launch: Launch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is declared and what is inherited by name; declared wins."""
    monkeypatch.setenv("LEAK", "1")
    (launch.state_dir / "run/environ").write_bytes(b"FROM_UP=x\0LANG=up\0LEAK=2")
    seen = launch.dump(env={"LANG": "declared"}, inherit=["FROM_UP", "LANG", "NONE"])
    seen["env"].pop("LC_CTYPE", None)  # Python's own, set after the exec
    assert seen["env"] == {"FROM_UP": "x", "LANG": "declared"}


def test_folder_umask_signals_and_files(launch: Launch) -> None:
    """The process begins where and as it should, with no file open but its own three."""
    seen = launch.dump(cwd="/usr", umask="027")
    assert (seen["cwd"], seen["umask"]) == ("/usr", 0o027)
    assert len(seen["fds"]) <= 5  # the three, the dump, and the folder being listed


def test_the_run_record_names_the_process(launch: Launch) -> None:
    """It is there before the program runs, private, and names it by pid and beginning."""
    launch.write(
        argv=[
            "/bin/sh",
            "-c",
            "cat $0; cat /proc/$$/stat",
            str(launch.state_dir / "run/processes/web-0.json"),
        ],
        env={"PATH": "/bin:/usr/bin"},
        view={"argv": ["x"], "n": None, "t": True, "f": 1.5},
        digest="d",
        revision="r",
    )
    done = launch()
    note, rest = json.JSONDecoder().raw_decode(done.stdout)
    fields = done.stdout[rest:].rpartition(")")[2].split()
    assert str(note["start_time"]) == fields[19]
    assert str(note["pid"]) == done.stdout[rest:].split()[0]
    assert note["view"] == {"argv": ["x"], "n": None, "t": True, "f": 1.5}
    assert (note["digest"], note["revision"], note["stamp"], note["error"]) == (
        "d",
        "r",
        "stamp",
        "",
    )
    mode = (launch.state_dir / "run/processes/web-0.json").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


@pytest.mark.parametrize(
    ("record", "code", "says"),
    [
        ({"cwd": "/nonexistent/x"}, 127, "create /nonexistent/x"),
        ({"argv": ["no-such-program"]}, 127, "not found in PATH"),
        ({"argv": ["./missing"]}, 127, "create /tmp/missing,"),
        ({"argv": ["/etc/passwd"]}, 126, "chmod"),
    ],
    ids=["folder", "program", "path", "permission"],
)
def test_what_cannot_start_says_why(
    launch: Launch, record: dict[str, Any], code: int, says: str
) -> None:
    """One line names what, where and how to mend it, in the log and in the run record."""
    launch.write(**record)
    done = launch()
    assert done.returncode == code
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("reconciler: cannot start web-0: ")
    assert says in done.stderr
    assert says in launch.note["error"]


def test_what_is_ours_is_told_as_ours(launch: Launch, tmp_path: Path) -> None:
    """With its whole path, and without a chown that changes nothing; a folder is no program."""
    plain = tmp_path / "plain"
    plain.touch()
    for argv, says in (
        ("./plain", f"allow it, for example `chmod u+rx {plain}`\n"),
        (f"../{tmp_path.name}", "it is a folder; name the program in it\n"),
    ):
        launch.write(argv=[argv], cwd=str(tmp_path))
        done = launch()
        assert done.stderr.endswith(says)
        assert "uid" not in done.stderr


def test_text_without_a_first_line_is_no_program(launch: Launch, tmp_path: Path) -> None:
    """Nobody looks for what its first line names then."""
    (tmp_path / "bare").write_text("echo here\n")
    (tmp_path / "bare").chmod(0o755)
    launch.write(argv=["./bare"], cwd=str(tmp_path))
    assert "a script begins with a line such as `#!/bin/sh`" in launch().stderr


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"argv": []', "\0"])
def test_a_missing_or_damaged_record_is_said(launch: Launch, content: str | None) -> None:
    """It never starts something else, and never dies with a traceback."""
    if content is not None:
        (launch.state_dir / "state/processes/web-0.json").write_text(content)
    done = launch()
    assert done.returncode == 127
    assert "run `reconciler apply`" in done.stderr
    assert "Traceback" not in done.stderr


def test_auto_finds_the_interpreter(launch: Launch, tmp_path: Path) -> None:
    """A virtual environment beside the script wins; a file of no known kind runs as it is."""
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho venv "$@"\n')
    python.chmod(0o755)
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\necho tool\n")
    tool.chmod(0o755)
    launch.write(argv=["agent.py", "-v"], interpreter="auto", cwd=str(tmp_path))
    assert launch().stdout == "venv agent.py -v\n"
    launch.write(argv=["tool"], interpreter="auto", cwd=str(tmp_path))
    assert launch().stdout == "tool\n"
    launch.write(argv=["tool"], interpreter="/bin/cat", cwd=str(tmp_path))
    assert launch().stdout == tool.read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes users")
def test_root_gives_its_rights_away(launch: Launch) -> None:
    """The process has the user's number and groups, and none of root's."""
    launch.state_dir.chmod(0o755)
    out = launch.state_dir / "out"
    launch.write(
        argv=["/bin/sh", "-c", "id -u; id -g; id -G"],
        user="1234:5678",
        env={"PATH": "/usr/bin:/bin"},
    )
    assert launch().stdout.split() == ["1234", "5678", "5678"]
    assert not out.exists()


def test_who_is_not_root_cannot_change_the_user(launch: Launch) -> None:
    """Then it is said, and nothing is started as somebody else."""
    if os.geteuid() == 0:
        launch.write(user="no-such-user")
        assert "useradd no-such-user" in launch().stderr
    else:
        launch.write(user="root")
        assert "only root" in launch().stderr


def test_open_files_are_limited_as_usual(launch: Launch, monkeypatch: pytest.MonkeyPatch) -> None:
    """The high limit that supervisord needs is not passed on."""
    monkeypatch.setenv("RECONCILER_OPEN_FILES", "123")
    launch.write(argv=["/bin/sh", "-c", "ulimit -n"])
    assert launch().stdout == "123\n"


def test_limits_are_what_the_record_says(launch: Launch) -> None:
    """Files, processes, niceness and privileges; what may not be is refused."""
    launch.write(
        argv=["/bin/sh", "-c", "ulimit -Sn; ulimit -Su || ulimit -p; nice; cat /proc/self/status"],
        limits={"openFiles": 99, "processes": 5000, "niceness": 15, "noNewPrivileges": True},
        env={"PATH": "/usr/bin:/bin"},
    )
    said = launch().stdout
    assert said.startswith("99\n")
    assert "15\n" in said
    assert "NoNewPrivs:\t1" in said
    launch.write(limits={"openFiles": 2**40})
    done = launch()
    assert done.returncode == 126
    assert "limits.openFiles 1099511627776: only" in done.stderr
