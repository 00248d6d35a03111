"""The short way in says what the long one says, and leaves to it what it does not understand."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from reconciler.cli import entry
from reconciler.cli.spoken import speak
from reconciler.cli.status import tell
from reconciler.cli.terminal import Terminal
from reconciler.settings import read_settings

VIEW = {
    "verdict": {"ready": True, "inSync": True, "health": "Healthy", "message": ""},
    "revision": "4f2c1d9",
    "source": "git",
    "appliedAt": "2026-01-01T00:00:00+00:00",
    "resources": [],
}
HEAD = b"HTTP/1.1 200 OK\r\nReconciler-Exit: 3\r\nreconciler-talk: 5\r\nContent-Length: 9\r\n\r\n"
ANSWER = HEAD + b"datahint\n"


@pytest.mark.parametrize(
    ("verb", "words", "said"),
    [
        ("status", [], {}),
        ("status", ["--exit-code", "--specs=a"], {"--exit-code": "yes", "--specs": "a"}),
        ("apply", ["--state-dir", "b"], {"--state-dir": "b"}),
        ("apply", ["--wait"], None),
        ("apply", ["--exit-code"], None),
        ("status", ["-o", "json"], None),
        ("status", ["--specs"], None),
        ("status", ["--specs="], None),
        ("status", ["--help"], None),
        ("status", ["web"], None),
    ],
)
def test_only_plain_spellings_are_read(
    verb: str, words: list[str], said: dict[str, str] | None
) -> None:
    """Whatever is not plain, a mistake too, is left to the full command line."""
    assert entry.read(verb, words) == said


@pytest.mark.parametrize("state", ["", "there", "/there/"])
@pytest.mark.parametrize("specs", ["", "specs", "a/b/", "/a/b"])
@pytest.mark.parametrize("how", ["options", "environment"])
def test_it_asks_the_same_operator(
    state: str, specs: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Options and environment name the same stack on both ways in."""
    for name in ("RECONCILER_STATE_DIR", "RECONCILER_SPECS"):
        monkeypatch.delenv(name, raising=False)
    said: dict[str, str] = {}
    for name, value in (("state-dir", state), ("specs", specs)):
        if value and how == "options":
            said[f"--{name}"] = value
        elif value:
            monkeypatch.setenv(f"RECONCILER_{name.upper().replace('-', '_')}", value)
    given = (
        Path(said[f"--{name}"]) if f"--{name}" in said else None for name in ("specs", "state-dir")
    )
    socket = entry.socket_of(said)
    assert socket is not None
    assert Path(socket) == read_settings(*given).operator_socket


def test_a_place_with_dots_is_left_to_the_full_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the parent of ``..`` is, nobody guesses."""
    monkeypatch.delenv("RECONCILER_STATE_DIR", raising=False)
    assert entry.socket_of({"--specs": "../specs"}) is None


def test_what_is_said_goes_where_it_belongs(capfd: pytest.CaptureFixture[str]) -> None:
    """Data to stdout, talk to stderr, and the exit code is the operator's."""
    assert entry.tell(ANSWER) == 3
    assert capfd.readouterr() == ("data", "hint\n")


@pytest.mark.parametrize(
    "answer",
    [
        ANSWER[:-1],
        ANSWER.replace(b"200 OK", b"503 no"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
def test_any_other_answer_is_left_to_the_full_one(
    answer: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    """Half an answer, a refusal, an operator that knows no words: nothing is printed."""
    assert entry.tell(answer) is None
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("own", [{}, {"NO_COLOR": "1"}, {"FORCE_COLOR": "1"}, {"FORCE_COLOR": "0"}])
def test_terminals_are_told_as_they_are(
    own: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Columns and colours are those the full command line would choose."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**own, "COLUMNS": "77"}.items():
        monkeypatch.setenv(name, value)
    assert entry.columns() == Terminal().width == 77
    assert entry.coloured(1) == (own.get("FORCE_COLOR") == "1")


@pytest.mark.parametrize("strict", [True, False])
def test_the_operator_says_what_the_command_line_says(
    monkeypatch: pytest.MonkeyPatch, *, strict: bool
) -> None:
    """Word for word, for the same view and the same terminal."""
    monkeypatch.setenv("COLUMNS", "100")
    view = VIEW | {"verdict": {**VIEW["verdict"], "inSync": False}}  # type: ignore[dict-item]
    out, err = io.StringIO(), io.StringIO()
    code = tell(view, Terminal(out, err, environ={}), strict=strict)
    said = speak("status", view, "100 - strict" if strict else "100 -")
    assert (said.out, said.talk, said.code) == (out.getvalue(), err.getvalue(), code)
    assert "\x1b[" in speak("status", view, "80 o").out


@pytest.mark.parametrize("wish", ["", "wide -", "80"])
def test_a_wish_that_makes_no_sense_is_refused(wish: str) -> None:
    """Whoever asks for words says for which terminal."""
    with pytest.raises(ValueError, match=r".+"):
        speak("status", VIEW, wish)


def test_without_an_operator_the_full_one_says_so(
    stack_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The short way fails without a word; the long one explains."""
    monkeypatch.setattr(sys, "argv", ["reconciler", "status", "--state-dir", str(stack_dir)])
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code == 2
    assert "no operator is running" in capsys.readouterr().err


def test_a_closed_stdout_is_left_to_the_full_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is none then; nobody sees a traceback."""
    monkeypatch.setattr(sys, "stdout", None)
    assert entry.attempt(["status"]) is None
