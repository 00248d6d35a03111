"""What a person asks of a resource: kept, done once, told, over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.engine.test_operator import Whole
from tests.toys import Nudge, app, data, running

from reconciler.core.errors import ReconcileError, Terminal, Transient
from reconciler.core.model import Ref
from reconciler.core.request import Asked
from reconciler.engine.asking import HOUR
from reconciler.engine.plan_view import plan_view
from reconciler.engine.requests import Requests

WEB = Ref("App", "web-0")


class Asking(Whole):
    """An operator over a toy world that tells lives."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.apps.lives = True

    async def write_now(self, *resources: Any) -> None:
        """Make these the specs, and converge."""
        self.specs.write(*resources, revision="r1")
        await self.operator.reconcile_now()

    async def settle(self) -> None:
        """Let every lane do what is to be done."""
        for _ in range(2):
            for lane in self.operator.lanes:
                await lane.settle()

    def of(self, name: str = "web-0") -> Any:
        """What is in the world."""
        return self.apps.things[name]


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Asking]:
    """An operator over a toy world that tells lives."""
    made = Asking(tmp_path)
    yield made
    made.journal.close()
    made.records.close()


async def test_stopped_by_hand_until_the_time_is_over(whole: Asking) -> None:
    """It stops, says so everywhere, survives the operator, and heals when it is over."""
    await whole.write_now(app("web"))
    [view] = await whole.operator.ask(
        [WEB], "stop", reason=" disk  full ", author="ada", seconds=60
    )
    assert view["requests"][0]["what"] == "stopped by hand"
    await whole.settle()
    assert not whole.of().state.started
    plan = await whole.operator.plan()
    assert plan["inSync"]
    (told,) = plan["overrides"]
    assert (told["author"], told["reason"], told["verb"]) == ("ada", "disk full", "stop")
    status = await whole.operator.status()
    assert status["resources"][0]["requests"] == [told]
    again = Requests(whole.stack.kinds, whole.records)
    assert again.asked == whole.stack.requests.asked
    for lane in whole.operator.lanes:
        assert lane._after <= 60
    whole.clock.time += 60.0
    await whole.settle()
    assert whole.of().state.started
    assert whole.operator.requests() == []
    assert {"Asked", "AskedAndOver"} <= set(whole.reasons())


async def test_an_edit_does_not_end_a_stop(whole: Asking) -> None:
    """Only its time or a start does."""
    await whole.write_now(app("web"))
    await whole.operator.ask([WEB], "stop")
    await whole.settle()
    await whole.write_now(app("web", word="b"))
    assert (whole.of().state.word, whole.of().state.started) == ("b", False)
    (view,) = (await whole.operator.status())["resources"]
    assert (view["generation"], view["observedGeneration"]) == (2, 2)
    await whole.operator.ask([WEB], "start", author="ada")
    await whole.settle()
    assert whole.of().state.started
    assert whole.operator.requests() == []


async def test_who_starts_it_is_the_cause_of_the_start(whole: Asking) -> None:
    """The change that ends a stop by hand is explained by the start, not by the specs."""
    await whole.write_now(app("web"))
    await whole.operator.ask([WEB], "stop")
    await whole.settle()
    await whole.operator.ask([WEB], "start", author="ada")
    (change,) = (await whole.operator.plan())["changes"]
    assert (change["cause"], change["request"]["author"]) == ("request", "ada")


@pytest.mark.parametrize("enabled", [True, False])
async def test_who_takes_it_back_is_the_cause(whole: Asking, enabled: bool) -> None:
    """The change that undoes a stop or a start is explained by whoever took that back."""
    await whole.write_now(app("web", enabled=enabled))
    await whole.operator.ask([WEB], "stop" if enabled else "start", author="ada")
    await whole.settle()
    assert whole.of().state.started is not enabled
    await whole.operator.release(WEB, author="bob")
    (change,) = (await whole.operator.plan())["changes"]
    assert (change["cause"], change["request"]["cause"]) == ("request", "user")
    assert change["request"]["author"] == "bob"
    await whole.settle()
    assert whole.of().state.started is enabled
    told = [one for one in whole.operator.events() if one["reason"] == "Updated"]
    assert told[0]["actor"] == "bob"
    assert "is taken back" in told[0]["message"]


