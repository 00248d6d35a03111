"""What is ordered once: kept, done by the next pass, told, and not done twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.engine.test_operator import Whole
from tests.toys import Save, data

from reconciler.core.errors import Terminal, Transient, Waiting
from reconciler.core.model import Ref
from reconciler.core.ordered import PATIENT, Order
from reconciler.engine.backups import Backups
from reconciler.engine.orders import KEPT, MOST, Orders

D = Ref("Data", "d")


class Ordering(Whole):
    """An operator over a toy folder that can be saved."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.backups = Backups(self.operator)

    async def begin(self, **spec: Any) -> None:
        """A folder that is in place."""
        self.specs.write(data("d", **spec), revision="r1")
        await self.operator.reconcile_now()
        self.folders.done.clear()

    async def settle(self) -> None:
        for lane in self.operator.lanes:
            await lane.settle()

    def saves(self) -> int:
        return sum(isinstance(one, Save) for one in self.folders.done)


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Ordering]:
    made = Ordering(tmp_path)
    yield made
    made.journal.close()
    made.records.close()


async def test_done_once_by_the_next_pass(whole: Ordering) -> None:
    """An order is done by a pass, once, and says so; it never means out of sync."""
    await whole.begin()
    [made] = whole.backups.order([D], "save", author="ada", reason="before  the  upgrade")
    assert (made["state"], made["author"], made["reason"]) == (
        "pending",
        "ada",
        "before the upgrade",
    )
    assert (await whole.operator.plan())["inSync"]
    await whole.settle()
    await whole.settle()
    view = await whole.backups.ordered(made["id"])
    assert view is not None
    assert (view["state"], view["outcome"]["ok"]) == ("done", True)
    assert whole.saves() == 1
    assert {"Ordered", "OrderDone"} <= set(whole.reasons())


async def test_a_failure_is_told_and_holds_nothing_back(whole: Ordering) -> None:
    """Who ordered what failed is told why; it is not tried again, and no edit is needed."""
    await whole.begin()
    whole.folders.refuses["d"] = Terminal("no such version", reason="NotFound")
    [made] = whole.backups.order([D], "save")
    await whole.settle()
    view = await whole.backups.ordered(made["id"])
    assert view is not None
    assert (view["state"], view["outcome"]["reason"]) == ("failed", "NotFound")
    assert "no such version" in view["outcome"]["message"]
    whole.folders.refuses.clear()
    await whole.settle()
    assert whole.saves() == 0
    assert whole.ready(D) == ("True", "Toy")
    [again] = whole.backups.order([D], "save")
    await whole.settle()
    assert (await whole.backups.ordered(again["id"]) or {})["state"] == "done"


async def test_what_waits_is_done_later(whole: Ordering) -> None:
    """An order that must wait a moment stays one."""
    await whole.begin()
    whole.folders.refuses["d"] = Waiting("it is being written to", reason="Settling", after=1.0)
    [made] = whole.backups.order([D], "save")
    await whole.operator.lanes[1].pass_once()
    assert (await whole.backups.ordered(made["id"]) or {})["state"] == "pending"
    whole.folders.refuses.clear()
    await whole.settle()
    assert (await whole.backups.ordered(made["id"]) or {})["state"] == "done"


async def test_it_survives_the_operator(whole: Ordering) -> None:
    """What was not done when the operator ended is done by the next one; what was, is not."""
    await whole.begin()
    [done] = whole.backups.order([D], "save")
    await whole.settle()
    [left] = whole.backups.order([D], "save")
    again = Orders(whole.records)
    assert again.next() == {D: whole.stack.orders.get(left["id"])}
    assert again.get(done["id"]) == whole.stack.orders.get(done["id"])


