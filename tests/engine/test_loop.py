"""A lane: pass, remember, decide when to look again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import pytest
from tests.toys import TOYS, Save, ToyDriver, app, data, lying, running

from reconciler.core.errors import Terminal, Transient, Waiting
from reconciler.core.model import HealthCode, Observed, Ref
from reconciler.core.status import ConditionStatus
from reconciler.engine.journal import Journal
from reconciler.engine.ledger import Ledger
from reconciler.engine.look import Stack, look
from reconciler.engine.loop import LOOK_AGAIN, PROGRESS, Lane
from reconciler.engine.plan_view import plan_view
from reconciler.engine.records import Records
from reconciler.engine.views import event_view, status_view
from reconciler.metrics import Metrics
from reconciler.specs.load import Snapshot
from reconciler.testing.clock import FakeClock

WEB = Ref("App", "web-0")


class Bench:
    """A lane over a toy world."""

    def __init__(self, folder: Path, *, start: str = "") -> None:
        self.apps, self.folders = ToyDriver(), ToyDriver()
        self.journal = Journal(folder / "journal.db")
        self.records = Records(folder / "records.db")
        self.ledger = Ledger(TOYS, self.journal, stack_start=start)
        self.clock = FakeClock()
        self.stack = Stack(
            TOYS,
            {"App": self.apps, "Data": self.folders},
            self.ledger,
            self.records,
            self.clock,
            Metrics(kinds=TOYS, lanes=["toys"]),
        )
        self.lane = Lane("toys", frozenset(TOYS), self.stack)

    def write(self, *resources: Any, revision: str = "r1", broken: bool = False) -> bool:
        """Make these the specs."""
        files = frozenset({PurePath("specs/bad.yaml")} if broken else ())
        snapshot = Snapshot(revision, {one.ref: one for one in resources}, broken=files)
        return self.ledger.take_snapshot(snapshot)

    def ready(self, ref: Ref) -> tuple[str, str]:
        """Status and reason of a ref's Ready condition."""
        condition = self.ledger.conditions[ref]["Ready"]
        return condition.status.value, condition.reason

    def reasons(self) -> list[str]:
        """The reasons of all events, oldest first."""
        return [row[3] for row in reversed(self.journal.events(100))]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A lane over a toy world."""
    made = Bench(tmp_path)
    yield made
    made.journal.close()
    made.records.close()


async def test_settles_and_then_touches_nothing(bench: Bench) -> None:
    """After settling the world is right, and another pass makes no mutating call."""
    bench.write(app("web"), data("d"))
    await bench.lane.settle()
    assert bench.apps.things["web-0"] == running()
    assert bench.ready(WEB) == ("True", "Toy")
    bench.apps.done.clear()
    await bench.lane.pass_once()
    assert bench.apps.done == []
    assert status_view(bench.ledger)["verdict"]["inSync"]


async def test_what_waits_for_its_removal_is_in_the_status(bench: Bench) -> None:
    """It still runs although no spec names it, so it must not vanish from sight."""
    bench.write(app("web"))
    await bench.lane.settle()
    assert status_view(bench.ledger)["held"] == []
    bench.write()
    await bench.lane.pass_once()
    (held,) = status_view(bench.ledger)["held"]
    assert (held["ref"], held["reason"]) == ("App/web-0", "MassDelete")
    assert (held["kind"], held["name"], held["health"]["code"]) == ("App", "web-0", "Healthy")
    assert held["vitals"] == bench.ledger.world["App"]["web-0"].vitals


async def test_unchanged_specs_start_no_pass(bench: Bench) -> None:
    """A wake with the same content is none; another revision of it is told, an edit counts."""
    web = app("web")
    assert bench.write(web)
    assert not bench.write(web)
    assert bench.write(app("web", word="b"))
    assert bench.ledger.edits.generation(WEB) == 2


async def test_looks_again_after_doing_something(bench: Bench) -> None:
    """What was done is verified at once; a calm world is looked at at the resync."""
    bench.write(app("web"))
    await bench.lane.pass_once()
    assert bench.lane._after == LOOK_AGAIN
    await bench.lane.pass_once()
    assert bench.lane._after == bench.stack.resync


async def test_waits_as_long_as_it_is_told(bench: Bench) -> None:
    """Waiting decides the next look and is no failure."""
    bench.write(app("web"))
    bench.apps.refuses["web-0"] = Waiting("stopping", reason="Stopping", after=0.3)
    await bench.lane.pass_once()
    assert bench.lane._after == 0.3
    assert bench.ledger.failures == {}


async def test_a_failure_is_told_and_tried_again(bench: Bench) -> None:
    """The reason stands in the condition and the events; the next try is a backoff away."""
    bench.write(app("web"))
    bench.apps.refuses["web-0"] = Transient("no room", reason="Full")
    await bench.lane.pass_once()
    assert bench.lane._after == 1.0
    assert status_view(bench.ledger)["appliedAt"] is None
    await bench.lane.pass_once()
    assert bench.ready(WEB) == ("False", "Full")
    assert "Full" in bench.reasons()
    # What cannot be started does not do what it should, though it does nothing.
    assert bench.ledger.health(WEB) == (HealthCode.DEGRADED, "Full", "no room", False)
    assert bench.ledger.conditions[WEB]["Healthy"].status is ConditionStatus.FALSE
    bench.apps.refuses.clear()
    bench.clock.time += 1.1
    await bench.lane.settle()
    assert bench.ready(WEB) == ("True", "Toy")
    assert bench.ledger.failures == {}


async def test_only_trouble_is_a_warning(bench: Bench) -> None:
    """What was wanted comes about quietly; what nobody wanted does not."""
    bench.write(app("web"), app("front", needs=("web",)))
    await bench.lane.settle()
    bench.write(app("web", word="b"), app("front", needs=("web",)), revision="r2")
    await bench.lane.settle()
    assert {row[2] for row in bench.journal.events(100)} == {"Normal"}
    bench.apps.things["web-0"] = running("z")
    await bench.lane.settle()
    assert [row[3] for row in bench.journal.events(100) if row[2] == "Warning"] == ["OutOfSync"]


async def test_terminal_stalls_until_an_edit(bench: Bench) -> None:
    """What can never work is Stalled, and an edit frees it."""
    bench.write(app("web"))
    bench.apps.refuses["web-0"] = Terminal("never", reason="Bad")
    await bench.lane.pass_once()
    await bench.lane.pass_once()
    assert bench.ledger.conditions[WEB]["Stalled"].status is ConditionStatus.TRUE
    bench.apps.refuses.clear()
    bench.write(app("web", word="b"), revision="r2")
    await bench.lane.settle()
    assert bench.apps.things["web-0"] == running("b")


async def test_progress_is_followed(bench: Bench) -> None:
    """While something is on its way to health it is looked at every second."""
    bench.write(data("d"))
    bench.folders.things["d"] = lying(restored=False)
    bench.folders.refuses["d"] = Terminal("later", reason="Later")
    await bench.lane.pass_once()
    assert bench.lane._after == PROGRESS


async def test_broken_specs_prune_nothing(bench: Bench) -> None:
    """With a broken file what is gone from the specs stays in the world."""
    bench.write(app("web"), app("other"))
    await bench.lane.settle()
    bench.write(app("web"), revision="r2", broken=True)
    await bench.lane.settle()
    assert bench.apps.things.keys() == {"web-0", "other-0"}
    bench.write(app("web"), revision="r3")
    await bench.lane.settle()
    assert bench.apps.things.keys() == {"web-0"}


async def test_many_deletions_wait_for_a_word(bench: Bench) -> None:
    """A confirmation counts for the revision it names, and for no other."""
    bench.write(*(app(f"a{n}") for n in range(4)))
    await bench.lane.settle()
    bench.write(app("a0"), revision="r2")
    bench.stack.confirmation.give("r1")
    await bench.lane.settle()
    assert len(bench.apps.things) == 4
    bench.stack.confirmation.give("r2")
    await bench.lane.settle()
    assert bench.apps.things.keys() == {"a0-0"}


async def test_due_work_is_done_once(bench: Bench) -> None:
    """A backup whose time has come is done, and leaves everything in sync."""
    bench.write(data("d", every=10.0))
    bench.folders.things["d"] = lying()
    outcome = await bench.lane.settle()
    assert outcome.plan.in_sync
    assert bench.folders.done == [Save("d")]
    events = [event_view(row) for row in bench.journal.events(10)]
    assert ("Save", "its time has come") in {(one["reason"], one["message"]) for one in events}


async def test_wakes_when_work_falls_due(bench: Bench) -> None:
    """Not before, and not only at the next resync."""
    bench.write(data("d", every=10.0))
    seen = lying()
    bench.folders.things["d"] = replace(seen, vitals={"saved": bench.clock.now() - 3})
    await bench.lane.pass_once()
    assert bench.lane._after == pytest.approx(7.0)
    assert bench.folders.done == []
    bench.clock.time += bench.lane._after
    await bench.lane.pass_once()
    assert bench.folders.done == [Save("d")]


async def test_what_cannot_be_seen_is_looked_at_again_soon(bench: Bench) -> None:
    """A second later, then more and more seldom, and no later than a calm world."""
    bench.write(app("web"))
    await bench.lane.settle()
    bench.apps.dark = True
    waits = []
    for _ in range(7):
        await bench.lane.pass_once()
        waits.append(bench.lane._after)
    assert waits == [1, 2, 4, 8, 16, 30, 30]
    bench.apps.dark = False
    await bench.lane.pass_once()
    assert bench.lane._after == bench.stack.resync


async def test_a_dark_world_is_unknown(bench: Bench) -> None:
    """What cannot be seen is neither ready nor in sync, and nothing is done about it."""
    bench.write(app("web"))
    await bench.lane.settle()
    bench.apps.dark = True
    outcome = await bench.lane.pass_once()
    assert bench.ready(WEB)[0] == "Unknown"
    view = plan_view(bench.ledger, outcome.plan, 1)
    assert not view["inSync"]
    assert view["unknown"][0]["kind"] == "App"


async def test_drift_is_told_from_an_edit(bench: Bench) -> None:
    """A change by hand is drift, an edited spec is not."""
    bench.write(app("web"))
    await bench.lane.settle()
    bench.apps.things["web-0"] = running("z")
    by_hand = await bench.lane.pass_once()
    assert [change.cause.value for change in by_hand.plan.changes] == ["drift"]
    bench.write(app("web", word="b"), revision="r2")
    edited = await bench.lane.pass_once()
    assert [change.cause.value for change in edited.plan.changes] == ["spec"]


async def test_generations_survive_the_operator(bench: Bench) -> None:
    """A new operator counts edits on and knows what was in sync."""
    bench.write(app("web"))
    bench.write(app("web", word="b"))
    await bench.lane.settle()
    bench.journal.commit()
    again = Ledger(TOYS, bench.journal)
    again.take_snapshot(Snapshot("r1", {Ref("App", "web"): app("web", word="b")}))
    assert (again.edits.generation(WEB), again.edits.observed_generation(WEB)) == (2, 2)


async def test_an_older_look_unsays_nothing(bench: Bench) -> None:
    """A look that began earlier and took longer leaves what a newer one saw."""
    bench.write(app("web"))
    since = bench.clock.monotonic()
    bench.clock.time += 1
    await bench.lane.settle()
    look(bench.stack, {"App": {}, "Data": {}}, since=since)
    assert bench.ready(WEB) == ("True", "Toy")


async def test_restarts_are_counted_and_told(bench: Bench) -> None:
    """A program that runs under another pid was started again; nobody asked for it here."""
    bench.write(app("web"))
    for pid in (1, 1, None, 2):
        bench.apps.things["web-0"] = Observed(running().state, owned=True, vitals={"pid": pid})
        await bench.lane.pass_once()
    (web,) = status_view(bench.ledger)["resources"]
    assert web["vitals"]["restarts"] == 1
    assert bench.reasons().count("Restarted") == 1


async def test_what_was_just_read_is_not_in_sync_yet(bench: Bench) -> None:
    """A status never names a new revision and tells of the old one."""
    bench.write(app("web"), revision="r1")
    await bench.lane.settle()
    bench.write(app("web", word="b"), revision="r2")
    verdict = status_view(bench.ledger)["verdict"]
    assert not verdict["inSync"]
    assert not verdict["ready"]
    await bench.lane.settle()
    assert status_view(bench.ledger)["verdict"]["inSync"]


async def test_what_is_suspended_is_not_judged(bench: Bench) -> None:
    """It differs, and is not there: that is as somebody has written, and the rest is well."""
    bench.write(app("web"), replace(app("later"), suspend=True))
    await bench.lane.settle()
    verdict = status_view(bench.ledger)["verdict"]
    assert (verdict["ready"], verdict["inSync"]) == (True, False)
    assert verdict["health"] == HealthCode.HEALTHY
