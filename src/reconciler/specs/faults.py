"""What an edit would break, told by resource and field."""

from __future__ import annotations

from typing import NamedTuple

from ..core.errors import Terminal
from ..core.model import Json
from . import nodes
from .edit import entry_of
from .expand import Location, spell
from .nodes import USUAL, Limits, Mark, Node
from .parse import parse
from .problem import Problem
from .text import decode, split


class Fault(NamedTuple):
    """What an edit would break: which resource, which field, why, and what to do."""

    ref: str
    at: str
    message: str
    hint: str
    place: str


class Invalid(Terminal):
    """Something that cannot be written; ``errors`` are all reasons. Nothing was changed."""

    def __init__(self, message: str, errors: list[dict[str, Json]]) -> None:
        super().__init__(message, reason="Invalid")
        self.errors = errors


class InvalidEdit(Invalid):
    """An edit after which the specs would be worse."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        first = faults[0]
        text = f"{first.ref or first.place}: {first.message}"
        super().__init__(text, [fault._asdict() for fault in faults])
        self.faults = faults


def fault_of(problem: Problem, data: bytes, limits: Limits = USUAL) -> Fault:
    """A problem of a file with this content."""
    ref, at = _locate(data, Mark(problem.line, problem.column), limits)
    place = f"{problem.path}:{problem.line}:{problem.column}"
    return Fault(ref, at, problem.message, problem.hint, place)


def _locate(data: bytes, mark: Mark, limits: Limits) -> tuple[str, str]:
    """Which resource a place belongs to, and which field of it."""
    text = decode(data)
    for chunk in split(text, limits.documents) if isinstance(text, str) else ():
        if chunk.above < mark.line <= chunk.above + chunk.text.count("\n") + 1:
            for node in parse(chunk.text, limits).documents:
                at = _find(node, Mark(mark.line - chunk.above, mark.column), ())
                return _name_of(node), spell(at or ())
    return "", ""


def _find(node: Node, mark: Mark, at: Location) -> Location | None:
    if isinstance(node, nodes.Sequence):
        inside = [(item.mark, item, (*at, n)) for n, item in enumerate(node.items)]
    elif isinstance(node, nodes.Mapping):
        inside = [(one.key, one.value, (*at, key)) for key, one in node.entries.items()]
    else:
        inside = []
    for key, value, place in inside:
        if (found := _find(value, mark, place)) is not None:
            return found
        if mark in {key, value.mark}:
            return place
    return None


def _name_of(node: Node) -> str:
    kind, name = entry_of(node, "kind"), entry_of(entry_of(node, "metadata"), "name")
    return f"{getattr(kind, 'text', '')}/{getattr(name, 'text', '')}"
