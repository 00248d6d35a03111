"""One thing wrong in the specs: where it is, what it is, and how to mend it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from pathlib import PurePath
from typing import Final, NamedTuple

from ..core.model import Json

EXCERPT_WIDTH: Final = 160
LOOK_BACK: Final = 200
_SECRET_NAME: Final = re.compile(
    r"KEY(?!BOARD|WORD)|SECRET(?!ARY)|TOKEN(?!IZ|ISER)|PASS(?!ENGER|IVE|THROUGH)|CREDENTIAL"
    r"|AUTH(?!OR(?!I[SZ]))",
    re.IGNORECASE,
)
"""Words that only begin like one (author, keyboard) are none. Those that end like one (monkey) are
taken for one: they cannot be told from what was written together (commonKey)."""
_KEY: Final = re.compile(r"""([\w.$-]+)["']?\s*[:=]""")
_PASSWORD_IN_URL: Final = re.compile(r"[a-z0-9+.-]://[^/\s:@]*:[^/\s@]+@", re.IGNORECASE)
_USER_IN_URL: Final = re.compile(r"(://)[^/\s@]+@")
_SOURCE: Final = re.compile(r"\{?\s*from\s*:\s*\{[^{}]*\}\s*\}?\s*$|\$\{\w+\}$")
"""Where a secret is to be had, which tells nothing about the secret."""


class Severity(StrEnum):
    """Whether it stands in the way, or may well be meant."""

    ERROR = "error"
    WARNING = "warning"


class Problem(NamedTuple):
    """Why a spec is refused, or what is odd about it: file, 1-based line and column, what, hint.

    One of a variable has line 0.
    """

    path: PurePath
    line: int
    column: int
    message: str
    hint: str = ""
    excerpt: str = ""
    """The offending line of the file, without secret values."""
    severity: Severity = Severity.ERROR
    caret: int = 0
    """The 1-based column of the excerpt that is meant; 0: the same as of the line."""

    def __str__(self) -> str:
        at = f":{self.line}:{self.column}" if self.line else ""
        return f"{self.path}{at} {self.message}"

    def to_json(self) -> dict[str, Json]:
        """The problem as data."""
        return {**self._asdict(), "path": str(self.path), "severity": self.severity.value}


def looks_secret(name: str) -> bool:
    """Whether a variable of this name is taken for a secret."""
    return _SECRET_NAME.search(name) is not None


def has_password(value: str) -> bool:
    """Whether a value carries credentials in a URL: ``scheme://user:password@host``."""
    return _PASSWORD_IN_URL.search(value) is not None


class Excerpt(NamedTuple):
    """A line as people may see it, and the 1-based column in it that is meant."""

    text: str = ""
    caret: int = 0


def excerpt(lines: Sequence[str], line: int, column: int = 1) -> Excerpt:
    """What stands around a 1-based place, of a readable width; a secret value is left out."""
    if not 1 <= line <= len(lines) or _is_below_secret(lines, line - 1):
        return Excerpt()
    read = lines[line - 1][: EXCERPT_WIDTH * 4]
    text, at = _without_users(read.rstrip()), len(_without_users(read[: column - 1]))
    for key in _KEY.finditer(text):
        rest = text[key.end() :].strip()
        if looks_secret(key[1]) and rest and not _SOURCE.match(rest):
            return _pointed(text[: key.end()] + " …", at)
    begin = max(0, at - EXCERPT_WIDTH // 2) if EXCERPT_WIDTH <= at < len(text) else 0
    head = "…" * (begin > 0)
    tail = "…" * (len(text) > begin + EXCERPT_WIDTH or len(lines[line - 1]) > len(read))
    return _pointed(f"{head}{text[begin : begin + EXCERPT_WIDTH]}{tail}", at - begin + len(head))


def _pointed(text: str, at: int) -> Excerpt:
    """What lies behind the text is where it was cut off."""
    return Excerpt(_printable(text), min(at, len(text)) + 1 if text else 0)


def _without_users(text: str) -> str:
    return _USER_IN_URL.sub(r"\1…@", text)


def shorten(text: str, width: int = 60) -> str:
    """``text`` on one line, cut where it gets long."""
    text = _printable(text)
    return text if len(text) <= width else text[: width - 1] + "…"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _is_below_secret(lines: Sequence[str], index: int) -> bool:
    """Whether the line continues the value of a key that looks secret."""
    depth = _indent(lines[index])
    for above in reversed(lines[max(0, index - LOOK_BACK) : index]):
        if not above.strip() or _indent(above) >= depth:
            continue
        depth = _indent(above)
        key = _KEY.search(above[:EXCERPT_WIDTH])
        if key and looks_secret(key[1]):
            return True
        if depth == 0:
            break
    return False


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
