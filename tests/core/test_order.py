"""What goes first, and circles by name."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.toys import TOYS, app, data, desired

from reconciler.core.cycles import find_cycle, find_cycles, without
from reconciler.core.model import Ref
from reconciler.core.order import graph_of, members, ranks, users


def ref(name: str) -> Ref:
    """A toy ref."""
    return Ref("App", name)


names = st.sampled_from([ref(letter) for letter in "abcdef"])
graphs = st.dictionaries(names, st.sets(names, max_size=3), max_size=6)


def test_written_needs_mean_all_instances() -> None:
    """``needs: web`` is every instance of web, and every instance has the need."""
    want = desired(app("web", copies=2), app("one", needs=("web",)))
    assert graph_of(TOYS, want)[ref("one-0")] == {ref("web-0"), ref("web-1")}
    assert users(TOYS, want) == {ref("web"): (ref("one-0"),)}


def test_an_instance_may_be_named() -> None:
    """A need may name one instance."""
    want = desired(app("web", copies=2), app("one", needs=("web-1",)), data("d"))
    assert members(want)[ref("web-1")] == (ref("web-1"),)
    assert graph_of(TOYS, want)[ref("one-0")] == {ref("web-1")}


def test_a_circle_is_named_from_its_smallest() -> None:
    """The circle is told in order, once."""
    graph = {ref("c"): {ref("a")}, ref("a"): {ref("b")}, ref("b"): {ref("c")}}
    assert find_cycle(graph) == (ref("a"), ref("b"), ref("c"))
    assert find_cycle({ref("a"): {ref("a")}}) == (ref("a"),)
    assert find_cycle({ref("a"): {ref("b")}, ref("b"): set()}) == ()


@given(graphs)
def test_without_the_circles_all_can_be_ranked(graph: dict[Ref, set[Ref]]) -> None:
    """Each named circle is one, and what is left has every need on a lower rank."""
    cycles = find_cycles(graph)
    for cycle in cycles:
        for one, following in zip(cycle, (*cycle[1:], cycle[0]), strict=True):
            assert following in graph[one]
    rest = without(graph, (one for cycle in cycles for one in cycle))
    assert find_cycle(rest) == ()
    rank = ranks(rest)
    assert all(rank[one] > rank[need] for one, needed in rest.items() for need in needed)