async def test_a_start_before_the_stop_has_come_to_be(whole: Asking) -> None:
    """Who takes a stop back at once, while it is under way, is the cause of the start after it."""
    await whole.write_now(app("web"))
    before = whole.of()
    await whole.operator.ask([WEB], "stop", author="ada")
    await whole.operator.ask([WEB], "start", author="bob")
    await whole.operator.plan()
    whole.apps.things["web-0"] = replace(before, vitals={"state": "stopping"})
    whole.clock.time += 60.0
    await whole.settle()
    whole.apps.things["web-0"] = running(started=False)
    (change,) = (await whole.operator.plan())["changes"]
    assert (change["cause"], change["request"]["author"]) == ("request", "bob")
    await whole.settle()
    assert whole.of().state.started
    whole.apps.things["web-0"] = running(started=False)
    (change,) = (await whole.operator.plan())["changes"]
    assert change["cause"] == "drift", "it explains one start, and no other"


async def test_a_stop_that_never_came_to_be_explains_nothing(whole: Asking) -> None:
    """Nobody asked for what happens long after a stop was taken back in time."""
    await whole.write_now(app("web"))
    await whole.operator.ask([WEB], "stop", author="ada")
    await whole.operator.release(WEB, author="bob")
    whole.clock.time += 60.0
    await whole.settle()
    whole.apps.things["web-0"] = running(started=False)
    (change,) = (await whole.operator.plan())["changes"]
    assert change["cause"] == "drift"


async def test_what_is_switched_off_runs_for_a_while(whole: Asking) -> None:
    """A start of what the specs switch off ends like a stop does."""
    await whole.write_now(app("web", enabled=False))
    await whole.operator.ask([WEB], "start", seconds=10)
    await whole.settle()
    assert whole.of().state.started
    await whole.operator.ask([WEB], "restart")
    await whole.settle()
    assert whole.of().state.epoch == 1
    whole.clock.time += 10.0
    await whole.settle()
    assert not whole.of().state.started
    assert whole.operator.requests() == []


async def test_a_restart_happens_once(whole: Asking) -> None:
    """However often it is looked at, and whoever looks; two at once may be one."""
    await whole.write_now(app("web"))
    born = whole.of().vitals["born"]
    await whole.operator.ask([WEB], "restart")
    await whole.operator.ask([WEB], "restart")
    await whole.settle()
    assert whole.of().vitals["born"] == born + 1
    await whole.settle()
    assert whole.of().vitals == {"born": born + 1, "restarts": 1}
    assert whole.operator.requests() == []
    assert "AskedAndDone" in whole.reasons()


async def test_a_restart_that_is_taken_back_was_not_done(whole: Asking) -> None:
    """The events do not tell of what never happened."""
    await whole.write_now(app("web"))
    await whole.operator.ask([WEB], "restart")
    await whole.operator.release(WEB)
    await whole.settle()
    assert whole.of().vitals["restarts"] == 0
    assert "AskedAndDone" not in whole.reasons()


async def test_what_could_not_be_kept_was_not_asked(whole: Asking) -> None:
    """Who is told that the disk is full finds everything as it was."""
    await whole.write_now(app("web"))
    whole.records._db.execute("PRAGMA query_only=ON")
    with pytest.raises(Transient, match="cannot write"):
        await whole.operator.ask([WEB], "stop")
    await whole.settle()
    assert whole.of().state.started


async def test_a_restart_starts_what_was_stopped_by_hand(whole: Asking) -> None:
    """As people expect of a restart."""
    await whole.write_now(app("web"))
    await whole.operator.ask([WEB], "stop")
    await whole.settle()
    await whole.operator.ask([WEB], "restart")
    await whole.settle()
    assert whole.of().state.started
    assert whole.operator.requests() == []


async def test_a_start_frees_what_has_given_up(whole: Asking) -> None:
    """It is wanted to run already, so that only beginning anew helps."""
    await whole.write_now(app("web"))
    whole.apps.things["web-0"] = replace(whole.of(), vitals={"stuck": True, "born": 1})
    await whole.settle()
    stalled = whole.ledger.conditions[WEB]["Stalled"]
    assert (stalled.status.value, stalled.reason) == ("True", "GaveUp")
    await whole.operator.ask([WEB], "start")
    await whole.settle()
    assert whole.of().vitals["born"] > 1
    assert whole.ledger.conditions[WEB]["Stalled"].status.value == "False"


async def test_asking_frees_what_waits_after_a_failure(whole: Asking) -> None:
    """Who mended the world does not wait for the backoff."""
    await whole.write_now(app("web"))
    whole.apps.refuses["web-0"] = Transient("port is busy", reason="PortBusy")
    await whole.operator.ask([WEB], "restart")
    await whole.settle()
    whole.apps.refuses.clear()
    await whole.settle()
    assert whole.of().state.epoch == 0
    await whole.operator.ask([WEB], "restart")
    await whole.settle()
    assert whole.of().state.epoch == 2
    assert whole.operator.requests() == []


