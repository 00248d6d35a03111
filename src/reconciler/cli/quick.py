"""Reads the plain spellings of the verbs that are typed all day.

The full parser costs more than all else these verbs do. What is not understood here, a mistake
too, is left to it: None.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

Options: TypeAlias = Mapping[str, str]

OUTPUTS: Final = frozenset({"text", "json", "yaml"})
VALUES: Final[Mapping[str, str]] = {"-o": "output", "--output": "output"}
PLACES: Final[Mapping[str, str]] = {"--specs": "specs", "--state-dir": "state_dir"}


def read_status(arguments: Sequence[str]) -> Options | None:
    """The options of ``status``."""
    return _read(arguments, {**VALUES, **PLACES}, frozenset({"--exit-code"}))


def read_version(arguments: Sequence[str]) -> Options | None:
    """The options of ``version``."""
    return _read(arguments, VALUES, frozenset())


def _read(
    arguments: Sequence[str], values: Mapping[str, str], flags: frozenset[str]
) -> Options | None:
    found: dict[str, str] = {}
    rest = iter(arguments)
    for word in rest:
        if word in flags:
            found[word] = "yes"
            continue
        name, value = _valued(word, rest)
        if name not in values or not value:
            return None
        found[values[name]] = value
    return found if found.get("output", "text") in OUTPUTS else None


def _valued(word: str, rest: Iterator[str]) -> tuple[str, str]:
    name, parted, value = word.partition("=")
    return (name, value) if parted else (name, next(rest, ""))
