"""What is remembered of replacements, and how a lane acts on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import pytest
from tests.toys import app, desired
from tests.twins import TWIN, WEB, Operator, Scene

from reconciler.core.errors import Transient
from reconciler.core.model import Drift, Origin, Ref, Resource
from reconciler.core.sealed import Sealed
from reconciler.core.turns import Memory, Note
from reconciler.engine.foresight import foresee
from reconciler.engine.look import give_up
from reconciler.engine.reconcile import observe
from reconciler.engine.records import Records
from reconciler.engine.rollouts import Rollouts
from reconciler.engine.views import status_view
from reconciler.kinds.process.spec import ProcessSpec
from reconciler.specs.load import Snapshot

ORIGIN = Origin(PurePath("specs/shop.yaml"), 1)
BEGAN = (WEB, Note.BEGAN, "d")


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    made = Records(tmp_path / "records.db")
    yield made
    made.close()


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    made = Operator(tmp_path, Scene())
    yield made
    made.close()


def test_it_is_remembered_by_the_next_operator(records: Records) -> None:
    """When it began counts once; what failed stays so until somebody wants another try."""
    first = Rollouts(records)
    first.note([BEGAN], 10.0)
    first.note([BEGAN], 20.0)
    first.fail(WEB, "it crashed", 30.0)
    second = Rollouts(records)
    assert second.recall(WEB, "d") == Memory("d", 10.0, failed=30.0, message="it crashed")
    assert second.recall(WEB, "another") is None
    second.retry(WEB)
    assert Rollouts(records).recall(WEB, "d") is None


def test_why_it_was_given_up_names_no_secret(operator: Operator) -> None:
    """Its last lines are its own, as its log is; what is said of them is for others too."""
    given = {"command": ["sleep", "9"], "env": {"TOKEN": Sealed.of("canary", b"key")}}
    shop = Resource(Ref("Process", "shop"), ProcessSpec.model_validate(given), ORIGIN)
    stack = operator.stack
    stack.ledger.snapshot = Snapshot("r1", {shop.ref: shop})
    stack.rollouts.note([BEGAN], 10.0)
    give_up(stack, TWIN, WEB, why="it ended", lines=["the token canary is refused"])
    memory = stack.rollouts.recall(WEB, "d")
    assert memory is not None
    assert "is refused" in memory.message
    assert "canary" not in memory.message
    assert not any("canary" in row[4] for row in stack.ledger.journal.events(9))


def test_a_stop_takes_no_time(records: Records) -> None:
    """It begins when it goes on."""
    rollouts = Rollouts(records)
    rollouts.note([BEGAN], 10.0)
    rollouts.note([(WEB, Note.PAUSED, "d")], 20.0)
    rollouts.note([BEGAN], 500.0)
    assert rollouts.recall(WEB, "d") == Memory("d", 500.0)


def test_what_was_edited_or_is_gone_is_forgotten(records: Records) -> None:
    """But nothing is while a file is broken: its resources may come back."""
    (want, _) = desired(app("web", turns=True, port=None)).values()
    rollouts = Rollouts(records)
    for wanted, whole, stays in (
        ({WEB: replace(want, digest="d")}, True, True),
        ({}, False, True),
        ({WEB: replace(want, digest="e")}, False, False),
        ({WEB: replace(want, digest="d", beside=None)}, True, False),
        ({}, True, False),
    ):
        rollouts.note([BEGAN], 10.0)
        rollouts.keep_only(wanted, whole=whole)
        assert (rollouts.recall(WEB, "d") is not None) is stays


def test_a_full_disk_stops_no_replacement(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is kept in mind until the operator ends."""

    def full(*_: object) -> None:
        raise Transient("the disk is full", reason="RecordsUnwritable")

    monkeypatch.setattr(records, "write", full)
    rollouts = Rollouts(records)
    rollouts.note([BEGAN], 10.0)
    assert rollouts.recall(WEB, "d") == Memory("d", 10.0)


def test_what_makes_no_sense_does_not_count(records: Records) -> None:
    """A newer version may have written it."""
    records.write("rollout", str(WEB), {"strategy": "canary"})
    assert Rollouts(records).recall(WEB, "d") is None


