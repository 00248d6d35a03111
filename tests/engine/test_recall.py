"""A pass over what did not change works out nothing twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.engine.test_loop import Bench
from tests.toys import TOYS, app, data, running

from reconciler.core.model import Ref
from reconciler.engine.views import status_view

WEB = Ref("App", "web-0")


@pytest.fixture
def asked() -> Counter[str]:
    """How often each function of a kind was called."""
    return Counter()


@pytest.fixture
def bench(tmp_path: Path, asked: Counter[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A lane over a toy world that counts what is worked out."""

    def counting(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            asked[name] += 1
            return function(*args)

        return call

    for kind, toy in TOYS.items():
        names = ("render", "steps", "health", "needs", "instances", "calls_for", "paused")
        functions: Any = {name: counting(name, getattr(toy, name)) for name in names}
        monkeypatch.setitem(TOYS, kind, replace(toy, **functions))
    made = Bench(tmp_path)
    yield made
    made.journal.close()
    made.records.close()


async def test_a_calm_pass_asks_no_kind(bench: Bench, asked: Counter[str]) -> None:
    """Nor does the status after it."""
    bench.write(*(app(f"a{n}") for n in range(5)), app("web", needs=("a1",)), data("d"))
    await bench.lane.settle()
    await bench.lane.pass_once()
    status_view(bench.ledger)
    asked.clear()
    before = status_view(bench.ledger)["resources"]
    await bench.lane.pass_once()
    after = status_view(bench.ledger)["resources"]
    assert asked == {}
    assert all(old is new for old, new in zip(before, after, strict=True))


async def test_one_that_changed_is_asked_alone(bench: Bench, asked: Counter[str]) -> None:
    """What is seen as another object is judged anew, and nothing else is."""
    bench.write(*(app(f"a{n}") for n in range(5)), app("web"))
    await bench.lane.settle()
    await bench.lane.pass_once()
    asked.clear()
    bench.apps.things["web-0"] = running(vitals={"pid": 2})
    await bench.lane.pass_once()
    assert asked == {"health": 1, "calls_for": 1}
    views = {one["name"]: one for one in status_view(bench.ledger)["resources"]}
    assert views["web-0"]["vitals"]["pid"] == 2


async def test_an_edit_is_seen_through_everything_remembered(bench: Bench) -> None:
    """Another digest, generation and state, at once."""
    bench.write(app("web"))
    await bench.lane.settle()
    status_view(bench.ledger)
    bench.write(app("web", word="b"), revision="r2")
    await bench.lane.settle()
    (view,) = status_view(bench.ledger)["resources"]
    assert (view["generation"], view["observedGeneration"]) == (2, 2)
    assert bench.apps.things["web-0"] == running("b")