async def test_what_left_the_specs_is_asked_nothing(whole: Asking) -> None:
    """A request for nobody is forgotten, so that a later namesake is not stopped by it."""
    await whole.write_now(app("web"), app("other"), app("third"))
    await whole.operator.ask([WEB], "stop")
    await whole.write_now(app("other"), app("third"))
    await whole.settle()
    assert whole.operator.requests() == []


async def test_what_was_asked_can_be_taken_back(whole: Asking) -> None:
    """A release makes it as the specs say at once."""
    await whole.write_now(app("web"))
    assert await whole.operator.release(WEB) is None
    await whole.operator.ask([WEB], "stop", author="ada")
    await whole.settle()
    gone = await whole.operator.release(WEB)
    assert gone is not None
    assert gone["author"] == "ada"
    await whole.settle()
    assert whole.of().state.started


async def test_a_reload_is_done_at_once(whole: Asking) -> None:
    """The driver is told, and it is in the events; nothing is kept."""
    await whole.write_now(app("web"))
    whole.apps.done.clear()
    await whole.operator.ask([WEB], "reload", author="ada")
    assert whole.apps.done == [Nudge("web-0")]
    assert "Reloaded" in whole.reasons()
    assert whole.operator.requests() == []


@pytest.mark.parametrize(
    ("ref", "verb", "reason"),
    [
        (Ref("App", "nobody-0"), "stop", "NotFound"),
        (Ref("App", "web"), "stop", "NotFound"),
        (Ref("App", "system"), "restart", "Refused"),
        (Ref("Data", "d"), "stop", "NotSupported"),
        (Ref("Data", "d"), "reload", "NotSupported"),
        (Ref("App", "off-0"), "restart", "Refused"),
        (Ref("App", "off-0"), "reload", "Refused"),
        (Ref("App", "hung-0"), "stop", "Refused"),
    ],
)
async def test_what_cannot_be_asked_is_refused(
    whole: Asking, ref: Ref, verb: str, reason: str
) -> None:
    """With a reason, and nothing is kept."""
    whole.apps.things["system"] = running(owned=False, vitals={"system": True})
    hung = replace(app("hung"), suspend=True)
    await whole.write_now(app("web"), app("off", enabled=False), data("d"), hung)
    with pytest.raises(ReconcileError) as caught:
        await whole.operator.ask([ref], verb)
    assert caught.value.reason == reason
    assert whole.operator.requests() == []


async def test_instances_are_asked_altogether(whole: Asking) -> None:
    """Of all or of none: one that cannot be asked keeps the others as they were."""
    hung = replace(app("hung"), suspend=True)
    await whole.write_now(app("web"), hung)
    before = [*whole.apps.done]
    for refs in ([WEB, Ref("App", "hung-0")], [WEB, Ref("App", "nobody-0")]):
        with pytest.raises(ReconcileError):
            await whole.operator.ask(refs, "stop")
        with pytest.raises(ReconcileError):
            await whole.operator.ask(refs, "reload")
    assert (whole.operator.requests(), whole.apps.done) == ([], before)


