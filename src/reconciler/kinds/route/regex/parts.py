"""A regex -> its parts. The language is small: what PCRE and Python read alike."""

from __future__ import annotations

import re
from typing import Final, NamedTuple, TypeAlias

LONGEST: Final = 256
"""Characters of a regex."""
DEEPEST: Final = 20
"""Groups inside of each other."""
DIGITS: Final = sum(1 << code for code in b"0123456789")
LETTERS: Final = sum(1 << code for code in b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
SPACES: Final = sum(1 << code for code in b" \t\n\v\f\r")
ANY: Final = (1 << 256) - 1
_CLASSES: Final = {"d": DIGITS, "w": DIGITS | LETTERS | 1 << ord("_"), "s": SPACES}
_COUNT: Final = re.compile(r"\{([0-9]{1,4})(?:(,)([0-9]{0,4}))?\}")


class RegexError(ValueError):
    """What is wrong with a regex, and at which of its characters, counted from 1."""

    def __init__(self, text: str, at: int) -> None:
        super().__init__(f"{text}, at character {at} of the regex")


class One(NamedTuple):
    """One byte out of a set, which is a number with a bit for each."""

    codes: int


class Edge(NamedTuple):
    """The start or the end of the text."""

    is_end: bool


class Row(NamedTuple):
    """Parts that follow each other."""

    parts: tuple[Node, ...]


class Choice(NamedTuple):
    """Alternatives."""

    parts: tuple[Node, ...]
    at: int


class Repeat(NamedTuple):
    """The same several times; ``most`` is None without a limit."""

    part: Node
    least: int
    most: int | None
    at: int


Node: TypeAlias = One | Edge | Row | Choice | Repeat


class _Parser:
    """Reads a regex character by character."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._folds = False

    def parse(self) -> Node:
        for n, char in enumerate(self._text):
            if not " " <= char <= "~":
                raise RegexError("only plain ASCII characters can be compared", n + 1)
        if self._text.startswith("(?i)"):
            self._folds, self._at = True, 4
        node = self._choice()
        if self._peek():
            raise self._error("a ) that closes nothing")
        return node

    def _error(self, text: str, at: int | None = None) -> RegexError:
        return RegexError(text, (self._at if at is None else at) + 1)

    def _peek(self, ahead: int = 0) -> str:
        place = self._at + ahead
        return self._text[place] if place < len(self._text) else ""

    def _take(self) -> str:
        char = self._peek()
        if not char:
            raise self._error("it ends too early")
        self._at += 1
        return char

    def _choice(self) -> Node:
        begin, parts = self._at, [self._row()]
        while self._peek() == "|":
            self._take()
            parts.append(self._row())
        return parts[0] if len(parts) == 1 else Choice(tuple(parts), begin + 1)

    def _row(self) -> Node:
        parts: list[Node] = []
        while self._peek() not in {"", "|", ")"}:
            begin = self._at
            parts.append(self._repeated(self._atom(), begin))
        return parts[0] if len(parts) == 1 else Row(tuple(parts))

    def _repeated(self, part: Node, begin: int) -> Node:
        char, at = self._peek(), self._at
        if char in {"*", "+", "?"}:
            self._take()
            least, most = (1 if char == "+" else 0), (1 if char == "?" else None)
        elif char == "{":
            least, most = self._count()
        else:
            return part
        if isinstance(part, Edge):
            raise self._error("^ and $ cannot be repeated", at)
        if self._peek() == "?":  # whether it takes few or many first: the answer is the same
            self._take()
        if self._peek() in {"*", "+", "?", "{"}:
            raise self._error("a repeat of a repeat")
        return Repeat(part, least, most, begin + 1)

    def _count(self) -> tuple[int, int | None]:
        found = _COUNT.match(self._text, self._at)
        if found is None:
            raise self._error(r"a { that begins no count; write \{ for the character")
        least = int(found[1])
        most = (int(found[3]) if found[3] else None) if found[2] else least
        if most is not None and (most < least or most == 0):
            raise self._error("a count that allows nothing")
        self._at = found.end()
        return least, most

    def _atom(self) -> Node:
        begin, char = self._at, self._take()
        if char == "(":
            return self._group(begin)
        if char == "[":
            return One(self._set(begin))
        if char in "^$":
            return Edge(char == "$")
        if char == ".":
            return One(ANY)
        if char == "\\":
            return One(self._escaped())
        if char in "*+?":
            raise self._error(f"a {char} that repeats nothing", begin)
        if char in "{}]":
            raise self._error(f"a lone {char}; write \\{char} for the character", begin)
        return One(self._code(char))

    def _group(self, begin: int) -> Node:
        if self._peek() == "?":
            if self._peek(1) != ":":
                raise self._error("of groups only (…) and (?:…) are known; (?i) may stand first")
            self._at += 2
        elif self._peek() == "*":
            raise self._error("a verb of PCRE is no part of this language")
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._error(f"groups nested more than {DEEPEST} deep", begin)
        node = self._choice()
        if self._peek() != ")":
            raise self._error("a ( that is not closed", begin)
        self._take()
        self._depth -= 1
        return node

    def _code(self, char: str) -> int:
        if self._folds and char.isalpha():
            return 1 << ord(char.lower()) | 1 << ord(char.upper())
        return 1 << ord(char)

    def _escaped(self) -> int:
        char = self._take()
        if char.isalnum():
            codes = _CLASSES.get(char.lower())
            if codes is None:
                raise self._error(f"\\{char} is no part of this language", self._at - 2)
            return codes if char.islower() else ANY ^ codes
        return 1 << ord(char)

    def _set(self, begin: int) -> int:
        is_inverse = self._peek() == "^"
        self._at += is_inverse
        codes, first = 0, self._at
        while self._peek() != "]" or self._at == first:
            if not self._peek():
                raise self._error("a [ that is not closed", begin)
            codes |= self._span()
        self._take()
        codes = ANY ^ codes if is_inverse else codes
        if not codes:
            raise self._error("a set that nothing is in", begin)
        return codes

    def _span(self) -> int:
        """One character of a set, a class, or a range."""
        low = self._member()
        if self._peek() != "-" or self._peek(1) in {"]", ""}:
            return low
        at = self._at
        self._take()
        high = self._member()
        if _is_many(low, folds=self._folds) or _is_many(high, folds=self._folds):
            raise self._error("a range from or to a class", at)
        first, last = ord(self._text[at - 1]), ord(self._text[self._at - 1])
        if first > last:
            raise self._error("a range that goes backwards", at)
        codes = 0
        for code in range(first, last + 1):
            codes |= self._code(chr(code))
        return codes

    def _member(self) -> int:
        char = self._take()
        if char == "\\":
            return self._escaped()
        if char in "[]":
            raise self._error(f"a {char} in a set; write \\{char} for the character", self._at - 1)
        return self._code(char)


def _is_many(codes: int, *, folds: bool) -> bool:
    return codes.bit_count() > (2 if folds else 1)


def read(text: str) -> Node:
    """The parts of a regex. Raises RegexError with the place of what is wrong."""
    if len(text) > LONGEST:
        raise RegexError(f"longer than {LONGEST} characters", LONGEST + 1)
    return _Parser(text).parse()
