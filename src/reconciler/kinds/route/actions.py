"""What is done to make a rule so."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from ...core.model import Change
from .endpoint import Endpoint
from .state import Rule


class PutRule(NamedTuple):
    """Serve this rule from the next request on."""

    name: str
    rule: Rule


class DropRule(NamedTuple):
    """Serve it no longer."""

    name: str


class PutPool(NamedTuple):
    """Send the requests for this pool to these endpoints, from the next one on."""

    name: str
    endpoints: tuple[Endpoint, ...]


RouteAction: TypeAlias = PutRule | DropRule | PutPool


def steps(change: Change[Rule]) -> tuple[RouteAction, ...]:
    """One write whatever changed: a rule is replaced whole."""
    if change.after is None:
        return (DropRule(change.ref.name),)
    return (PutRule(change.ref.name, change.after),)
