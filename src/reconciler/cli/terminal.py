"""Prints: data to stdout, talk to stderr, colours only where they are seen."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TextIO

from ..core.lines import Line, Span, Style, tame

CODES: Final = {
    Style.GOOD: "32",
    Style.CHANGE: "33",
    Style.BAD: "31",
    Style.CALM: "36",
    Style.DRIFT: "35",
    Style.FAINT: "2",
    Style.STRONG: "1",
}
# What a terminal without UTF-8 gets instead.
PLAIN: Final = str.maketrans(
    {"✔": "ok", "✘": "x", "…": "...", "→": "->", "·": "-", "●": "*", "◐": "o", "○": "o", "—": "-"}
)


@dataclass
class Terminal:
    """The two streams of one command."""

    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    closed: bool = False
    """Whether the reader of stdout has gone."""

    @property
    def width(self) -> int:
        """Columns to fill; 100 where nobody says."""
        return max(shutil.get_terminal_size((100, 24)).columns, 40)

    def show(self, lines: Iterable[Line]) -> None:
        """Print lines as data."""
        colours = coloured(self.out, self.environ)
        self.write("".join(paint(row, colours=colours) + "\n" for row in lines))

    def write(self, text: str) -> None:
        """Print text as data, exactly; a reader that went away is no error."""
        try:
            self.out.write(_encodable(text, self.out))
            self.out.flush()
        except BrokenPipeError:
            self.closed = True
            self._forget_out()

    def _forget_out(self) -> None:
        # The interpreter flushes stdout once more at exit; that must not fail again.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.out.fileno())
        os.close(nowhere)

    def talk(self, *rows: Line) -> None:
        """Tell a person something that is not data."""
        colours = coloured(self.err, self.environ)
        for row in rows:
            self.err.write(_encodable(paint(row, colours=colours), self.err) + "\n")
        self.err.flush()

    def error(self, message: str, hint: str = "") -> None:
        """Say what went wrong, and how to mend it."""
        self.talk((Span("error: ", Style.BAD), Span(tame_rows(message))))
        if hint:
            self.hint(hint)

    def hint(self, text: str) -> None:
        """Say what to do next."""
        self.talk((Span("hint: ", Style.CALM), Span(tame_rows(text))))


def tame_rows(text: str) -> str:
    """Show what a terminal would obey, but keep line breaks."""
    return "\n".join(tame(row) for row in text.splitlines())


def coloured(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Colours: never with NO_COLOR, always with FORCE_COLOR, else on a terminal that can."""
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR", "0") != "0":
        return True
    return stream.isatty() and environ.get("TERM", "dumb") != "dumb"


def paint(row: Line, *, colours: bool) -> str:
    """Write a line out, with its marks as colours or without them."""
    if not colours:
        return "".join(span.text for span in row).rstrip()
    return "".join(_painted(span) for span in row).rstrip()


def _painted(span: Span) -> str:
    return f"\x1b[{CODES[span.style]}m{span.text}\x1b[0m" if span.style else span.text


def _encodable(text: str, stream: TextIO) -> str:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    if encoding.lower().replace("-", "") == "utf8":
        return text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text.translate(PLAIN).encode(encoding, "backslashreplace").decode(encoding)


def structured(data: Any, output: str) -> str:
    """Data as JSON or YAML, ready to print."""
    if output == "yaml":
        import yaml

        return str(yaml.safe_dump(data, sort_keys=False, allow_unicode=True))
    import json

    return json.dumps(data, ensure_ascii=False, indent=2) + "\n"
