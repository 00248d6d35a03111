"""What becomes of a revision follows from what is seen, what is recorded, and the clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.revision import (
    GRACE,
    Facts,
    Phase,
    Retreat,
    Rollout,
    Terms,
    Trouble,
    begin,
    blame,
    choose,
    judge,
    retreat,
    supersede,
)

TERMS = Terms(revert=True, deadline=60)
WEB = Trouble("Process/web-0", "NotReady", "its readiness probe fails", affected=True)
DATABASE = Trouble("Process/db-0", "CrashLoop", "exit 1")


def seen(at: float, *troubles: Trouble, paused: bool = False) -> Facts:
    return Facts(at, troubles, paused)


def after(rollout: Rollout, facts: Facts | None, now: float, terms: Terms = TERMS) -> Rollout:
    return judge(rollout, facts, terms, now=now, started=-1000)


R2 = begin("r2", Rollout("r1", phase=Phase.HEALTHY), (), 100)


def test_a_revision_is_healthy_when_all_is_well() -> None:
    """It is at the first look that began after it did, and stays so whatever comes later."""
    assert after(R2, seen(100), 101).phase is Phase.PROGRESSING
    well = after(R2, seen(103), 104)
    assert (well.phase, well.ended) == (Phase.HEALTHY, 103)
    assert after(well, seen(500, WEB), 500) == well


def test_what_is_well_must_stay_so_for_a_while() -> None:
    """One that starts and falls over a second later was never well."""
    terms = TERMS._replace(settle=10)
    one = after(R2, seen(101), 101, terms)
    fell = after(one, seen(105, WEB), 105, terms)
    again = after(fell, seen(106), 115, terms)
    assert (one.phase, fell.ready, again.phase) == (Phase.PROGRESSING, 0.0, Phase.PROGRESSING)
    done = after(again, seen(117), 117, terms)
    assert (done.phase, done.ended) == (Phase.HEALTHY, 106)


def test_a_revision_fails_at_its_deadline_and_names_the_culprit() -> None:
    """Who merely waits for another one is not to blame first."""
    waiting = Trouble("Process/app-0", "DependencyNotReady", "waits", affected=True, waits=True)
    facts = seen(159, waiting, DATABASE, WEB)
    assert after(R2, facts, 159).phase is Phase.PROGRESSING
    failed = after(R2, facts._replace(at=161), 161)
    assert (failed.phase, failed.culprit) == (Phase.FAILED, "Process/web-0")
    back = retreat(failed, facts, TERMS, good="r1", now=161)
    assert back == Retreat("r2", "r1", 161, "", str(WEB), "Process/web-0")


def test_it_may_become_healthy_late() -> None:
    """Where nothing goes back, time may mend it."""
    failed = after(R2, seen(161, WEB), 161)
    assert after(failed, seen(300), 300).phase is Phase.HEALTHY


def test_nothing_is_judged_unseen() -> None:
    """What cannot be seen is neither well nor failed."""
    assert after(R2, None, 10_000) == R2
    failed = R2._replace(phase=Phase.FAILED)
    assert retreat(failed, None, TERMS, good="r1", now=1) is None


def test_a_new_operator_looks_before_it_judges() -> None:
    """The deadline may have passed while nobody was there."""
    facts = seen(1000, WEB)
    at = 999.0
    early = judge(R2, facts, TERMS, now=at + GRACE - 1, started=at)
    late = judge(R2, facts, TERMS, now=at + GRACE, started=at)
    assert (early.phase, late.phase) == (Phase.PROGRESSING, Phase.FAILED)


def test_no_deadline_runs_while_a_person_or_a_calendar_is_waited_for() -> None:
    """It runs from when that is over."""
    held = after(R2, seen(150, WEB, paused=True), 150)
    assert after(held, seen(205, WEB), 205).phase is Phase.PROGRESSING
    assert after(held, seen(211, WEB), 211).phase is Phase.FAILED


def test_what_was_sick_before_is_no_fault_of_a_revision() -> None:
    """Unless it touches that; and then going back would mend nothing."""
    r2 = begin("r2", Rollout("r1", phase=Phase.HEALTHY), ("Process/db-0",), 100)
    assert after(r2, seen(101, DATABASE), 101).phase is Phase.HEALTHY
    touched = DATABASE._replace(affected=True)
    failed = after(r2, seen(161, touched), 161)
    assert failed.phase is Phase.FAILED
    assert retreat(failed, seen(161, touched), TERMS, good="r1", now=161) is None
    both = seen(161, touched, WEB)
    assert retreat(failed, both, TERMS, good="r1", now=161) is not None


@pytest.mark.parametrize("phase", [Phase.PROGRESSING, Phase.FAILED, Phase.ROLLED_BACK])
def test_what_a_bad_revision_broke_is_no_excuse_for_the_next(phase: Phase) -> None:
    """A fix that fixes nothing is taken back like the first."""
    r2 = R2._replace(phase=phase)
    r3 = begin("r3", r2, ("Process/web-0",), 120)
    assert r3.sick == ()
    assert blame(r3, [WEB._replace(affected=False)])


def test_a_newer_one_takes_over_at_once() -> None:
    """What was on its way is superseded; what had failed stays failed."""
    assert supersede(R2, 120)._replace(ended=0) == R2._replace(phase=Phase.SUPERSEDED)
    failed = R2._replace(phase=Phase.FAILED, ended=161)
    assert supersede(failed, 200) == failed


@pytest.mark.parametrize(
    ("terms", "good", "cause"),
    [
        (TERMS._replace(revert=False), "r1", "commit"),
        (TERMS, "", "commit"),
        (TERMS, "r2", "commit"),
        (TERMS, "r1", "rollback"),
    ],
)
def test_there_is_not_always_a_way_back(terms: Terms, good: str, cause: str) -> None:
    """Not unless it is wanted, not before any was well, and not from a way back."""
    failed = R2._replace(phase=Phase.FAILED, cause=cause)
    assert retreat(failed, seen(161, WEB), terms, good=good, now=161) is None


COMMITS = st.sampled_from(["r1", "r2", "r3", "r4"])


@given(st.lists(st.tuples(COMMITS, st.booleans(), st.integers(0, 200)), max_size=12), st.booleans())
def test_killed_anywhere_it_is_entirely_one_revision(
    life: list[tuple[str, bool, int]], reborn: bool
) -> None:
    """The wanted tree is HEAD's or a good one's, and a new operator wants the same."""
    retreats: dict[str, Retreat] = {}
    good, now, current, started, was_good = "", 0.0, None, 0.0, set()
    for head, is_sick, seconds in life:
        wanted = choose(head, retreats)
        if current is None or current.revision != wanted:
            current = begin(wanted, current, (), now)
            if head in retreats and retreats[head].to == wanted:
                current = current._replace(cause="rollback")
        if reborn:
            started = now
        now += seconds
        facts = seen(now, *([WEB] if is_sick and wanted == head else []))
        current = judge(current, facts, TERMS, now=now, started=started)
        if current.phase is Phase.HEALTHY:
            good = wanted
            was_good.add(wanted)
        back = retreat(current, facts, TERMS, good=good, now=now)
        if back is not None:
            retreats[back.commit] = back
        again = choose(head, dict(retreats))
        assert again == choose(head, retreats)
        assert again == head or again in was_good
        assert back is None or again == good != head