async def test_what_has_been_replaced_goes_though_nothing_is_pruned(operator: Operator) -> None:
    """A broken file keeps what it may name, and many deletions at once wait; this is neither."""
    scene = operator.scene

    def write(word: str, **more: Any) -> None:
        web = app("web", word=word, copies=3, turns=True, port=None)
        operator.ledger.take_snapshot(Snapshot(word, {web.ref: web}, **more))

    write("a")
    await operator.run(20)
    write("b", broken=frozenset({Path("specs/bad.yaml")}))
    await operator.run(40)
    assert scene.programs.keys() == {"web-0b", "web-1b", "web-2b"}
    assert {one.state.word for one in scene.programs.values()} == {"b"}


async def test_suspended_in_the_midst_of_it_both_stay(operator: Operator) -> None:
    """Nothing is touched until it goes on."""
    operator.write("a")
    await operator.run(20)
    operator.write("b")
    await operator.run(3)
    held = replace(app("web", word="b", turns=True, port=None), suspend=True)
    operator.ledger.take_snapshot(Snapshot("held", {held.ref: held}))
    await operator.run(40)
    assert operator.scene.programs.keys() == {"web-0", "web-0b"}
    operator.write("b")
    await operator.run(40)
    assert operator.scene.programs.keys() == {"web-0b"}


async def test_a_dry_run_wants_no_twin(operator: Operator) -> None:
    """An edit of something else tells nothing about what takes turns."""
    operator.write("a")
    await operator.run(20)
    stack, now = operator.stack, operator.ledger.snapshot
    assert now is not None
    world = await observe(stack.drivers)
    assert foresee(stack, now, world).changes == ()


async def test_status_tells_what_each_is_for(operator: Operator) -> None:
    """And what has lost its place is there until it has ended."""
    operator.write("a")
    await operator.run(20)
    operator.write("b")
    await operator.run(6)
    told = {one["ref"]: one["rollout"] for one in status_view(operator.ledger)["resources"]}
    assert told[str(WEB)]["message"] == "serves until web-0b has been ready for 10s"
    assert told[str(TWIN)]["role"] == "coming"
    operator.scene.open[operator.scene.programs["web-0"].state.port] += 2
    await operator.run(12)
    told = {one["ref"]: one["rollout"] for one in status_view(operator.ledger)["resources"]}
    assert told[str(WEB)]["message"].endswith("for at most 30s: 2 open requests")
    assert told[str(TWIN)] == {**told[str(TWIN)], "message": "has taken over from web-0"}
    operator.scene.open.clear()
    await operator.run(2)
    told = {one["ref"]: one["rollout"] for one in status_view(operator.ledger)["resources"]}
    assert told == {"App/web-0b": None, "Door/door": None}


async def test_what_others_depend_on_is_whichever_is_ready(operator: Operator) -> None:
    """While it is replaced, who needs it may start."""
    web = app("web", word="a", turns=True, port=None)
    operator.ledger.take_snapshot(Snapshot("a", {web.ref: web}))
    await operator.run(20)
    edited = app("web", word="bad", turns=True, port=None)
    user = app("user", needs=("web",))
    operator.ledger.take_snapshot(Snapshot("b", {web.ref: edited, user.ref: user}))
    await operator.run(5)
    assert operator.scene.programs["user-0"].state.started


async def test_drift_that_is_left_alone_is_not_replaced(operator: Operator) -> None:
    """What somebody changed by hand stays as it is where its spec says so."""
    web = replace(app("web", word="a", turns=True, port=None), drift=Drift.IGNORE)
    operator.ledger.take_snapshot(Snapshot("a", {web.ref: web}))
    await operator.run(20)
    one = operator.scene.programs["web-0"]
    one.state = one.state.model_copy(update={"word": "c"})
    await operator.run(40)
    assert {n: p.state.word for n, p in operator.scene.programs.items()} == {"web-0": "c"}
    assert Ref("App", "web-0b") not in operator.ledger.asked.desired


async def test_what_cannot_be_seen_is_not_withdrawn(operator: Operator) -> None:
    """Whichever of the two serves: supervisord is silent, requests go where they went."""
    operator.write("a")
    await operator.run(20)
    for word in ("b", "c"):
        targets = operator.scene.targets
        assert targets
        operator.scene.happen("dark", 5)
        await operator.run(4)
        assert operator.scene.targets == targets
        operator.write(word)
        await operator.run(60)
