"""What points at something follows it, as facts of the moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from tests.toys import APP, TOYS, AppSpec, AppState, app, desired, running

from reconciler.core.gates import Held
from reconciler.core.kind import Kind
from reconciler.core.model import Health, HealthCode, Observed, Ref, Resource, Unknown, World
from reconciler.core.offer import Offer, Presence, Target
from reconciler.core.plan import Plan, Wish, expand, make_plan
from reconciler.engine.recall import Recall


class Use(NamedTuple):
    """Use these instances, and no others."""

    family: str
    names: tuple[str, ...]


def offer(resource: Resource[AppSpec], seen: Observed[AppState] | Unknown | None) -> Offer:
    if isinstance(seen, Unknown):
        return Offer(resource.ref.name, Presence.UNKNOWN)
    there = seen is not None and seen.state.started and resource.spec.enabled
    return Offer(resource.ref.name, Presence.READY if there else Presence.AWAY)


def follow(
    resource: Resource[AppSpec], seen: Observed[AppState], offers: Sequence[Offer]
) -> tuple[Use, ...]:
    used = seen.vitals["uses"]
    kept = {one.name for one in offers if one.presence is Presence.UNKNOWN and one.name in used}
    ready = {one.name for one in offers if one.presence is Presence.READY}
    names = tuple(sorted(kept | ready))
    return (Use(resource.spec.word, names),) if names != used else ()


LINK: Kind[AppSpec, AppState, Any] = replace(
    APP,
    name="Link",
    wave=20,
    needs=lambda _: (),
    points_at=lambda r: (Target(Ref("App", r.spec.word), "main"),),
    bound=follow,
    instances=lambda r: (r,),
    health=lambda _: Health(HealthCode.HEALTHY, "Toy", ""),
)
KINDS = {**TOYS, "App": replace(APP, offers=offer), "Link": LINK}


def link(name: str, to: str, **more: Any) -> Resource[AppSpec]:
    spec = AppSpec(word=to)
    return replace(app(name), ref=Ref("Link", name), spec=spec, digest=to, **more)


def linked(to: str, *uses: str) -> Observed[AppState]:
    return running(to, vitals={"uses": uses})


def plan(*resources: Any, world: World, **wish: Any) -> Plan:
    return make_plan(KINDS, Wish(expand(KINDS, resources), revision="r", **wish), world)


def used(made: Plan) -> list[tuple[str, tuple[str, ...]]]:
    return [(str(step.ref), step.action.names) for step in made.bound]


def test_facts_are_followed_and_are_no_drift() -> None:
    """Who is there is used, in one step for all that point there, and all of it is in sync."""
    apps = {"web-0": running(), "web-1": running()}
    links = {"a": linked("web"), "b": linked("web"), "c": linked("web", "web-0", "web-1")}
    world = {"App": apps, "Link": links}
    resources = [app("web", copies=2), *(link(name, "web") for name in links)]
    made = plan(*resources, world=world)
    assert made.in_sync
    assert used(made) == [("Link/a", ("web-0", "web-1"))]
    assert made.only(frozenset({"App"})).bound == ()


def test_what_this_plan_ends_is_not_used_any_more() -> None:
    """A restart, and a stop by hand, are preceded by the withdrawal; what is held back is not."""
    apps = {"web-0": running("old"), "web-1": running()}
    world = {"App": apps, "Link": {"a": linked("web", "web-0", "web-1")}}
    resources = (app("web", copies=2), link("a", "web"))
    made = plan(*resources, world=world)
    assert [str(change.ref) for change in made.changes] == ["App/web-0"]
    assert used(made) == [("Link/a", ("web-1",))]

    held = {Ref("App", "web-0"): Held("Backoff", "later", 5.0)}
    assert used(plan(*resources, world=world, held=held)) == []

    off = plan(app("web", copies=2, enabled=False), link("a", "web"), world=world)
    assert used(off) == [("Link/a", ())]


def test_what_cannot_be_seen_changes_nothing() -> None:
    """Silence withdraws nobody, and a guarded deletion leaves its instance in use."""
    dark = {"App": Unknown("Dark", "dark"), "Link": {"a": linked("web", "web-0", "gone-7")}}
    assert used(plan(app("web"), link("a", "web"), world=dark)) == [("Link/a", ("web-0",))]
    blind = {"App": {"web-0": running()}, "Link": Unknown("Dark", "dark")}
    assert used(plan(app("web"), link("a", "web"), world=blind)) == []

    apps = {f"web-{n}": running() for n in range(4)}
    world = {"App": apps, "Link": {"a": linked("web", *apps)}}
    made = plan(link("a", "web"), world=world)
    assert {one.reason for one in made.blocked} == {"MassDelete"}
    assert used(made) == []
    assert used(plan(link("a", "web"), world=world, confirmed=True)) == [("Link/a", ())]


def test_suspended_and_held_ones_follow_too() -> None:
    """Whatever holds a resource back, what it points at is gone all the same."""
    world = {"App": {"web-0": running()}, "Link": {"a": linked("web"), "b": linked("other")}}
    held = {Ref("Link", "b"): Held("Backoff", "later", 5.0)}
    resources = (app("web"), link("a", "web", suspend=True), link("b", "web"))
    assert used(plan(*resources, world=world, held=held)) == [("Link/a", ("web-0",))]
    foreign = {"App": {"web-0": running()}, "Link": {"a": running("web", owned=False)}}
    assert used(plan(app("web"), link("a", "web"), world=foreign)) == []


def test_remembering_changes_nothing() -> None:
    """What is worked out once is what would be worked out again."""
    wish = Wish(expand(KINDS, (app("web"), link("a", "web"))), revision="r")
    recall = Recall(KINDS)
    there = linked("web")
    for apps in ({"web-0": running()}, {"web-0": running()}, {}, {"web-0": running()}):
        world: World = {"App": apps, "Link": {"a": there}}
        made = make_plan(KINDS, wish, world, follow=recall.follow)
        assert made.bound == make_plan(KINDS, wish, world).bound


def test_nothing_points_anywhere_costs_nothing() -> None:
    """Kinds that stand for themselves are not even asked."""
    made = make_plan(TOYS, Wish(desired(app("web"))), {"App": {"web-0": running()}, "Data": {}})
    assert made.bound == ()