async def test_a_disk_that_fills_up_leaves_nothing_half_asked(
    whole: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of two could still be written."""
    await whole.write_now(app("web"), app("db"))
    write, count = whole.records.write, iter(range(9))

    def fail_later(*given: Any) -> None:
        if next(count):
            raise Transient("the disk is full", reason="RecordsUnwritable")
        write(*given)

    monkeypatch.setattr(whole.records, "write", fail_later)
    with pytest.raises(Transient):
        await whole.operator.ask([WEB, Ref("App", "db-0")], "stop")
    assert whole.operator.requests() == []
    assert whole.records.all("override") == {}


@pytest.mark.parametrize(
    "value",
    [
        [{"verb": "explode", "cause": "user", "reason": "", "author": "ada"}],
        [{"verb": "stop"}],
        [{"what": 1}],
        {"verb": "stop"},
        [7],
        None,
    ],
)
async def test_a_request_of_another_version_stops_nobody(whole: Asking, value: Any) -> None:
    """What makes no sense does not count, and says so; the rest does."""
    await whole.write_now(app("web"), app("db"))
    await whole.operator.ask([WEB], "stop")
    whole.records.write("override", "App/db-0", value)
    whole.records.write("override", "odd", [])
    again = Requests(whole.stack.kinds, whole.records).asked
    assert again[WEB] == whole.stack.requests.asked[WEB]
    assert not again.get(Ref("App", "db-0"))


async def test_a_request_with_more_to_say_counts(whole: Asking) -> None:
    """A newer version may add a word; what it asks for is clear all the same."""
    await whole.write_now(app("web"))
    await whole.operator.ask([WEB], "stop")
    (told,) = whole.records.all("override")["App/web-0"]
    whole.records.write("override", "App/web-0", [{**told, "mood": "good"}])
    assert Requests(whole.stack.kinds, whole.records).asked == whole.stack.requests.asked


@pytest.mark.parametrize("seconds", [0, -1, 31 * 86400.0, float("inf")])
async def test_it_must_last_a_sensible_time(whole: Asking, seconds: float) -> None:
    """Nothing is stopped for ever by hand: specs do that."""
    await whole.write_now(app("web"))
    with pytest.raises(Terminal):
        await whole.operator.ask([WEB], "stop", seconds=seconds)


async def test_unless_said_it_lasts_an_hour(whole: Asking) -> None:
    """So that nobody forgets what was stopped."""
    await whole.write_now(app("web"))
    await whole.operator.ask([WEB], "stop")
    (request,) = whole.stack.requests.asked[WEB]
    assert (request.verb, request.until) == (Asked.STOP, whole.clock.now() + HOUR)


async def test_an_unseen_world_is_asked_later(whole: Asking) -> None:
    """Nobody can say which epoch would be the next one."""
    await whole.write_now(app("web"))
    whole.apps.dark = True
    await whole.operator.plan()
    with pytest.raises(Transient, match="cannot see"):
        await whole.operator.ask([WEB], "restart")


async def test_nobody_restarts_what_nobody_has_seen(whole: Asking) -> None:
    """A fresh operator would think that the first epoch is meant, and that it was reached."""
    whole.apps.things["web-0"] = running(epoch=5)
    whole.specs.write(app("web"), revision="r1")
    await whole.operator.reload()
    with pytest.raises(Transient, match="looked yet"):
        await whole.operator.ask([WEB], "restart")
    await whole.operator.ask([WEB], "stop")
    await whole.settle()
    assert not whole.of().state.started


async def test_who_waits_says_so(whole: Asking) -> None:
    """State waiting, health on its way, until its patience ends; then it is stalled."""
    await whole.write_now(app("db", enabled=False), app("web", needs=("db",), timeout=30.0))
    (web,) = (r for r in (await whole.operator.status())["resources"] if r["name"] == "web-0")
    assert (web["vitals"]["state"], web["health"]["code"]) == ("waiting", "Progressing")
    assert "App/db-0" in web["health"]["message"]
    assert min(lane._after for lane in whole.operator.lanes) <= 30.0
    whole.clock.time += 31.0
    await whole.settle()
    (web,) = (r for r in (await whole.operator.status())["resources"] if r["name"] == "web-0")
    assert web["health"]["code"] == "Degraded"
    assert whole.ledger.conditions[WEB]["Stalled"].reason == "DependencyTimeout"
    await whole.operator.ask([Ref("App", "db-0")], "start", seconds=1000)
    await whole.settle()
    assert whole.of().state.started


async def test_stopping_who_waits_leaves_no_ghost(whole: Asking) -> None:
    """What never ran is put there stopped, and does not start when its need is met."""
    await whole.write_now(app("db", enabled=False), app("web", needs=("db",)))
    await whole.operator.ask([WEB], "stop")
    await whole.operator.ask([Ref("App", "db-0")], "start")
    await whole.settle()
    assert not whole.of().state.started
    assert whole.of("db-0").state.started


async def test_the_plan_tells_what_is_asked_before_it_is_done(whole: Asking) -> None:
    """Diff shows the change, why, and what it will be."""
    await whole.write_now(app("web"))
    await whole.operator.ask([WEB], "stop", reason="disk full", author="ada")
    view = plan_view(whole.ledger, whole.ledger.plan, 1)  # type: ignore[arg-type]
    assert view["inSync"]
    view = await whole.operator.plan()
    assert [change["cause"] for change in view["changes"]] == ["request"]
    assert not view["inSync"]


async def test_an_edited_file_restarts_what_runs(whole: Asking) -> None:
    """With that cause; what rests, waits or is switched off goes on doing so."""
    await whole.write_now(
        app("web"),
        app("rests"),
        app("off", enabled=False),
        app("waits", needs=("off",)),
    )
    await whole.operator.ask([Ref("App", "rests-0")], "stop")
    await whole.settle()
    names = ("web-0", "rests-0", "off-0", "waits-0", "gone-0")
    for name in names:
        whole.operator._file_changed(Ref("App", name), "app.py changed")
    restarts = [one for one in whole.operator.requests() if one["verb"] == "restart"]
    assert [(one["ref"], one["cause"]) for one in restarts] == [("App/web-0", "watch")]
    await whole.settle()
    assert whole.of().state.epoch == 1
