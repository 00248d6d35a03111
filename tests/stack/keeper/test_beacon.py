"""The version that the keeper shows, of a real supervisord."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from reconciler.clients.beacon import shows
from reconciler.stack.keeper.beacon import Beacon
from reconciler.testing import eventually

from .world import World

pytestmark = pytest.mark.real


def beacon(world: World) -> Path:
    """Where it is shown."""
    return world.state_dir / "run" / "keeper.version"


def told(world: World) -> dict[str, Any]:
    """What the keeper says when it is asked."""
    return dict(world.ask("changes", {"life": "", "since": 0}))


def test_it_shows_what_it_would_say(any_world: World) -> None:
    """Each change is one of the version that is shown, and nothing else is."""
    before = told(any_world)
    assert shows(beacon(any_world), before["life"], before["version"])
    any_world.shell("sleep 1000")
    assert not shows(beacon(any_world), before["life"], before["version"])
    any_world.until("running")
    now = told(any_world)
    assert shows(beacon(any_world), now["life"], now["version"])
    os.kill(any_world.entry()["pid"], 9)
    eventually(lambda: not shows(beacon(any_world), now["life"], now["version"]))


def test_what_else_runs_there_counts_too(any_world: World) -> None:
    """The keeper tells of it, so the version is another one."""
    folder = any_world.state_dir / "state" / "supervisor"
    folder.mkdir(parents=True, exist_ok=True)
    text = "[program:theirs]\ncommand=/bin/sleep 1000\nautostart=false\n"
    (folder / "foreign.conf").write_text(text)
    any_world.stock("reloadConfig")
    for step in (
        ("addProcessGroup", "theirs"),
        ("startProcess", "theirs"),
        ("stopProcess", "theirs"),
    ):
        before = told(any_world)
        any_world.stock(*step)
        assert not shows(beacon(any_world), before["life"], before["version"]), step
    any_world.stock("removeProcessGroup", "theirs")


def test_the_dead_show_nothing(world: World) -> None:
    """What is left in the file says nothing, and the next life shows its own."""
    now = told(world)
    assert stat.S_IMODE(beacon(world).stat().st_mode) == 0o600
    world.stop()
    assert beacon(world).exists()
    assert not shows(beacon(world), now["life"], now["version"])
    world.start()
    again = told(world)
    assert again["life"] != now["life"]
    assert shows(beacon(world), again["life"], again["version"])


def test_where_nothing_can_be_written_nothing_is_shown(tmp_path: Path) -> None:
    """The keeper works all the same, and is asked."""
    Beacon(tmp_path / "none" / "keeper.version", "life").show(1)
    assert not shows(tmp_path / "none" / "keeper.version", "life", 1)


def test_what_cannot_be_written_any_more_is_not_believed(tmp_path: Path) -> None:
    """A full disk must not leave an old version that seems to hold."""
    path = tmp_path / "keeper.version"
    one = Beacon(path, "a" * 16)
    one.show(1)
    assert shows(path, "a" * 16, 1)
    reading = os.open(path, os.O_RDONLY)
    os.dup2(reading, one._file)
    os.close(reading)
    one.show(2)
    assert not shows(path, "a" * 16, 1)
    assert not shows(path, "a" * 16, 2)
