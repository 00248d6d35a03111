"""Circles in a graph, each named once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeAlias

from .model import Ref, Resource

Graph: TypeAlias = Mapping[Ref, Collection[Ref]]


def find_cycle(graph: Graph) -> tuple[Ref, ...]:
    """One cycle of the graph, smallest ref first, or nothing: ``(a, b)``: a needs b needs a."""
    done: set[Ref] = set()
    for start in sorted(graph):
        trail: list[Ref] = []
        stack: list[tuple[Ref, bool]] = [(start, False)]
        while stack:
            ref, leaving = stack.pop()
            if leaving:
                done.add(trail.pop())
            elif ref in trail:
                cycle = trail[trail.index(ref) :]
                first = cycle.index(min(cycle))
                return tuple(cycle[first:] + cycle[:first])
            elif ref not in done:
                trail.append(ref)
                stack.append((ref, True))
                stack.extend((need, False) for need in sorted(graph.get(ref, ()), reverse=True))
    return ()


def find_cycles(graph: Graph) -> tuple[tuple[Ref, ...], ...]:
    """Every cycle that keeps the rest from being ordered, one after another."""
    left = {ref: set(needed) for ref, needed in graph.items()}
    cycles = []
    while cycle := find_cycle(left):
        cycles.append(cycle)
        for ref in cycle:
            left.pop(ref, None)
    return tuple(cycles)


def name_cycles(
    cycles: Iterable[tuple[Ref, ...]], desired: Mapping[Ref, Resource[Any]]
) -> dict[Ref, str]:
    """What goes round in circles, in words."""
    return {
        ref: " -> ".join(f"{one} ({desired[one].origin})" for one in (*cycle, cycle[0]))
        for cycle in cycles
        for ref in cycle
    }


def without(graph: Graph, refs: Iterable[Ref]) -> dict[Ref, set[Ref]]:
    """The graph with ``refs`` taken out."""
    gone = set(refs)
    return {ref: set(needed) - gone for ref, needed in graph.items() if ref not in gone}
