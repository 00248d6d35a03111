"""What a spec's model found wrong -> places in the text and plain words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ..core.units import as_written
from .expand import Location, spell
from .nodes import Entry, Flaw, Mapping, Mark, Node, Scalar, Sequence
from .problem import shorten

LONGEST_GUESS: Final = 64
MOST: Final = 100
"""Mistakes of one document that are put in words."""
_KINDS: Final = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "frozen_set": "a list",
    "dict": "a mapping",
    "mapping": "a mapping",
    "model": "a mapping",
    "none": "left out",
}
_BOUNDS: Final[dict[str, Callable[[dict[str, Any]], str]]] = {
    "literal_error": lambda ctx: _choice(ctx["expected"]),
    "enum": lambda ctx: _choice(ctx["expected"]),
    "greater_than": lambda ctx: f"more than {ctx['gt']}",
    "greater_than_equal": lambda ctx: f"at least {ctx['ge']}",
    "less_than": lambda ctx: f"less than {ctx['lt']}",
    "less_than_equal": lambda ctx: f"at most {ctx['le']}",
    "string_too_short": lambda ctx: f"text of at least {ctx['min_length']} characters",
    "string_too_long": lambda ctx: f"text of at most {ctx['max_length']} characters",
    "too_short": lambda ctx: f"at least {ctx['min_length']} long",
    "too_long": lambda ctx: f"at most {ctx['max_length']} long",
    "string_pattern_mismatch": lambda ctx: f"of the form {ctx['pattern']}",
}
_LIMITS: Final = {"gt", "ge", "lt", "le"}
_YAML: Final = {"True": "true", "False": "false", "None": "null"}
_SEALED: Final = ("not a secret", "a secret, as {from: {env: NAME}}")


class _Place(NamedTuple):
    """Where a location leads: as far as the text has it, and what of it is not in the text."""

    at: Location
    node: Node
    key: Mark
    fork: Location | None
    """Where the location left the text: the models that a value may fit part there."""
    last: str


class _Finding(NamedTuple):
    at: Location
    fork: Location | None
    mark: Mark
    must: str
    """What the value must be; empty when ``message`` says all."""
    message: str
    hint: str = ""


def explain(
    error: ValidationError,
    model: type[BaseModel],
    entry: Entry,
    *,
    excused: Collection[Location] = (),
) -> list[Flaw]:
    """Everything that is wrong with the mapping at ``entry``, in plain words.

    ``excused`` are places whose values are not known: nothing at or around them is reported.
    """
    around = {place[:end] for place in excused for end in range(len(place) + 1)}
    inside = set(excused)
    found = []
    for details in _causes(error.errors(include_url=False, include_input=False))[:MOST]:
        finding = _find(details, model, entry)
        begins = (finding.at[:end] for end in range(len(finding.at) + 1))
        if finding.at not in around and inside.isdisjoint(begins):
            found.append(finding)
    return [_word(group) for group in _settle_forks(found)]


def _causes(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """A list is not too short where something in one of its items is what is wrong."""
    around = {one["loc"][:end] for one in errors for end in range(len(one["loc"]))}
    return [one for one in errors if one["type"] != "too_short" or one["loc"] not in around]


def guess(word: str, known: Iterable[str], *, before: str = "") -> str:
    """The hint for a word that is close to a known one, else empty; ``before`` is what it lacks."""
    if len(word) > LONGEST_GUESS:
        return ""
    by_folded = {one.casefold().replace("_", ""): one for one in known}
    folded = word.casefold().replace("_", "").replace("-", "")
    close = difflib.get_close_matches(folded, by_folded, 1)
    return f'did you mean "{before}{by_folded[close[0]]}"?' if close else ""


def _find(details: ErrorDetails, model: type[BaseModel], entry: Entry) -> _Finding:
    kind, context = details["type"], details.get("ctx", {})
    if kind == "missing":
        place = _follow(entry, details["loc"][:-1])
        at = (*place.at, str(details["loc"][-1]))
        return _Finding(at, place.fork, place.key, "", f'"{spell(at)}" is missing')
    place = _follow(entry, details["loc"])
    if kind == "extra_forbidden":
        name = place.last
        around = place.at[:-1]
        hint = guess(name, fields_at(model, around)) or _deeper(model, around, name)
        return _Finding(
            place.at, place.fork, place.key, "", f'unknown field "{shorten(name)}"', hint
        )
    spot = place.node.mark if isinstance(place.node, Scalar) else place.key
    if isinstance(place.node, Scalar):
        context |= {
            key: as_written(context[key], like=place.node.text) for key in _LIMITS & {*context}
        }
    must, message = _phrase(kind, context, details["msg"])
    hint = ""
    if kind in {"literal_error", "enum"} and isinstance(place.node, Scalar):
        hint = guess(place.node.text, re.findall(r"'([^']*)'", str(context.get("expected"))))
    return _Finding(place.at, place.fork, spot, must, message, hint)


def _follow(entry: Entry, location: Iterable[str | int]) -> _Place:
    """Walk ``location`` through the text, over the names of the models it passes."""
    key, node = entry
    at: Location = ()
    fork: Location | None = None
    last = ""
    for part in location:
        last = str(part)
        if isinstance(node, Mapping) and part in node.entries:
            key, node = node.entries[str(part)]
        elif isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
            key = node.mark
        else:
            fork = at if fork is None else fork
            continue
        at = (*at, part)
    return _Place(at, node, key, fork, last)


def _phrase(kind: str, context: dict[str, Any], said: str) -> tuple[str, str]:
    """What the value must be, or else a sentence."""
    if kind in _BOUNDS:
        return _BOUNDS[kind](context), ""
    base = kind.removesuffix("_attributes_type").removesuffix("_type").removesuffix("_parsing")
    base = "int" if kind == "int_from_float" else base
    if base in _KINDS:
        return _KINDS[base], ""
    text = str(context.get("error", "")) or said[:1].lower() + said[1:]
    if text == _SEALED[0]:
        return _SEALED[1], ""
    return ("", text) if not text.startswith("must be ") else (text.removeprefix("must be "), "")


def _choice(expected: str) -> str:
    """The choices as YAML writes them, not as Python does."""
    return re.sub(r"'([^']*)'|(\w+)", lambda m: m[1] or _YAML.get(m[2], m[2]), str(expected))


def _settle_forks(found: list[_Finding]) -> Iterator[list[_Finding]]:
    """One group per mistake: where a value may fit several models, the one it fits best speaks."""
    forks: dict[Location, list[_Finding]] = {}
    for finding in found:
        if finding.fork is None:
            yield [finding]
        else:
            forks.setdefault(finding.fork, []).append(finding)
    for at, group in forks.items():
        deeper = [finding for finding in group if len(finding.at) > len(at)]
        if deeper:
            yield from ([finding] for finding in deeper)
        else:
            yield [finding for finding in group if finding.message][:1] or group


def _word(group: list[_Finding]) -> Flaw:
    first = group[0]
    name = f'"{spell(first.at)}" ' if first.at else ""
    if first.message:
        verb = "is " if name and first.message.startswith("not ") else ""
        text = name + verb + first.message if verb else first.message
        return Flaw(first.mark, text, first.hint)
    wanted = " or ".join(dict.fromkeys(finding.must for finding in group))
    return Flaw(first.mark, f"{name}must be {wanted}", first.hint)


def fields_at(model: type[BaseModel], at: Location) -> list[str]:
    """The fields a mapping at ``at`` may have."""
    schema = _schema_of(model)
    here = [schema]
    for part in at:
        here = [below for one in here for below in _below(one, part, schema)]
    return [name for one in here for leaf in _leaves(one, schema) for name in _fields(leaf)]


def _deeper(model: type[BaseModel], at: Location, name: str) -> str:
    """The hint for a field that is written one level too high, else empty."""
    owners = (one for one in fields_at(model, at) if name in fields_at(model, (*at, one)))
    owner = next(owners, None)
    return "" if owner is None else f'did you mean "{owner}.{name}"?'


@cache
def _schema_of(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema(by_alias=True)


def _fields(schema: dict[str, Any]) -> list[str]:
    return list(schema.get("properties", ()))


def _below(schema: dict[str, Any], part: str | int, root: dict[str, Any]) -> Iterator[Any]:
    for leaf in _leaves(schema, root):
        if isinstance(part, int):
            below = leaf.get("items")
        else:
            below = leaf.get("properties", {}).get(part, leaf.get("additionalProperties"))
        if isinstance(below, dict):
            yield below


def _leaves(schema: dict[str, Any], root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schemas that a value may have to fit, references followed."""
    if "$ref" in schema:
        yield from _leaves(root["$defs"][schema["$ref"].rsplit("/", 1)[-1]], root)
    elif "anyOf" in schema or "oneOf" in schema or "allOf" in schema:
        for one in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
            yield from _leaves(one, root)
    else:
        yield schema
