"""The way in: verbs, help, exit codes, errors without tracebacks."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli import main as door
from reconciler.cli.options import app
from reconciler.cli.outcome import Exit, Failure
from reconciler.cli.parser import acting, asking
from reconciler.cli.quick import read_status
from reconciler.cli.terminal import Terminal
from reconciler.core.errors import Transient

FIRST = ("up", "down", "run", "diff", "apply", "validate", "status", "get", "describe")
ASKED = ("stop", "start", "restart", "reload")
TOLD = ("explain", "events", "logs", "schema", "doctor", "version")
VERBS = [
    *FIRST,
    *TOLD,
    *ASKED,
    "import",
    "adopt",
    "healthcheck",
    "metrics",
    "history",
    "rollback",
    "reconcile",
]
HEAVY = "pydantic httpx rich starlette deepdiff uvicorn ruamel yaml watchfiles prometheus_client"


def start(code: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a piece of Python in a fresh interpreter."""
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environ},
        timeout=30,
    )


def test_the_verbs_are_the_agreed_ones() -> None:
    """No verb comes or goes unnoticed, and each says in help what it does."""
    assert {acting.__name__, asking.__name__} <= sys.modules.keys()
    commands = app.registered_commands
    names = [one.name or getattr(one.callback, "__name__", "") for one in commands]
    assert names == VERBS


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(
    verb: str, reconciler: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """``--help`` works everywhere, without a stack."""
    assert reconciler(verb, "--help").code == 0
    assert capsys.readouterr().out.startswith(f"Usage: reconciler {verb}")


def test_help_lists_verbs_and_exit_codes(
    reconciler: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """The first page names every verb and every exit code."""
    assert reconciler().code == 0
    out = capsys.readouterr().out
    assert all(f"\n  {verb} " in out for verb in VERBS)
    words = " ".join(out.split())
    for said in ("0 in sync", "1 differences", "2 could not run", "3 applied but", "130 inter"):
        assert said in words


def test_exit_codes_never_change() -> None:
    """Scripts rely on these numbers."""
    assert {code.name: int(code) for code in Exit} == {
        "OK": 0,
        "DIFFERENCES": 1,
        "FAILED": 2,
        "UNHEALTHY": 3,
        "INTERRUPTED": 130,
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["statsu"], "no such command 'statsu'. Did you mean 'status'"),
        (["diff", "--foo"], "no such option: --foo"),
        (["describe"], "missing argument"),
        (["status", "-o", "xml"], "invalid value for '--output'"),
        (["apply", "--timeout", "soon"], "--timeout 'soon': not a duration"),
        (["events", "-n", "0"], "invalid value for '--limit'"),
    ],
)
def test_usage_errors_say_what_is_wrong(
    arguments: list[str], said: str, reconciler: Callable[..., Any]
) -> None:
    """A mistyped command line ends with 2, and its words go to stderr."""
    code, out, err = reconciler(*arguments)
    assert code == 2
    assert out == ""
    assert err.startswith("error: ")
    assert said in err


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (Failure("no", hint="yes"), 2, "error: no\nhint: yes\n"),
        (Failure("sick", code=Exit.UNHEALTHY), 3, "error: sick\n"),
        (Transient("gone away", reason="Unreachable"), 2, "error: gone away\n"),
        (KeyboardInterrupt(), 130, ""),
        (PermissionError(13, "Permission denied", "/x"), 2, "error: /x: permission denied\n"),
        (OSError(28, "No space left on device"), 2, "error: no space left on device\n"),
    ],
)
def test_whatever_is_raised_becomes_words_and_a_code(
    raised: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person sees no traceback, whatever happened inside."""

    def fail(*_: object) -> int:
        raise raised

    monkeypatch.setattr(door, "dispatch", fail)
    err = io.StringIO()
    assert door.run(["status"], Terminal(out=io.StringIO(), err=err)) == code
    assert said in err.getvalue()
    assert "Traceback" not in err.getvalue()


def test_an_unexpected_error_shows_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text of a foreign exception may hold a secret; only RECONCILER_DEBUG shows it."""

    def fail(*_: object) -> int:
        raise RuntimeError("password is hunter2")

    monkeypatch.setattr(door, "dispatch", fail)
    for debug in ("", "1"):
        monkeypatch.setenv("RECONCILER_DEBUG", debug)
        err = io.StringIO()
        assert door.run(["status"], Terminal(out=io.StringIO(), err=err)) == 2
        assert ("hunter2" in err.getvalue()) is bool(debug)


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["version"], ["status"], ["status", "-o", "json"], ["status", "--specs=x"]],
)
def test_starting_imports_nothing_heavy(arguments: list[str], stack_dir: Path) -> None:
    """What is typed all day starts fast, because the heavy parts stay on disk."""
    code = (
        "import sys, json\n"
        "from reconciler.cli.main import run\n"
        f"run({arguments!r})\n"
        f"print(json.dumps([m for m in {HEAVY!r}.split() if m in sys.modules]))"
    )
    done = start(code, RECONCILER_STATE_DIR=str(stack_dir))
    assert json.loads(done.stdout.splitlines()[-1]) == []


@pytest.mark.parametrize("verb", ["version", "status"])
def test_the_shortest_verbs_start_without_the_parser(verb: str, stack_dir: Path) -> None:
    """``status`` and ``version`` alone do not even load typer."""
    code = (
        f"import sys\nfrom reconciler.cli.main import run\nrun([{verb!r}])\n"
        "print('typer' in sys.modules, 'http.client' in sys.modules)"
    )
    done = start(code, RECONCILER_STATE_DIR=str(stack_dir))
    assert done.stdout.splitlines()[-1] == "False False"


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], {}),
        (["-o", "json"], {"output": "json"}),
        (["--output=yaml", "--exit-code"], {"output": "yaml", "--exit-code": "yes"}),
        (["--state-dir", "a", "--specs=b"], {"state_dir": "a", "specs": "b"}),
        (["-o"], None),
        (["-o", "xml"], None),
        (["--help"], None),
        (["--state-dir", "a", "--nonsense"], None),
        (["web"], None),
    ],
)
def test_the_short_way_reads_what_the_parser_would(
    arguments: list[str], options: dict[str, str] | None
) -> None:
    """What the short way does not know it leaves to the parser, mistakes included."""
    assert read_status(arguments) == options


def test_version_says_who_it_is(reconciler: Callable[..., Any]) -> None:
    """Both spellings of the question give one line."""
    code, out, _ = reconciler("version")
    assert code == 0
    assert out.startswith("reconciler ")
    assert reconciler("--version").out == out
    assert json.loads(reconciler("version", "-o", "json").out)["version"] in out


def test_the_exit_code_leaves_the_process() -> None:
    """``python -m reconciler`` ends as the verb says."""
    done = subprocess.run(
        [sys.executable, "-m", "reconciler", "no-such-verb"], capture_output=True, check=False
    )
    assert done.returncode == 2


def test_a_reader_that_leaves_is_no_error() -> None:
    """``reconciler … | head -1`` neither fails nor complains."""
    code = (
        "import sys\nfrom reconciler.cli.terminal import Terminal\n"
        "t = Terminal()\nfor _ in range(100000): t.write('x' * 100 + '\\n')\n"
        "assert t.closed\nsys.exit(7)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout
        assert child.stderr
        child.stdout.readline()
        child.stdout.close()
        assert child.wait(timeout=20) == 7
        assert child.stderr.read() == b""
