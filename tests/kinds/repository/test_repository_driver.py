"""Repository with real git: configuring, forgetting, noticing what people did."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.core.model import Ref
from reconciler.testing.backup_worlds import GitWorld, open_world
from reconciler.testing.git_server import make_bare

STORE = Ref("Repository", "store")


@pytest.fixture
def world(stack_dir: Path) -> Iterator[GitWorld]:
    with open_world("path", stack_dir) as found:
        assert isinstance(found, GitWorld)
        yield found


@pytest.fixture
def guarded(stack_dir: Path) -> Iterator[GitWorld]:
    with open_world("http", stack_dir) as found:
        assert isinstance(found, GitWorld)
        yield found


async def test_broken_settings_are_written_again(world: GitWorld) -> None:
    """Settings that somebody damaged are drift, and mended."""
    await world.settle()
    (world.store / "reconciler" / "settings.json").write_text("{")
    outcome = await world.look()
    assert [change.ref for change in outcome.plan.changes] == [STORE]
    assert (await world.settle()).plan.in_sync


async def test_lost_password_file_is_written_again(guarded: GitWorld) -> None:
    """A password file that vanished is drift."""
    await guarded.settle()
    (guarded.store.with_name("store.credential")).unlink()
    outcome = await guarded.look()
    assert [field.path for field in outcome.plan.changes[0].fields] == ["password"]
    assert not (await guarded.look(due=True)).failures


async def test_wrong_password_then_right(guarded: GitWorld) -> None:
    """A refused password is said; mending the spec is all it takes."""
    guarded.sign_in("wrong")
    guarded.write("app/data/a.txt", b"one")
    outcome = await guarded.settle()
    failure = outcome.failures[Ref("SyncTarget", "data")]
    assert failure.reason == "Forbidden"
    assert "check auth" in str(failure)
    guarded.sign_in(guarded.password)
    await guarded.back_up()
    assert guarded.remote_files() == {"app/data/a.txt": b"one"}


async def test_forget_removes_what_is_pushed(world: GitWorld) -> None:
    """Deleting a repository removes the local folder, and nothing on the remote."""
    world.write("app/data/a.txt", b"one")
    await world.back_up()
    for name in ("SyncTarget", "Repository"):
        driver = world.drivers[name]
        action = "Untrack" if name == "SyncTarget" else "Forget"
        target = "data" if name == "SyncTarget" else "store"
        module = __import__(f"reconciler.kinds.{name.lower()}.actions", fromlist=[action])
        await driver.apply(getattr(module, action)(target))
    assert not world.store.exists()
    assert world.remote_files() == {"app/data/a.txt": b"one"}


async def test_forget_keeps_what_was_never_pushed(world: GitWorld) -> None:
    """A copy that no remote has is not thrown away with its repository."""
    from reconciler.kinds.repository.actions import Forget

    await world.settle()
    world.write("app/data/a.txt", b"one")
    world.reach(reachable=False)
    await world.look(due=True)
    driver = world.drivers["Repository"]
    await driver.apply(Forget("store"))
    assert await driver.observe() == {}
    assert (world.store / "refs" / "reconciler" / "saved" / "data").exists()


async def test_other_url_gets_everything(world: GitWorld) -> None:
    """After a change of url the new remote is filled: the old one says nothing about it."""
    world.write("app/data/a.txt", b"one")
    await world.back_up()
    world.bare = make_bare(world.folder / "remote" / "y.git")
    world.repository["url"] = str(world.bare)
    await world.back_up()
    assert world.remote_files() == {"app/data/a.txt": b"one"}


async def test_unreadable_state_is_unknown(world: GitWorld) -> None:
    """A place that cannot be read is Unknown, never empty."""
    await world.settle()
    repos = world.store.parent
    repos.rename(repos.with_name("away"))
    repos.write_text("not a folder")
    outcome = await world.look()
    assert set(outcome.plan.unknown) == {"Repository", "SyncTarget"}
    assert not outcome.plan.changes
