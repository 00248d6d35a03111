"""The operator as a whole: what it reads, what a person may ask of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.engine.test_loop import Bench
from tests.toys import Put, app, data, lying, running

from reconciler.core.errors import Terminal, Transient
from reconciler.core.model import Drift, Ref
from reconciler.core.status import ConditionStatus
from reconciler.engine.loop import Lane
from reconciler.engine.operator import Operator
from reconciler.specs.load import Snapshot


class Specs:
    """A loader whose specs are set by hand."""

    def __init__(self) -> None:
        self.now: Snapshot | Exception = Snapshot("r0", {})

    def write(self, *resources: Any, revision: str) -> None:
        """Make these the specs."""
        self.now = Snapshot(revision, {one.ref: one for one in resources})

    def load(self, _touched: object = None) -> Snapshot:
        """As a loader does."""
        if isinstance(self.now, Exception):
            raise self.now
        return self.now

    def is_brief(self, _touched: object) -> bool:
        """Never: it is read apart."""
        return False

    def outside(self) -> frozenset[Path]:
        """Nothing else was read."""
        return frozenset()


class Whole(Bench):
    """An operator with two lanes over a toy world."""

    def __init__(self, folder: Path, *, start: str = "first") -> None:
        super().__init__(folder, start=start)
        self.specs = Specs()
        loader: Any = self.specs
        self.operator = Operator(self.stack, loader, tuple)
        lanes = (("apps", "App"), ("folders", "Data"))
        self.operator.lanes = tuple(Lane(n, frozenset({k}), self.stack) for n, k in lanes)


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    """An operator with two lanes over a toy world."""
    made = Whole(tmp_path)
    yield made
    made.journal.close()
    made.records.close()


async def test_one_lane_does_not_unsay_another(whole: Whole) -> None:
    """What is stalled in a lane stays so, and is told once, however often others look."""
    whole.specs.write(app("web"), data("d"), revision="r1")
    whole.folders.refuses["d"] = Terminal("never", reason="Bad")
    await whole.operator.reload()
    apps, folders = whole.operator.lanes
    for lane in (folders, folders, apps):
        await lane.pass_once()
    stalled = whole.ledger.conditions[Ref("Data", "d")]["Stalled"]
    assert stalled.status is ConditionStatus.TRUE


async def test_a_person_frees_what_is_held(whole: Whole) -> None:
    """Who mends the world and asks for it now does not wait for an edit of the specs."""
    whole.specs.write(app("web"), revision="r1")
    whole.apps.refuses["web-0"] = Terminal("nginx is not installed", reason="Missing")
    await whole.operator.reconcile_now()
    whole.apps.refuses.clear()
    await whole.operator.reconcile_now()
    assert whole.apps.things["web-0"] == running()


async def test_a_confirmation_is_for_once(whole: Whole) -> None:
    """Deletions that were allowed long ago are not allowed when the same specs come again."""
    for name in ("a", "b", "c"):
        whole.apps.things[name] = running()
    whole.specs.write(revision="empty")
    await whole.operator.reconcile_now(confirm="empty")
    assert whole.apps.things == {}
    whole.specs.write(*map(app, "abc"), revision="r1")
    await whole.operator.reconcile_now()
    whole.specs.write(revision="empty")
    await whole.operator.reconcile_now()
    assert len(whole.apps.things) == 3


async def test_who_is_gone_is_not_sick(whole: Whole) -> None:
    """Nothing is kept of those that no spec names any more."""
    whole.specs.write(app("web"), app("api"), revision="r1")
    whole.apps.refuses["api-0"] = Terminal("never", reason="Bad")
    await whole.operator.reconcile_now()
    assert whole.ledger.sick == [Ref("App", "api-0")]
    whole.specs.write(app("web"), revision="r2")
    await whole.operator.reconcile_now()
    assert whole.ledger.sick == []
    assert whole.ledger._sick == set()


async def test_a_fault_of_the_loader_is_told(whole: Whole) -> None:
    """The operator outlives it, keeps what it knew, and says it cannot see the specs."""
    whole.specs.write(app("web"), revision="r1")
    await whole.operator.reconcile_now()
    whole.specs.now = PermissionError(13, "Permission denied", "/srv")
    view = await whole.operator.plan()
    assert [one["kind"] for one in view["unknown"]] == ["Specs"]
    status = await whole.operator.status()
    assert [one["kind"] for one in status["unknown"]] == ["Specs"]
    assert not status["verdict"]["inSync"]
    assert whole.apps.things["web-0"] == running()


async def test_only_what_cannot_be_seen_counts_as_unseen(whole: Whole) -> None:
    """Readiness and metrics tell a dark world from one where there is nothing to do."""
    whole.specs.write(app("web"), revision="r1")
    await whole.operator.reconcile_now()
    for dark in (False, True):
        whole.apps.dark = dark
        await whole.operator.plan()
        whole.operator.measure()
        planes = next(one for one in whole.operator.checks() if one.name == "planes")
        assert planes.ok is not dark
        assert set(whole.stack.metrics.facts.now.unseen) == ({"App"} if dark else set())


async def test_specs_that_cannot_be_read_now_are_told_in_readiness(whole: Whole) -> None:
    """What was read once does not hide that edits go unseen; it is ready again by itself."""
    whole.specs.write(app("web"), revision="r1")
    await whole.operator.reconcile_now()
    good = whole.specs.now
    for now, ok in (
        (good, True),
        (Transient("git refuses", reason="Refused"), False),
        (good, True),
    ):
        whole.specs.now = now
        await whole.operator.reload()
        specs = next(one for one in whole.operator.checks() if one.name == "specs")
        assert specs.ok is ok
        assert ok or specs.message == "git refuses"


async def test_what_rests_for_a_restore_is_no_drift(whole: Whole) -> None:
    """Lost data comes back, and what uses it rests meanwhile and runs again, drift kept or not."""
    web = replace(app("web", restored=("d",)), drift=Drift.WARN)
    whole.specs.write(web, data("d"), revision="r1")
    await whole.operator.reconcile_now()
    assert whole.apps.things["web-0"] == running()
    whole.folders.things["d"] = lying(restored=False)
    for _ in range(3):  # the clock stands still here, so that each call is one round
        await whole.operator.reconcile_now()
    assert whole.folders.things["d"].state.restored
    assert whole.apps.things["web-0"] == running()
    assert Put("web-0", running(started=False).state) in whole.apps.done


@pytest.mark.parametrize(("start", "runs"), [("second", True), ("first", False)])
async def test_a_stack_that_starts_is_no_drift(tmp_path: Path, start: str, *, runs: bool) -> None:
    """Drift is kept while the stack runs; what is merely down after a reboot comes up."""
    web = replace(app("web"), drift=Drift.WARN)
    for began in ("first", start):
        whole = Whole(tmp_path, start=began)
        whole.specs.write(web, revision="r1")
        if began == "first":
            await whole.operator.reconcile_now()
        whole.apps.things["web-0"] = running(started=False)
        await whole.operator.reconcile_now()
        whole.journal.close()
        whole.records.close()
    assert whole.apps.things["web-0"] == running(started=runs)
