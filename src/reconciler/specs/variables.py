"""``${VAR}``, ``${VAR:-default}`` and ``$$`` in a text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from .problem import looks_secret

_REFERENCE: Final = re.compile(r"\$(?:\$|\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\{)")
LONGEST: Final = 1 << 17
"""What the system takes as one argument or variable."""
COST: Final = 32
"""Of one reference, so that very many of them are refused too."""


class Expanded(NamedTuple):
    """A text with its variables filled in."""

    text: str
    missing: tuple[str, ...]
    secret: str
    """The first variable whose name looks secret, else empty."""


class MalformedError(ValueError):
    """A ``${`` that begins no variable reference, or more text than anybody means."""


def expand_variables(text: str, environ: Mapping[str, str]) -> Expanded:
    """Fill the variables of ``text``. Raises MalformedError."""
    if "$" not in text:
        return Expanded(text, (), "")
    filling = _Filling(environ, [])
    done = _REFERENCE.sub(filling.fill, text)
    return Expanded(done, tuple(dict.fromkeys(filling.missing)), filling.secret)


@dataclass(slots=True)
class _Filling:
    environ: Mapping[str, str]
    missing: list[str]
    secret: str = ""
    room: int = LONGEST
    """How much longer the text may still get."""

    def fill(self, found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        name, default = found[1], found[2]
        if name is None:
            raise MalformedError('has a "${" that begins no variable')
        if looks_secret(name):
            self.secret = self.secret or name
        value = self.environ.get(name)
        if value is None or (value == "" and default is not None):
            if default is None:
                self.missing.append(name)
            value = default or ""
        self.room -= len(value) + COST
        if self.room < 0:
            raise MalformedError("gets too long with its variables filled in")
        return value