async def test_only_unsettled_work_is_done_out_of_sync(whole: Ordering) -> None:
    """A folder that is not as it should be is saved later; it may be mended at once."""
    await whole.begin()
    whole.folders.refuses["d"] = Transient("no", reason="No")
    whole.specs.write(data("d", path="y"), revision="r2")
    await whole.operator.reload()
    await whole.settle()
    [save] = whole.backups.order([D], "save")
    plan = await whole.operator.plan()
    assert plan["due"] == []
    assert (await whole.backups.ordered(save["id"]) or {})["state"] == "pending"
    whole.stack.orders.settle((), whole=True, now=0.0)
    whole.backups.order([D], "mend")
    assert [one["action"] for one in (await whole.operator.plan())["due"]] == ["Save"]


async def test_given_up_in_the_end(whole: Ordering) -> None:
    """What could not be begun for an hour, or speaks of nobody any more, has failed."""
    await whole.begin()
    whole.folders.refuses["d"] = Waiting("busy", reason="Busy", after=1.0)
    [made] = whole.backups.order([D], "save")
    whole.clock.time += PATIENT
    await whole.operator.lanes[0].pass_once()
    view = await whole.backups.ordered(made["id"])
    assert (view or {})["outcome"]["reason"] == "Expired"
    [gone] = whole.backups.order([D], "save")
    whole.specs.write(revision="r2")
    await whole.operator.reload()
    await whole.operator.lanes[0].pass_once()
    assert (await whole.backups.ordered(gone["id"]) or {})["outcome"]["reason"] == "NotFound"


async def test_the_same_is_not_wanted_twice(whole: Ordering) -> None:
    """Who orders what is ordered already gets that order."""
    await whole.begin()
    [one], [same] = whole.backups.order([D], "save"), whole.backups.order([D], "save")
    assert one["id"] == same["id"]
    await whole.settle()
    assert whole.saves() == 1


async def test_nonsense_is_refused(whole: Ordering) -> None:
    """What nobody can do is not written down."""
    await whole.begin()
    for refs, verb, arguments, reason in (
        ([D], "fly", {}, "NotSupported"),
        ([D], "save", {"to": "x"}, "Invalid"),
        ([D, Ref("Data", "e")], "save", {}, "NotFound"),
    ):
        with pytest.raises(Terminal) as caught:
            whole.backups.order(refs, verb, arguments)
        assert caught.value.reason == reason
    whole.specs.write(replace(data("d"), suspend=True), revision="r2")
    await whole.operator.reload()
    with pytest.raises(Terminal, match="suspended"):
        whole.backups.order([D], "save")
    assert whole.backups.orders() == []


async def test_awaited(whole: Ordering) -> None:
    """Whoever waits is told as soon as it is done, or what is true when the time is over."""
    await whole.begin()
    [made] = whole.backups.order([D], "save")
    assert (await whole.backups.ordered(made["id"], seconds=0.01) or {})["state"] == "pending"
    waiting = asyncio.create_task(whole.backups.ordered(made["id"], seconds=60))
    await whole.settle()
    assert ((await waiting) or {})["state"] == "done"
    assert await whole.backups.ordered("0" * 12) is None


async def test_of_all_or_of_none(whole: Ordering) -> None:
    """When one of several cannot be kept, none is."""
    whole.specs.write(data("d"), data("e"), revision="r1")
    await whole.operator.reconcile_now()
    for number in range(MOST):
        whole.stack.orders.add(Order("", D, "save", {"n": number}))
    with pytest.raises(Terminal, match="already"):
        whole.backups.order([Ref("Data", "e"), D], "save")
    assert len(whole.stack.orders.recent(1000)) == len(whole.records.all("order")) == MOST


def test_bounded(whole: Ordering) -> None:
    """Neither what waits nor what has ended grows without end."""
    orders = Orders(whole.records)
    for number in range(KEPT + 20):
        kept = orders.add(Order("", D, "save", at=float(number)))
        orders.learn((), {kept.id: {}}, 1.0)
    assert len(orders.recent(1000)) == len(whole.records.all("order")) == KEPT
    for number in range(MOST):
        orders.add(Order("", D, "save", {"n": number}))
    with pytest.raises(Terminal, match="already"):
        orders.add(Order("", D, "save", {"n": MOST}))
    whole.records.write("order", "odd", {"ref": 1})
    assert "odd" not in {one.id for one in Orders(whole.records).recent(1000)}
