"""Reads the specs as the operator would, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, NamedTuple

from ..core.errors import ReconcileError
from ..core.model import Resource
from ..kinds import KINDS
from ..settings import Settings
from ..specs.load import Loader, Snapshot
from ..specs.problem import Problem
from ..specs.source import open_source

# Digests are only compared within one reading here; the operator's own key stays untouched.
PASSING_KEY: Final = b"of this reading alone"


class Opening(NamedTuple):
    """Where a Gateway wants to listen, and where that is written."""

    address: str
    port: int
    written: str


def read_specs(settings: Settings) -> Snapshot:
    """What the specs say now, and what is wrong with them."""
    return _loader(settings).load()


def review_specs(settings: Settings) -> tuple[Problem, ...]:
    """Everything that is wrong with the specs, or odd about them, in the order of places."""
    loader = _loader(settings)
    snapshot = loader.load()
    found = loader.place(snapshot, loader.review(snapshot)).warnings
    warnings = (problem for problems in found.values() for problem in problems)
    return tuple(sorted((*snapshot.problems, *warnings)))


def _loader(settings: Settings) -> Loader:
    source = open_source(settings.specs, worktree=settings.worktree)
    return Loader(KINDS, source, root=settings.root, environ=settings.environ, key=PASSING_KEY)


def gateways(settings: Settings) -> list[Resource[Any]]:
    """The Gateways of the files as they are; none when they cannot be read now."""
    try:
        resources = read_specs(replace(settings, worktree=True)).resources
    except ReconcileError:
        return []
    return [one for ref, one in resources.items() if ref.kind == "Gateway"]


def openings(settings: Settings) -> Iterator[Opening]:
    """The public ports of a stack; none when its specs cannot be read now."""
    try:
        resources = read_specs(settings).resources
    except ReconcileError:
        return
    for ref, resource in resources.items():
        if ref.kind == "Gateway":
            spec = resource.spec
            yield Opening(str(spec.bind), int(spec.listen), f"{ref} ({resource.origin})")
