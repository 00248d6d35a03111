"""A revision becomes current, comes to an end, and is remembered whatever restarts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.engine.test_operator import Whole
from tests.toys import app

from reconciler.core.errors import Terminal
from reconciler.core.model import Ref
from reconciler.core.revision import Phase, Retreat, Terms
from reconciler.core.sealed import Sealed
from reconciler.core.windows import Window
from reconciler.engine.known import Known
from reconciler.engine.past import Past
from reconciler.engine.revisions import Revisions
from reconciler.engine.unfolding import Unfolding

TERMS = Terms(revert=True, deadline=60)


class Told(Whole):
    """An operator whose specs follow commits as a git source does."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.trees: dict[str, tuple[Any, ...]] = {}
        self.operator.unfolding.terms = lambda: TERMS

    @property
    def drivers(self) -> dict[str, Any]:
        drivers: Any = self.stack.drivers
        assert isinstance(drivers, dict)
        return drivers

    @property
    def revisions(self) -> Revisions:
        return self.stack.revisions

    @property
    def unfolding(self) -> Unfolding:
        return self.operator.unfolding

    def commit(self, revision: str, *resources: Any) -> None:
        """A new HEAD."""
        self.trees[revision] = resources
        self.head = revision
        self.checkout()

    def checkout(self) -> None:
        """What a source reads: HEAD, or what stands in its place."""
        wanted = self.revisions.choose(self.head)
        self.specs.write(*self.trees[wanted], revision=wanted)

    async def work(self) -> None:
        """Read, converge as far as it goes, and look what became of it."""
        self.checkout()
        await self.operator.reload()
        self.unfolding.moved()
        await self.unfolding.look()
        for lane in self.operator.lanes:
            await lane.settle()
        await self.clock.sleep(1)
        await self.operator.plan()
        await self.unfolding.look()

    def history(self) -> list[tuple[str, str]]:
        """Newest first."""
        found = Past(self.operator).revisions()
        return [(str(one["revision"]), str(one["result"])) for one in found]


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    """An operator over a toy world."""
    made = Told(tmp_path)
    yield made
    made.journal.close()
    made.records.close()


async def test_each_revision_is_one_rollout(told: Told) -> None:
    """It names what it changed, and how long each took; the next one comes after it."""
    told.commit("r1", app("web"))
    await told.work()
    told.commit("r2", app("web", word="b"), app("api"))
    await told.work()
    assert told.history() == [("r2", "healthy"), ("r1", "healthy")]
    (second, _) = Past(told.operator).revisions()
    assert second["summary"] == "1 created, 1 updated"
    assert second["before"] == "r1"
    assert {one["ref"]: one["what"] for one in second["resources"]} == {
        "App/api-0": "created",
        "App/web-0": "updated",
    }
    assert told.revisions.good == "r2"


async def test_a_new_operator_goes_on_where_the_last_one_was(told: Told, tmp_path: Path) -> None:
    """What was on its way is judged by its first beginning, and is no second revision."""
    told.commit("r1", app("web"))
    await told.work()
    told.apps.refuses["api-0"] = Terminal("no such program", reason="Missing")
    told.commit("r2", app("web"), app("api"))
    await told.work()
    assert told.history()[0] == ("r2", "progressing")
    told.journal.commit()

    again = Told(tmp_path)
    assert again.revisions.current == told.revisions.current
    assert again.revisions.good == "r1"
    assert again.unfolding.changed == {Ref("App", "api-0"): "created"}
    assert again.history() == [("r2", "progressing"), ("r1", "healthy")]
    again.journal.close()
    again.records.close()


