"""Restarts are told with their cause, and with the last words before them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.engine.test_loop import Bench
from tests.toys import ToyDriver, app, running

from reconciler.core.errors import Transient
from reconciler.core.model import Ref, Unknown
from reconciler.engine.journal import Event, Journal, Picked
from reconciler.engine.restarts import Restarts
from reconciler.engine.views import event_view

WEB = Ref("App", "web-0")


def world(*causes: tuple[float, str, str], **vitals: Any) -> Any:
    """A program that began anew for these reasons."""
    told = [{"at": at, "cause": cause, "detail": detail} for at, cause, detail in causes]
    return {"App": {"web-0": running(vitals={"causes": told, **vitals})}}


def test_each_cause_is_told_once() -> None:
    """What was before this operator is no news; what repeats is not told again."""
    restarts = Restarts()
    assert list(restarts.notice(world((1, "crash", "old")), set())) == []
    now = world((1, "crash", "old"), (2, "spec", "argv"), (3, "crash", "exit code 1"))
    told = list(restarts.notice(now, {WEB}))
    assert [(one.type, one.message) for one in told] == [
        ("Normal", "spec: argv"),
        ("Warning", "crash: exit code 1"),
    ]
    assert restarts.ended == {WEB}
    assert list(restarts.notice(now, set())) == []
    same = world((1, "crash", "old"), (2, "spec", "argv"), (3, "crash", "exit code 1"))
    assert list(restarts.notice(same, set())) == []


def test_what_appears_later_is_news_from_its_first_restart() -> None:
    """It may have begun anew before anybody could look at it for the first time."""
    restarts = Restarts()
    list(restarts.notice({"App": {"old-0": running()}}, set()))
    told = list(restarts.notice(world((1, "crash", "exit code 1")), set()))
    assert [one.message for one in told] == ["crash: exit code 1"]


def test_a_good_end_is_no_alarm() -> None:
    """It is told, calmly, and nobody asks for last words."""
    restarts = Restarts()
    list(restarts.notice(world(), set()))
    (event,) = restarts.notice(world((1, "end", "exit code 0")), set())
    assert (event.type, event.message) == ("Normal", "end: exit code 0")
    assert restarts.ended == set()


def test_what_a_driver_warns_of_is_told_once() -> None:
    """As it says; not what it warned of before this operator."""
    restarts = Restarts()
    old, new = ({"at": at, "reason": "PreStopFailed", "message": f"{at}"} for at in (1, 2))
    assert list(restarts.notice(world(warning=old), set())) == []
    assert list(restarts.notice(world(warning=old, pid=1), set())) == []
    event, _ = restarts.notice(world((3, "spec", ""), warning=new), set())
    assert (event.type, event.reason, event.message) == ("Warning", "PreStopFailed", "2")
    assert list(restarts.notice(world((3, "spec", ""), warning=new, pid=2), set())) == []


def test_how_it_ended_is_told_where_the_cause_does_not() -> None:
    """A signal or a code, whichever there was."""
    for last, said in (
        ({"signal": "KILL", "code": None}, "crash: signal KILL"),
        ({"signal": None, "code": 3}, "crash: exit code 3"),
        (None, "crash"),
    ):
        restarts = Restarts()
        list(restarts.notice(world(), set()))
        (event,) = restarts.notice(world((2, "crash", ""), lastExit=last), set())
        assert event.message == said


def test_who_has_given_up_is_heard() -> None:
    """There is no restart after the last failure, and its words matter most."""
    restarts = Restarts()
    list(restarts.notice(world(state="running"), set()))
    assert restarts.ended == set()
    list(restarts.notice(world(state="failed"), set()))
    assert restarts.ended == {WEB}


def test_what_went_is_not_kept() -> None:
    """Names that come and go take no memory; a kind that cannot be seen now has not gone."""
    restarts = Restarts()
    for number in range(3):
        list(restarts.notice({"App": {f"web-{number}": running()}}, set()))
    list(restarts.notice({"App": Unknown("Dark", "it is dark")}, set()))
    assert {kind: [*seen] for kind, seen in restarts._seen.items()} == {"App": ["web-2"]}


class Speaking(ToyDriver):
    """A driver that knows last words."""

    words: Sequence[str] = ()
    trouble: Exception | None = None

    async def last_lines(self, name: str) -> Sequence[str]:
        """As a keeper does."""
        if self.trouble is not None:
            raise self.trouble
        return [f"{name}: {word}" for word in self.words]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A lane over a toy world that speaks."""
    made = Bench(tmp_path)
    made.apps = made.stack.drivers["App"] = Speaking()  # type: ignore[index]
    yield made
    made.journal.close()
    made.records.close()


async def _crash(bench: Bench, at: float) -> None:
    bench.apps.things["web-0"] = world((at, "crash", "exit code 1"))["App"]["web-0"]
    await bench.lane.pass_once()


async def test_last_words_are_in_the_events(bench: Bench) -> None:
    """At most fifty lines, none too long; a crash that repeats counts up and keeps the newest."""
    bench.write(app("web"))
    bench.apps.things["web-0"] = world()["App"]["web-0"]
    await bench.lane.pass_once()
    bench.apps.words = ["x" * 5000, *map(str, range(60))]  # type: ignore[attr-defined]
    await _crash(bench, 1)
    bench.apps.words = ["y" * 5000]  # type: ignore[attr-defined]
    await _crash(bench, 2)
    events = [event_view(row) for row in bench.journal.events(10, Picked(["App/web-0"]))]
    (crash,) = (event for event in events if event["reason"] == "Restarted")
    assert (crash["message"], crash["count"]) == ("crash: exit code 1", 2)
    assert [len(line) for line in crash["lines"]] == [2000]


@pytest.mark.parametrize("trouble", [Transient("down", reason="Unreachable"), ValueError("odd")])
async def test_a_mute_driver_costs_only_the_words(bench: Bench, trouble: Exception) -> None:
    """The event is told all the same, and the pass goes on."""
    bench.write(app("web"))
    bench.apps.things["web-0"] = world()["App"]["web-0"]
    await bench.lane.pass_once()
    bench.apps.trouble = trouble  # type: ignore[attr-defined]
    await _crash(bench, 1)
    assert bench.reasons().count("Restarted") == 1


def test_an_older_journal_goes_on(tmp_path: Path) -> None:
    """One from before last words were kept takes them from now on."""
    path = tmp_path / "journal.db"
    with sqlite3.connect(path) as old:
        old.execute(
            "CREATE TABLE event (id INTEGER PRIMARY KEY, time REAL, ref TEXT, type TEXT,"
            " reason TEXT, message TEXT, count INTEGER)"
        )
        old.execute("INSERT INTO event VALUES (1, 1.0, 'App/web-0', 'Warning', 'Old', '', 1)")
    old.close()
    journal = Journal(path)
    journal.record_events([Event(WEB, "Warning", "Restarted", "crash")], 2.0)
    journal.attach(WEB, ["bye"])
    assert [event_view(row)["lines"] for row in journal.events(10)] == [["bye"], []]
    journal.close()
