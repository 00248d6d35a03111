"""The bytes of a spec file -> chunks of text, one per document, each with its first line."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from .nodes import Flaw, Mark

_FORBIDDEN: Final = re.compile(
    "\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]"
)
_ORDINARY: Final = bytes({*b"\t\n", *range(0x20, 0x7F), *range(0x80, 0x100)} - {0xC2, 0xE2, 0xEF})
"""Bytes that are no part of a forbidden character; most files consist of them."""
_START: Final = re.compile(r"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)


class Chunk(NamedTuple):
    """The text of one document; ``above`` lines of the file come before it."""

    above: int
    text: str
    digest: bytes


def decode(data: bytes) -> str | Flaw:
    """The text, or the first character that has no place in a spec."""
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as exc:
        before = data[: exc.start].decode("utf-8", "replace")
        hint = "save the file as UTF-8"
        return Flaw(_mark(before, len(before)), "this byte is not valid UTF-8", hint)
    found = _FORBIDDEN.search(text) if data.translate(None, _ORDINARY) else None
    if found is None:
        return text
    return Flaw(
        _mark(text, found.start()),
        f"the character U+{ord(found[0]):04X} is not allowed",
        "end lines with LF" if found[0] == "\r" else f'write it as "\\u{ord(found[0]):04x}"',
    )


def split(text: str, most: int) -> Iterator[Chunk]:
    """The documents of a file, apart, so that an unchanged one is not read again; ``most`` + 1."""
    marks = _START.finditer(text) if "---" in text else ()
    begins = [found.start() for found in islice(marks, most + 2)]
    if not begins or begins[0] > 0:
        begins.insert(0, 0)
    del begins[most + 1 :]
    above = 0
    for begin, end in zip(begins, [*begins[1:], len(text)], strict=True):
        part = text[begin:end]
        yield Chunk(above, part, hashlib.blake2b(part.encode(), digest_size=16).digest())
        above += part.count("\n")


def _mark(text: str, index: int) -> Mark:
    start = text.rfind("\n", 0, index) + 1
    return Mark(text.count("\n", 0, index) + 1, index - start + 1)