async def test_what_fails_is_taken_back_and_not_tried_again(told: Told) -> None:
    """The last good one comes back whole; a new commit is tried without a hand."""
    told.commit("r1", app("web"))
    await told.work()
    told.apps.refuses["api-0"] = Terminal("no such program", reason="Missing")
    told.commit("r2", app("web", word="b"), app("api"))
    await told.work()
    await told.clock.sleep(61)
    await told.operator.plan()
    await told.unfolding.look()
    await told.work()
    assert told.history() == [("r1", "healthy"), ("r2", "rolledBack"), ("r1", "healthy")]
    assert told.ledger.revision == "r1"
    away = told.revisions.away
    assert away is not None
    assert (away.commit, away.to, away.culprit) == ("r2", "r1", "App/api-0")
    assert Revisions(told.records).choose("r2") == "r1"
    view = await told.operator.plan()
    assert view["rolledBack"]["culprit"] == "App/api-0"
    assert "RolledBack" in told.reasons()

    told.apps.refuses.clear()
    told.commit("r3", app("web", word="c"), app("api"))
    await told.work()
    assert told.history()[0] == ("r3", "healthy")
    assert (await told.operator.status())["rolledBack"] is None


async def test_a_secret_of_that_moment_is_in_no_record(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be another one when the reason is told; one may begin another."""
    told.commit("r1", app("web"))
    await told.work()
    told.commit("r2", app("web", word="b"))
    await told.work()
    both = tuple(Sealed.of(one, b"k") for one in ("pass", "password-1"))
    monkeypatch.setattr(Known, "among", lambda *_: both)
    await told.unfolding.go_back(Retreat("r2", "r1", reason="no password-1, no pass here"))
    monkeypatch.setattr(Known, "among", lambda *_: ())
    away = Revisions(told.records).retreats["r2"]
    assert away.reason == "no (secret), no (secret) here"


async def test_nothing_comes_back_where_nothing_was_well(told: Told) -> None:
    """The first revision fails and stays; status says there is no way back."""
    told.apps.refuses["web-0"] = Terminal("no such program", reason="Missing")
    told.commit("r1", app("web"))
    await told.work()
    await told.clock.sleep(61)
    await told.operator.plan()
    await told.unfolding.look()
    rollout = (await told.operator.status())["rollout"]
    assert (rollout["result"], rollout["wayBack"]) == ("failed", None)
    assert told.revisions.retreats == {}


async def test_a_newer_one_takes_over_at_once(told: Told) -> None:
    """Nobody waits for what will not become healthy."""
    told.apps.refuses["web-0"] = Terminal("no such program", reason="Missing")
    told.commit("r1", app("web"))
    await told.work()
    told.commit("r2", app("api"))
    await told.work()
    assert told.history() == [("r2", "healthy"), ("r1", "superseded")]


async def test_a_killed_operator_finds_the_decision(told: Told, tmp_path: Path) -> None:
    """From the moment it is recorded, every operator wants the good one."""
    told.commit("r1", app("web"))
    await told.work()
    told.commit("r2", app("api"))
    await told.work()
    told.revisions.leave(Retreat("r2", "r1"))  # and here it is killed
    again = Told(tmp_path)
    again.drivers["App"] = told.apps
    again.trees, again.head, again.clock.time = told.trees, told.head, told.clock.time
    await again.work()
    assert again.ledger.revision == "r1"
    assert {*told.apps.things} == {"web-0"}
    assert again.history()[:2] == [("r1", "healthy"), ("r2", "rolledBack")]
    again.journal.close()
    again.records.close()


async def test_a_new_revision_waits_for_its_window(told: Told, tmp_path: Path) -> None:
    """What is current stays whole, over a new operator too; a person may have the new one now."""
    told.commit("r1", app("web"))
    await told.work()
    always = Window(allows=False, schedule="* * * * *", duration=7200.0)
    told.revisions.keep_windows((always,))
    told.commit("r2", app("api"))
    await told.work()
    assert told.ledger.revision == "r1"
    status = await told.operator.status()
    assert status["waits"]["reason"] == 'deny "* * * * *" for 2h'
    assert status["head"] == "r2"
    assert Revisions(told.records).choose("r2") == "r1"
    view = await Past(told.operator).undo(author="ada")
    assert view["rolledBack"] is None
    told.checkout()
    await told.work()
    assert told.ledger.revision == "r2"
    with pytest.raises(Terminal, match="nothing to undo"):
        await Past(told.operator).undo(author="ada")


async def test_a_lost_journal_costs_history_only(told: Told, tmp_path: Path) -> None:
    """What is current and what was well is known; the rest is told as far as it is."""
    told.apps.refuses["web-0"] = Terminal("no such program", reason="Missing")
    told.commit("r1", app("web"))
    await told.work()
    told.apps.refuses.clear()
    (tmp_path / "journal.db").unlink()
    again = Told(tmp_path)
    again.drivers["App"] = told.apps
    again.trees, again.head, again.clock.time = told.trees, told.head, told.clock.time
    await again.work()
    assert again.history() == [("r1", "healthy")]
    view = Past(again.operator).revision("r1")
    assert view is not None
    assert (view["author"], view["summary"]) == ("", "")
    again.journal.close()
    again.records.close()


async def test_a_record_of_a_newer_version_is_no_obstacle(told: Told) -> None:
    """What makes no sense here is left out."""
    told.records.write("revision", "current", {"revision": "r1", "phase": "dreaming", "new": 1})
    told.records.write("quarantine", "r2", {"commit": "r2", "to": "r1", "new": 1})
    told.records.write("quarantine", "r3", ["nonsense"])
    found = Revisions(told.records)
    assert found.current is not None
    assert found.current.phase is Phase.FAILED
    assert {*found.retreats} == {"r2"}


async def test_a_burst_of_edits_is_one_rollout(told: Told) -> None:
    """What another took the place of at once has no history; its changes are the other's."""
    told.commit("r1", app("web"))
    await told.work()
    for revision, word in (("r2", "b"), ("r3", "c")):
        told.commit(revision, app("web", word=word), app("api"))
        await told.operator.reload()
        told.unfolding.moved()
    await told.work()
    assert told.history() == [("r3", "healthy"), ("r1", "healthy")]
    assert Past(told.operator).revisions()[0]["summary"] == "1 created, 1 updated"


async def test_an_edit_taken_back_at_once_is_no_rollout(told: Told) -> None:
    """The revision that was current goes on as it was."""
    told.commit("r1", app("web"))
    await told.work()
    for revision in ("r2", "r1"):
        told.commit(revision, app("web", word=revision[-1] if revision == "r2" else "a"))
        await told.operator.reload()
        told.unfolding.moved()
    await told.work()
    assert told.history() == [("r1", "healthy")]


async def test_a_revert_commit_goes_on_where_the_good_one_is(told: Told) -> None:
    """It wants what is there: well at once, in no window too, and nobody goes back from it."""
    told.commit("r1", app("web"))
    await told.work()
    told.apps.refuses["api-0"] = Terminal("no such program", reason="Missing")
    told.commit("r2", app("web", word="b"), app("api"))
    await told.work()
    await told.unfolding.go_back(Retreat("r2", "r1", told.clock.now(), "", "it failed"))
    await told.work()
    away = told.revisions.away
    assert away is not None
    told.revisions.leave(away._replace(undone="r3"))
    told.revisions.keep_windows((Window(allows=False, schedule="* * * * *", duration=7200.0),))
    done = list(told.apps.done)
    told.commit("r3", app("web"))
    await told.operator.reload()
    told.unfolding.moved()
    await told.unfolding.look()
    assert told.history()[:2] == [("r3", "healthy"), ("r1", "healthy")]
    current = told.revisions.current
    assert current is not None
    assert (current.cause, told.revisions.good, told.revisions.away) == ("revert", "r3", None)
    assert told.apps.done == done
    assert "r2" in Revisions(told.records).retreats

    told.apps.refuses["web-0"] = Terminal("gone", reason="Missing")
    await told.clock.sleep(61)
    await told.work()
    assert told.history()[0] == ("r3", "healthy")
