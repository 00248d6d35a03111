"""The regexes a route may be matched by: read alike by the gateway and by Python, never slow."""

from __future__ import annotations

import re
from functools import lru_cache

from .cost import LONGEST_SUBJECT, check
from .parts import ANY, Choice, Edge, Node, One, RegexError, Repeat, Row, read

__all__ = ["LONGEST_SUBJECT", "RegexError", "check_regex", "matches"]


@lru_cache(maxsize=4096)
def check_regex(text: str) -> Node:
    """The parts of a regex that may be used. Raises RegexError, a ValueError, for any other."""
    node = read(text)
    check(node)
    return node


def matches(text: str, subject: bytes) -> bool:
    """Whether ``subject`` has what a checked regex describes, at any place."""
    return len(subject) <= LONGEST_SUBJECT and _compiled(text).search(subject) is not None


@lru_cache(maxsize=4096)
def _compiled(text: str) -> re.Pattern[bytes]:
    return re.compile(_written(check_regex(text)).encode())


def _written(node: Node) -> str:
    """The same in words that mean one thing only, whatever Python's regexes come to."""
    match node:
        case One(codes):
            return _written_set(codes)
        case Edge(is_end):
            return r"\Z" if is_end else r"\A"
        case Row(parts):
            return "".join(map(_written, parts))
        case Choice(parts, _):
            return "(?:" + "|".join(map(_written, parts)) + ")"
        case Repeat(part, least, most, _):
            return f"(?:{_written(part)}){{{least},{'' if most is None else most}}}"


def _written_set(codes: int) -> str:
    if codes == ANY:
        return r"[\x00-\xff]"
    return "[" + "".join(f"\\x{c:02x}" for c in range(256) if codes >> c & 1) + "]"
