"""The lines of a ``.env`` file -> names and values. Nothing in it is executed or expanded."""

from __future__ import annotations

import re
from typing import Final

_LINE: Final = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=[ \t]*", re.ASCII)
_BLANK: Final = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_REST: Final = re.compile(r"[^\n]*(?:\n|\Z)")
_QUOTED: Final = {
    '"': re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL),
    "'": re.compile(r"'([^']*)'"),
}
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t"}


class EnvFileError(ValueError):
    """A line that is not ``NAME=value``; the text names the line and never its content."""


def parse_env_file(text: str) -> dict[str, str]:
    """The variables of ``text``; a later line wins. Raises EnvFileError."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    values: dict[str, str] = {}
    at = 0
    while at < len(text):
        blank = _BLANK.match(text, at)
        if blank is not None:
            at = blank.end()
            continue
        name = _LINE.match(text, at)
        if name is None:
            raise EnvFileError(f"line {_line(text, at)} is not NAME=value")
        values[name[1]], at = _value(text, name.end())
    return values


def _value(text: str, at: int) -> tuple[str, int]:
    quote = text[at : at + 1]
    if quote in _QUOTED:
        return _quoted(text, at, quote)
    rest = _REST.match(text, at)
    raw = rest[0] if rest else ""
    return _without_comment(raw).strip(), at + len(raw)


def _quoted(text: str, at: int, quote: str) -> tuple[str, int]:
    found = _QUOTED[quote].match(text, at)
    if found is None:
        raise EnvFileError(f"line {_line(text, at)} opens a quote that nobody closes")
    after = _BLANK.match(text, found.end())
    if after is None:
        raise EnvFileError(f"line {_line(text, found.end())} goes on after the closing quote")
    value = found[1]
    if quote == '"':
        value = _ESCAPE.sub(lambda part: _ESCAPES.get(part[1], part[1]), value)
    return value, after.end()


def _without_comment(raw: str) -> str:
    """Compose's rule: a ``#`` begins a comment only after white space."""
    begins = re.search(r"(?:^|\s)#", raw)
    return raw[: begins.start()] if begins else raw


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
