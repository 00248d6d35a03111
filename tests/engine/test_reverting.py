"""What was taken back is undone on the branch only while that is what is known and wanted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.specs.test_remote import PROCESS, STACK, Place

from reconciler.core.model import Json
from reconciler.core.revision import Retreat
from reconciler.engine.journal import Journal
from reconciler.engine.ledger import Ledger
from reconciler.engine.look import Stack
from reconciler.engine.records import Records
from reconciler.engine.reverting import Reverting
from reconciler.engine.sourcing import Sourcing
from reconciler.kinds import KINDS
from reconciler.metrics import Metrics
from reconciler.specs.commits import Commit, Commits
from reconciler.specs.fixed import Fixed
from reconciler.specs.load import Loader, Snapshot
from reconciler.testing.clock import FakeClock
from reconciler.testing.git_server import git


class Scene:
    """A branch whose newest commit was left for the one before, and who is to undo it there."""

    def __init__(self, folder: Path, place: Place) -> None:
        self.place = place
        self.journal, self.records = Journal(folder / "j.db"), Records(folder / "r.db")
        ledger = Ledger(KINDS, self.journal)
        metrics = Metrics(kinds=KINDS, lanes=[])
        self.stack = Stack(KINDS, {}, ledger, self.records, FakeClock(), metrics)
        place.source.choose = self.stack.revisions.choose
        self.commits = Commits(place.source.git)

        def try_out(commit: str) -> Snapshot:
            tree = Fixed(place.source.trial(commit))
            return Loader(KINDS, tree, root=folder, environ={}, key=b"k").load()

        self.sourcing = Sourcing(place.source, folder, folder / "source", try_out, self.read)
        self.reverting = Reverting(
            self.stack, place.source, self.sourcing, self.commits, folder / "revert"
        )
        self.sourcing.moved = self.reverting.poke

    def say(self, commits: str) -> None:
        """Write the Stack beside."""
        revert = f"autoRevert: {{enabled: true, commit: {commits}}}"
        self.place.write(
            "stack.yaml", STACK.format(f"{{source: {{url: {self.place.bare}}}, {revert}}}")
        )

    async def read(self) -> bool:
        return self.stack.ledger.take_snapshot(self.place.loader.load())

    async def begin(self) -> None:
        self.say("true")
        self.good = await self.place.push("web.yaml", PROCESS.format("web"))
        self.bad = await self.place.push("web.yaml", PROCESS.format("other"))
        await self.read()
        self.away = Retreat(self.bad, self.good, 1_700_000_000.0, "", "Process/other-0: no")
        self.stack.revisions.leave(self.away)
        await self.read()

    @property
    def branch(self) -> str:
        return git(self.place.bare, "rev-parse", "main").decode().strip()

    @property
    def said(self) -> Json:
        return self.reverting.view().get("reason")


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    made = Scene(tmp_path, Place(tmp_path / "place"))
    await made.begin()
    yield made
    made.journal.close()
    made.records.close()


async def test_a_decision_made_meanwhile_counts(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit that a person lets be current while it is being undone is not undone."""
    await scene.sourcing.look()
    describe = scene.commits.describe

    def forgive(commit: str) -> Commit:
        scene.stack.revisions.forgive(commit)
        return describe(commit)

    monkeypatch.setattr(Commits, "describe", lambda _, commit: forgive(commit))
    assert await scene.reverting.look() == 0.0
    assert scene.stack.revisions.retreats == {}
    assert scene.branch == scene.bad
    assert await scene.reverting.look() is None


async def test_what_is_not_known_has_not_moved(scene: Scene) -> None:
    """Before anybody has asked the remote nothing is said; the first answer is heard at once."""
    after = await scene.reverting.look()
    assert after is not None
    assert after <= 10
    assert scene.said is None
    await scene.sourcing.look()
    assert scene.reverting._bell.is_set()
    await scene.reverting.look()
    assert scene.said == "Reverted"
    assert scene.branch == scene.stack.revisions.retreats[scene.bad].undone


async def test_a_commit_made_before_is_made_no_second_time(scene: Scene) -> None:
    """An operator that words it otherwise finds what the one before has pushed."""
    await scene.sourcing.look()
    await scene.reverting.look()
    made = scene.branch
    known = scene.stack.revisions.retreats[scene.bad]
    scene.stack.revisions.leave(known._replace(reason="in other words"))
    await scene.reverting.look()
    assert scene.said == "Reverted"
    assert scene.branch == scene.stack.revisions.retreats[scene.bad].undone == made


async def test_a_commit_of_ours_is_left_to_people(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is said once; nobody looks again by the clock."""
    await scene.sourcing.look()
    one = Commit(scene.bad, reverts="x")
    monkeypatch.setattr(Commits, "describe", lambda *_: one)
    assert await scene.reverting.look() is None
    assert scene.said == "IsRevert"
    assert scene.branch == scene.bad
    scene.say("false")
    await scene.read()
    assert await scene.reverting.look() is None
    assert scene.reverting.view() == {}
