"""Looks for secrets that stand in the open in what is imported; tells where, never what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from ...core.model import Json
from ...kinds.synctarget.secrets import RULES
from ...specs.problem import has_password, looks_secret

PROGRAMS: Final = ("command", "shell", "script", "args")
"""Fields that say what is executed: who lists the processes sees it."""
SHORTEST: Final = 6
"""Letters of a value that is looked for within words: shorter ones are in many."""
_reference: Final = re.compile(r"\$\$|\$\{(\w+)(?::-)?\}")
_filled_in: Final = re.compile(r"\$+\{\w+(?::-)?\}|\$+[A-Za-z_]\w*|\$\([^)]*\)|`[^`]*`")
_assigned: Final = re.compile(r"(?:^|[\s?&;,])(-{0,2}[A-Za-z_][\w.-]*)(?:=(\S+)|:[^\S\n]+(.+))")
_given: Final = re.compile(r"(?:^|\s)(--?[A-Za-z][\w.-]*)\s+(?![-\0])(\S+)")
_place: Final = re.compile(r"(?:file|path|dir|sock|socket)$", re.IGNORECASE)
_setting: Final = re.compile(r"true|false|yes|no|on|off|none|[\d.]+", re.IGNORECASE)


def open_secrets(spec: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """Where the spec of a Process holds what looks like a secret, and what to do about it."""
    env = {name: one for name, one in spec.get("env", {}).items() if isinstance(one, str)}
    env = {name: one for name, one in env.items() if is_open_secret(name, one)}
    for name in env:
        way = f"write {{from: {{env: {name}}}}} or {{from: {{file: …}}}} before you commit it"
        yield f"env {name}", f"looks secret and stands in the open; {way}"
    for field in PROGRAMS:
        for what in dict.fromkeys(_in_words(_words(spec.get(field)), env)):
            way = "let the program read it from env, with {from: {env: …}} there"
            text = "looks secret and stands in the open, in the list of processes too"
            where = "command" if field == "shell" else field
            yield where, f"{what} {text}; {way}, before you commit it"


def is_open_secret(name: str, value: str) -> bool:
    """Whether the value itself is written down; a reference to a variable tells nothing."""
    plain = _reference.sub(lambda found: "$" if found[0] == "$$" else "", value)
    if has_password(plain) or any(_known_shapes(plain)):
        return True
    if not plain or not _is_for_secrets(name):
        return False
    return not any(looks_secret(one) for one in _reference.findall(value))


def _in_words(words: list[str], env: Mapping[str, str]) -> Iterator[str]:
    """What of a command looks secret, by its name."""
    # On lines of their own, what belongs to one word does not run into the next.
    text = "\n".join(_filled_in.sub("\0", word) or "\0" for word in words)
    for name, value in _pairs(re.sub("[\"']", "", text)):
        if _is_for_secrets(name) and not _is_setting(name, value):
            yield name
    for name, value in env.items():
        if looks_secret(name) and any(_holds(word, value) for word in words):
            yield f"the value of {name}"
    plain = text.replace("\0", "")
    if has_password(plain):
        yield "the password in a URL"
    yield from _known_shapes(plain)


def _holds(word: str, value: str) -> bool:
    return word == value or (len(value) >= SHORTEST and value in word)


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """``--name value``, ``--name=value``, ``NAME=value`` and ``Name: value``."""
    for found in _given.finditer(text):
        yield found[1], found[2]
    for found in _assigned.finditer(text):
        yield found[1], found[2] or found[3]


def _words(said: Json) -> list[str]:
    return [said] if isinstance(said, str) else list(said or ())


def _is_for_secrets(name: str) -> bool:
    """``DB_PASSWORD`` is; ``DB_PASSWORD_FILE`` only says where one lies."""
    return looks_secret(name) and _place.search(name) is None


def _is_setting(name: str, value: str) -> bool:
    """``--max-tokens 4096`` and ``--auth=on`` tell nothing; a password may be a number."""
    if "\0" in value:  # a variable stands there, or in it
        return True
    return "pass" not in name.lower() and _setting.fullmatch(value) is not None


def _known_shapes(text: str) -> Iterator[str]:
    data = text.encode(errors="replace")
    return (rule.name for rule in RULES if rule.pattern.search(data))
