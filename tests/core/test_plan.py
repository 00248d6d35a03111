"""desired + observed -> plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.toys import TOYS, Live, Save, app, data, desired, lying, running

from reconciler.core.gates import Held
from reconciler.core.model import Apply, Cause, Drift, Observed, Ref, Unknown, Verb
from reconciler.core.overrides import overridden
from reconciler.core.plan import Plan, Wish, make_plan
from reconciler.core.request import Asked, Request


def plan(*resources: Any, apps: Any = None, folders: Any = None, **wish: Any) -> Plan:
    """The plan for toys against a toy world."""
    world = {
        "App": apps if apps is not None else {},
        "Data": folders if folders is not None else {},
    }
    return make_plan(TOYS, Wish(desired(*resources), revision="r1", **wish), world)


def reasons(made: Plan) -> dict[str, str]:
    """Ref -> why it is held."""
    return {str(one.ref): one.reason for one in made.blocked}


def test_nothing_to_do_is_in_sync() -> None:
    """What is as it should be makes an empty plan, and an empty plan means in sync."""
    made = plan(app("web"), apps={"web-0": running()})
    assert made.in_sync
    assert made.steps == made.due == ()
    assert made.changes == made.steps == made.held == made.blocked == ()


def test_a_plan_is_never_taken_for_none() -> None:
    """A calm world has a plan too: ``plan or …`` must not lose it."""
    calm = Plan("r1")
    assert (calm or None) is calm


def test_create_update_delete() -> None:
    """Each difference is one change with its fields, deletions first."""
    made = plan(
        app("new"),
        app("other", word="b"),
        apps={"other-0": running("a"), "old-0": running(), "keep-0": running(owned=False)},
    )
    assert [(c.verb, c.ref.name) for c in made.changes] == [
        (Verb.DELETE, "old-0"),
        (Verb.CREATE, "new-0"),
        (Verb.UPDATE, "other-0"),
    ]
    (field,) = made.changes[2].fields
    assert field == ("word", "a", "b", Apply.RESTART)
    assert made.changes[2].apply is Apply.RESTART
    assert made.changes[2].revision == "r1"


def test_each_instance_is_a_ref() -> None:
    """Scaling from two to three creates one and touches no other."""
    made = plan(app("web", copies=3), apps={"web-0": running(), "web-1": running()})
    assert [str(change.ref) for change in made.changes] == ["App/web-2"]


def test_needs_go_first() -> None:
    """A dependency stands in an earlier wave, and what is needed last is deleted first."""
    made = plan(app("a", needs=("b",)), app("b"), apps={"b-0": running("old")})
    waves = {step.ref.name: step.wave for step in made.steps if isinstance(step.action, Live)}
    assert list(waves) == ["b-0", "a-0"]
    assert waves["b-0"] < waves["a-0"]


def test_start_waits_for_what_it_needs() -> None:
    """A start waits until its need is met; an update of something that runs does not."""
    waits = plan(app("a", restored=("d",)), data("d"), folders={"d": lying(restored=False)})
    assert reasons(waits) == {"App/a-0": "DependencyNotReady"}
    assert not waits.in_sync
    goes = plan(app("a", restored=("d",)), data("d"), folders={"d": lying()})
    assert [change.ref.name for change in goes.changes] == ["a-0"]


def test_patience_has_an_end() -> None:
    """Who waits too long is stuck or starts without its need; a need met late is met."""
    web = Ref("App", "web-0")
    strict = (app("web", needs=("db",), timeout=5.0), app("db", enabled=False))
    off = {"db-0": running(started=False)}
    early = plan(*strict, apps=off, waited={web: 2.0})
    assert (reasons(early), early.after) == ({"App/web-0": "DependencyNotReady"}, 3.0)
    late = plan(*strict, apps=off, waited={web: 5.0})
    assert reasons(late) == {"App/web-0": "DependencyTimeout"}
    assert late.after is None
    eager = (app("web", needs=("db",), timeout=5.0, anyway=True), strict[1])
    assert not plan(*eager, apps=off, waited={web: 4.9}).steps
    assert [c.ref for c in plan(*eager, apps=off, waited={web: 5.0}).changes] == [web]
    met = plan(*strict[:1], app("db"), apps={"db-0": running()}, waited={web: 50.0})
    assert [change.ref for change in met.changes] == [web]


def test_users_end_before_what_they_use() -> None:
    """What both go goes in the reverse order of starting, one after the other has ended."""
    apps = {"web-0": running(after=("db",)), "db-0": running()}
    first = plan(apps=apps, confirmed=True)
    assert [change.ref.name for change in first.changes] == ["web-0"]
    assert reasons(first) == {"App/db-0": "InUse"}
    ending = {**apps, "web-0": running(started=False, after=("db",), vitals={"pid": 7})}
    assert reasons(plan(apps=ending, confirmed=True)) == {"App/db-0": "InUse"}
    ended = {**apps, "web-0": running(started=False, after=("db",))}
    assert not plan(apps=ended, confirmed=True).held
    # A user that stays keeps nobody: its own need is missing, and that is told.
    stays = plan(app("web", needs=("db",)), apps=apps, confirmed=True)
    assert [change.ref.name for change in stays.changes] == ["db-0"]


def test_what_used_each_other_does_not_wait_for_ever() -> None:
    """A circle among what goes is cut: all of it goes."""
    apps = {"a-0": running(after=("b",)), "b-0": running(after=("a",))}
    assert not plan(apps=apps, confirmed=True).held


def test_what_rests_by_hand_has_no_due_work() -> None:
    """A backup or a cron run waits until the stop is over."""
    stop = Request(Asked.STOP, "user", "", "ada")
    want, folders = data("d", every=10.0), {"d": lying()}
    assert plan(want, folders=folders, now=100.0).due
    assert not plan(want, folders=folders, now=100.0, requests={Ref("Data", "d"): stop}).due


def test_needs_of_unknown_or_missing() -> None:
    """A need that cannot be seen, or is not wanted, is not met."""
    dark = plan(app("a", restored=("d",)), data("d"), folders=Unknown("Down", "no answer"))
    assert "cannot see" in dark.blocked[0].message
    assert "Data" in dark.unknown
    missing = plan(app("a", needs=("nobody",)))
    assert "no instance of" in missing.blocked[0].message


def test_unknown_is_not_absent() -> None:
    """Nothing of a kind that cannot be seen is created or deleted."""
    made = plan(app("web"), apps=Unknown("Unreachable", "no answer"))
    assert made.steps == made.due == ()
    assert reasons(made) == {"App/web-0": "Unreachable"}
    assert not made.in_sync


def test_foreign_is_never_touched() -> None:
    """A thing of the same name that is not ours is held, one of another name is ignored."""
    made = plan(app("web"), apps={"web-0": running("z", owned=False)})
    assert reasons(made) == {"App/web-0": "NotOwned"}
    assert not made.steps


def test_broken_file_turns_pruning_off() -> None:
    """While the specs are not whole nothing is deleted, and all else goes on."""
    made = plan(app("new"), apps={"old-0": running()}, prune=False)
    assert [str(change.ref) for change in made.changes] == ["App/new-0"]
    assert reasons(made) == {"App/old-0": "PruneOff"}


def test_mass_delete_waits_for_a_word() -> None:
    """Three deletions, more than half of what we own, need a confirmation; renames do not."""
    apps = {f"old{n}-0": running() for n in range(3)}
    assert set(reasons(plan(app("web"), apps={**apps, "web-0": running()})).values()) == {
        "MassDelete"
    }
    assert not plan(app("web"), apps={**apps, "web-0": running()}, confirmed=True).blocked
    renamed = [app(f"new{n}") for n in range(3)]
    assert not plan(*renamed, apps=apps).blocked
    assert reasons(plan(apps={"one-0": running()})) == {"App/one-0": "MassDelete"}


def test_cycle_is_named_with_files() -> None:
    """Refs in a circle wait, named with where they are written; others go on."""
    made = plan(app("a", needs=("b",)), app("b", needs=("a",)), app("c"))
    assert [change.ref.name for change in made.changes] == ["c-0"]
    assert reasons(made) == {"App/a-0": "DependencyCycle", "App/b-0": "DependencyCycle"}
    assert "specs/toys.yaml:1" in made.blocked[0].message


def test_suspended_is_left_alone() -> None:
    """metadata.suspend holds every change of a resource."""
    made = plan(replace(app("web", word="b"), suspend=True), apps={"web-0": running()})
    assert reasons(made) == {"App/web-0": "Suspended"}


def test_drift_policy() -> None:
    """drift: warn keeps what was changed outside, and still applies an edited spec."""
    kept = replace(app("web"), drift=Drift.WARN)
    digests = {Ref("App", "web-0"): kept.digest}
    made = plan(kept, apps={"web-0": running("z")}, applied=digests)
    assert reasons(made) == {"App/web-0": "DriftKept"}
    assert made.held[0].cause is Cause.DRIFT
    edited = plan(kept, apps={"web-0": running("z")}, applied={Ref("App", "web-0"): "other"})
    assert edited.changes[0].cause is Cause.SPEC


def test_ignored_drift_is_none() -> None:
    """drift: ignore: what was changed outside is not even told; an edit still counts."""
    left = replace(app("web"), drift=Drift.IGNORE)
    digests = {Ref("App", "web-0"): left.digest}
    made = plan(left, apps={"web-0": running("z")}, applied=digests)
    assert made.in_sync
    assert made.blocked == ()
    assert plan(left, apps={"web-0": running("z")}).changes[0].cause is Cause.SPEC


def test_backoff_holds_and_says_when() -> None:
    """A ref that waits after a failure is held; the plan says when to look again."""
    held = {Ref("App", "web-0"): Held("Backoff", "it failed", 4.0)}
    made = plan(app("web"), held=held)
    assert reasons(made) == {"App/web-0": "Backoff"}
    assert made.after == 4.0


def test_due_work_is_not_drift() -> None:
    """A backup whose time has come is in the plan and leaves it in sync."""
    made = plan(data("d", every=10.0), folders={"d": lying()}, now=100.0)
    assert made.in_sync
    assert [step.action for step in made.due] == [Save("d")]


def test_restore_waits_for_its_writers() -> None:
    """What writes under a path rests first; only then is the path restored; then it starts."""
    resources = (app("w", restored=("d",)), data("d"))
    folders = {"d": lying(restored=False)}
    world = {"App": {"w-0": running()}, "Data": folders}
    now = overridden(TOYS, desired(*resources), world)
    assert [str(one.ref) for one in now.overrides] == ["App/w-0"]
    first = make_plan(TOYS, Wish(now.desired), world)
    assert [c.fields[0] for c in first.changes] == [("started", True, False, Apply.LIVE)]
    assert reasons(first) == {"Data/d": "InUse"}
    stopped = plan(*resources, apps={"w-0": running(started=False)}, folders=folders)
    assert [str(change.ref) for change in stopped.changes] == ["Data/d"]
    assert reasons(stopped) == {"App/w-0": "DependencyNotReady"}


def test_nothing_rests_for_what_cannot_be_seen() -> None:
    """A folder that cannot be looked at stops nobody."""
    world = {"App": {"w-0": running()}, "Data": Unknown("Down", "")}
    now = overridden(TOYS, desired(app("w", restored=("d",)), data("d")), world)
    assert not now.overrides
    assert make_plan(TOYS, Wish(now.desired), world).steps == ()


def test_priority_breaks_ties() -> None:
    """Among equals the lower priority goes first."""
    made = plan(app("a", priority=20), app("b", priority=10))
    assert [change.ref.name for change in made.changes] == ["b-0", "a-0"]


def test_plan_is_a_value() -> None:
    """The same inputs make an equal plan, and a lane sees only its kinds."""
    first = plan(app("a"), data("d"))
    assert first == plan(app("a"), data("d"))
    only = first.only(frozenset({"Data"}))
    assert {step.ref.kind for step in only.steps} == {"Data"}


def test_observed_shape_is_never_mutated() -> None:
    """Planning leaves the world it was given as it was."""
    seen: dict[str, Observed[Any]] = {"web-0": running("z")}
    plan(app("web"), apps=seen)
    assert seen == {"web-0": running("z")}
