"""Colours, encodings, and what a terminal must not obey."""

from __future__ import annotations

import io
from typing import Any

import pytest

from reconciler.cli.terminal import Terminal, coloured, structured
from reconciler.core.lines import Span, Style, line


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environ", "expected"),
    [
        (Screen(), {"TERM": "xterm"}, True),
        (Screen(), {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (Screen(), {"TERM": "xterm", "NO_COLOR": ""}, True),
        (Screen(), {"TERM": "dumb"}, False),
        (Screen(), {}, False),
        (io.StringIO(), {"TERM": "xterm"}, False),
        (io.StringIO(), {"FORCE_COLOR": "1"}, True),
        (io.StringIO(), {"FORCE_COLOR": "0"}, False),
        (io.StringIO(), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colours_only_where_they_are_seen(
    stream: Any, environ: dict[str, str], expected: bool
) -> None:
    """A pipe gets none; NO_COLOR, FORCE_COLOR and TERM=dumb are obeyed."""
    assert coloured(stream, environ) is expected


def test_marks_become_colours() -> None:
    """A marked span is coloured and reset; a plain one is left alone."""
    screen = Screen()
    Terminal(out=screen, environ={"TERM": "xterm"}).show([line(Span("a", Style.GOOD), "b")])
    assert screen.getvalue() == "\x1b[32ma\x1b[0mb\n"


def test_errors_and_hints_go_to_stderr() -> None:
    """Talk never mixes with data, and cannot command the terminal."""
    out, err = io.StringIO(), io.StringIO()
    Terminal(out=out, err=err, environ={}).error("bad \x1b[2J name", "mend it")
    assert out.getvalue() == ""
    assert err.getvalue() == "error: bad \\x1b[2J name\nhint: mend it\n"


def test_a_terminal_without_unicode_gets_words() -> None:
    """Symbols have plain spellings, and nothing fails to print."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    Terminal(out=out, environ={}).show([line("✔ a → b 三")])
    assert raw.getvalue() == b"ok a -> b \\u4e09\n"


def test_data_is_printed_whole() -> None:
    """JSON and YAML hold what was there, letters of all languages included."""
    data = {"name": "三", "n": None}
    assert structured(data, "json") == '{\n  "name": "三",\n  "n": null\n}\n'
    assert structured(data, "yaml") == "name: 三\nn: null\n"
