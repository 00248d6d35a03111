"""token and password: made, shown once, ended."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.api.credentials import Credentials
from reconciler.api.password import VARIABLE, Password
from reconciler.cli.admission import api
from reconciler.cli.checks import Grade
from reconciler.cli.main import run
from reconciler.cli.outcome import Exit
from reconciler.cli.terminal import Terminal
from reconciler.settings import Settings


class Said:
    """What one command printed."""

    def __init__(self, code: int, terminal: Terminal) -> None:
        self.code = code
        self.out = terminal.out.getvalue()  # type: ignore[attr-defined] # StringIO
        self.err = terminal.err.getvalue()  # type: ignore[attr-defined]


Call = Callable[..., Said]


@pytest.fixture
def call(stack_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Runs one command for the stack of this test; ``typed`` is what comes on standard input."""

    def command(*words: str, typed: str = "") -> Said:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        terminal = Terminal(io.StringIO(), io.StringIO(), {})
        place = () if words == ("password", "hash") else ("--state-dir", str(stack_dir))
        return Said(run([*words, *place], terminal), terminal)

    return command


def test_a_token_is_shown_once(call: Call, stack_dir: Path) -> None:
    """Only the token is on stdout; afterwards it is nowhere, but it counts."""
    made = call("token", "create", "ci", "--scope", "operate", "--expires", "90d")
    secret = made.out.strip()
    assert (made.code, made.out) == (Exit.OK, f"{secret}\n")
    assert "ci may operate until 2" in made.err
    path = stack_dir / "state" / "admin.tokens"
    assert path.stat().st_mode & 0o777 == 0o600
    assert secret not in path.read_text()
    assert secret not in call("token", "list").out + call("token", "list", "-o", "json").out
    found = Credentials(path).find(secret, 0.0)
    assert found is not None
    assert (found.name, found.scope) == ("ci", "operate")


def test_tokens_are_listed_and_revoked(call: Call) -> None:
    """A token is listed until it is revoked; then it is not there to be revoked."""
    call("token", "create", "prometheus")
    assert call("token", "create", "prometheus").code == Exit.FAILED
    listed = json.loads(call("token", "list", "-o", "json").out)
    assert [one["name"] for one in listed["items"]] == ["prometheus"]
    assert listed["items"][0]["scope"] == "read"
    assert "prometheus  read" in call("token", "list").out
    assert call("token", "revoke", "prometheus").code == Exit.OK
    again = call("token", "revoke", "prometheus")
    assert (again.code, "there is no token prometheus" in again.err) == (Exit.FAILED, True)
    assert "there are no tokens" in call("token", "list").err


def test_a_token_that_is_not_there(call: Call) -> None:
    """Whoever mistypes is told the closest, or where tokens are listed."""
    call("token", "create", "prometheus")
    assert "did you mean prometheus?" in call("token", "revoke", "promtheus").err
    assert "`reconciler token list`" in call("token", "revoke", "zzz").err


@pytest.mark.parametrize("name", ["", "-", "a b", "sessions", "x" * 64, "é", "a\n"])
def test_odd_names(call: Call, name: str) -> None:
    """A name that would be odd in a list or a log is refused."""
    assert call("token", "create", name).code == Exit.FAILED


def test_an_odd_end(call: Call) -> None:
    """An end that is no length of time is refused with an example."""
    said = call("token", "create", "ci", "--expires", "tomorrow")
    assert (said.code, "90d" in said.err or "10s" in said.err) == (Exit.FAILED, True)


@pytest.mark.parametrize("expires", ["0s", "0h0m", ""])
def test_a_token_is_good_for_a_while(call: Call, expires: str) -> None:
    """One that has expired already is of no use to anybody; an empty end is not for ever."""
    said = call("token", "create", "ci", "--expires", expires)
    assert (said.code, said.out) == (Exit.FAILED, "")
    assert f"--expires {expires!r}" in said.err
    assert "there are no tokens" in call("token", "list").err


def test_choosing_a_password(call: Call, settings: Settings, stack_dir: Path) -> None:
    """The first line of standard input becomes the password; it is not printed."""
    said = call("password", "set", typed="a long enough one\nand more\n")
    assert (said.code, "a long enough" in said.out + said.err) == (Exit.OK, False)
    password = Password(stack_dir / "state", {})
    assert password.is_right("a long enough one")
    assert call("password", "set", typed="").code == Exit.FAILED
    assert password.is_right("a long enough one")


def test_a_hash_for_the_environment(call: Call, stack_dir: Path) -> None:
    """What `password hash` prints is what the variable takes."""
    said = call("password", "hash", typed="a long enough one\n")
    known = Password(stack_dir, {VARIABLE: said.out})
    assert (known.current().why, bool(known.is_right("a long enough one"))) == ("", True)


def test_the_doctor_looks_at_the_door(stack_dir: Path) -> None:
    """No password yet, one to be read, one that is none, one that is set: each is told."""

    def grade(**environ: str) -> Grade:
        return next(api(Settings(stack_dir / "specs", stack_dir, environ=environ))).grade

    assert grade() is Grade.NOTE
    Password(stack_dir / "state", {}).ensure()
    assert grade() is Grade.NOTE
    (stack_dir / "state" / "admin.password").unlink()
    assert grade() is Grade.OK
    assert grade(**{VARIABLE: "hunter2"}) is Grade.ERROR
    (stack_dir / "state" / "admin.hash").write_text("")
    assert grade() is Grade.ERROR
