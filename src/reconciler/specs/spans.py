"""YAML text -> nodes that know where in the text they begin and end, for edits in place.

The positions come from the parser that loads the specs: what is edited is what is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

from yaml.events import (
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from ..core.model import Json
from .expand import AS_WRITTEN
from .parse import events
from .scalars import NOTHING, resolve

BLOCK_STYLES: Final = frozenset({"|", ">"})


@dataclass(slots=True)
class Leaf:
    """A value; ``style`` is its quote, ``|`` or ``>``, or empty."""

    begin: int
    end: int
    text: str
    style: str


@dataclass(slots=True)
class Items:
    """A list; ``begin`` is its bracket or first dash."""

    begin: int
    end: int
    flow: bool
    items: list[Span] = field(default_factory=list)


class Field(NamedTuple):
    """One entry of a mapping."""

    key: Leaf
    value: Span


@dataclass(slots=True)
class Fields:
    """A mapping; ``begin`` is its brace or first key."""

    begin: int
    end: int
    flow: bool
    fields: dict[str, Field] = field(default_factory=dict)


Span: TypeAlias = Leaf | Items | Fields


def spans_of(text: str) -> list[Span]:
    """The documents of a text that the loader finds no fault with."""
    stream = events(text)
    return [_node(event, stream, text) for event in stream if isinstance(event, NodeEvent)]


def written(span: Span, under: str = "") -> Json:
    """What a node says, as it is written: no variable is filled in, no secret fetched."""
    match span:
        case Leaf():
            return _value(span, under)
        case Items():
            return [written(one, under) for one in span.items]
        case Fields():
            return {
                key: written(one.value, under or (key if key in AS_WRITTEN else ""))
                for key, one in span.fields.items()
            }


def document_of(span: Span) -> Json:
    """A whole document as it is written; its name is text, whatever it looks like."""
    data = written(span)
    about = span.fields.get("metadata") if isinstance(span, Fields) else None
    name = about.value.fields.get("name") if about and isinstance(about.value, Fields) else None
    if name is not None and isinstance(name.value, Leaf):
        data["metadata"]["name"] = name.value.text
    return data


def _value(leaf: Leaf, under: str) -> Json:
    if leaf.style:
        return leaf.text
    if under in AS_WRITTEN:
        return None if leaf.text in NOTHING else leaf.text
    try:
        return resolve(leaf.text)
    except ValueError:
        return leaf.text


def _node(event: Event, stream: Iterator[Event], text: str) -> Span:
    begin: Any = event.start_mark
    end: Any = event.end_mark
    if isinstance(event, MappingStartEvent):
        return _fields(Fields(begin.index, end.index, bool(event.flow_style)), stream, text)
    if isinstance(event, SequenceStartEvent):
        return _items(Items(begin.index, end.index, bool(event.flow_style)), stream, text)
    if not isinstance(event, ScalarEvent):
        return Leaf(begin.index, end.index, "", "")
    style = str(event.style or "")
    last = begin.index + len(text[begin.index : end.index].rstrip())
    return Leaf(begin.index, last if style in BLOCK_STYLES else end.index, event.value, style)


def _fields(made: Fields, stream: Iterator[Event], text: str) -> Fields:
    for event in stream:
        if isinstance(event, MappingEndEvent):
            _close(made, event, [one.value for one in made.fields.values()])
            break
        key = _node(event, stream, text)
        value = _node(next(stream), stream, text)
        if isinstance(key, Leaf):
            made.fields[key.text] = Field(key, value)
    return made


def _items(made: Items, stream: Iterator[Event], text: str) -> Items:
    for event in stream:
        if isinstance(event, SequenceEndEvent):
            _close(made, event, made.items)
            break
        made.items.append(_node(event, stream, text))
    return made


def _close(made: Items | Fields, event: Event, inside: list[Span]) -> None:
    """A block has no end of its own: it ends with the last thing in it."""
    end: Any = event.end_mark
    made.end = end.index if made.flow or not inside else inside[-1].end
