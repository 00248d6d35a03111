"""Whatever is asked, whoever waits, wherever the operator dies: it is done once, and told truly."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.properties.test_convergence import FOLDERS, NAMES, WORDS, folders, instances, write
from tests.toys import TOYS, Died, ToyDriver, lying, running

from reconciler.core.model import Observed, Ref
from reconciler.core.order import shape_of
from reconciler.core.overrides import Moment, Overridden, overridden
from reconciler.core.plan import Wish, make_plan
from reconciler.core.request import Asked, Request
from reconciler.engine.recall import Recall
from reconciler.engine.reconcile import apply, observe

NOW = 100.0

apps = st.dictionaries(
    NAMES,
    st.fixed_dictionaries(
        {
            "word": WORDS,
            "copies": st.integers(1, 2),
            "enabled": st.booleans(),
            "needs": st.sets(NAMES, max_size=2).map(tuple),
            "restored": st.sets(FOLDERS, max_size=1).map(tuple),
            "timeout": st.none() | st.sampled_from([0.0, 5.0]),
            "anyway": st.booleans(),
        }
    ),
)
vitals = st.fixed_dictionaries(
    {"born": st.integers(0, 9), "restarts": st.integers(0, 2)},
    optional={"dead": st.booleans(), "stuck": st.booleans()},
)
seen_apps = st.dictionaries(
    instances,
    st.builds(running, WORDS, started=st.booleans(), vitals=vitals, epoch=st.integers(0, 3)),
)
seen_folders = st.dictionaries(FOLDERS, st.builds(lying, WORDS, restored=st.booleans()))
holds = st.builds(
    Request,
    st.sampled_from([Asked.STOP, Asked.START]),
    st.just("user"),
    st.just(""),
    st.just("ada"),
    at=st.just(1.0),
    until=st.sampled_from([NOW - 1, NOW, NOW + 1, None]),
    epoch=st.just(0),
)
restarts = st.builds(
    Request,
    st.just(Asked.RESTART),
    st.sampled_from(["user", "watch"]),
    st.just(""),
    st.just("ada"),
    at=st.just(1.0),
    until=st.none(),
    epoch=st.integers(1, 5),
)
asks = st.dictionaries(
    instances.map(lambda name: Ref("App", name)),
    st.tuples(holds) | st.tuples(restarts) | st.tuples(holds, restarts),
    max_size=4,
)


worlds = st.tuples(apps, folders, seen_apps, seen_folders)
"""What is written, and what is there."""


def follow(wanted: dict[str, Any]) -> dict[str, Any]:
    """Half of the needs are followed too."""
    return {
        name: {**spec, "follows": tuple(need for need in spec["needs"][:1] if need < name)}
        for name, spec in wanted.items()
    }


async def one_pass(want: dict[Ref, Any], drivers: dict[str, ToyDriver], asked: Any) -> Any:
    """A pass as a lane makes it, for somebody who has waited long."""
    world = await observe(drivers)
    now = overridden(TOYS, want, world, Moment(asked, NOW))
    waited = dict.fromkeys(want, 10.0)
    wish = Wish(now.desired, confirmed=True, requests=now.requests, waited=waited)
    return await apply(make_plan(TOYS, wish, world), world, drivers)


async def converge(want: dict[Ref, Any], drivers: dict[str, ToyDriver], asked: Any) -> Any:
    """Pass until nothing is done; two dozen passes must do."""
    for _ in range(24):
        outcome = await one_pass(want, drivers, asked)
        if not (outcome.plan.steps or outcome.plan.due):
            return outcome
    raise AssertionError(f"still moving: {outcome.plan.steps}")


@given(worlds, asks, st.none() | st.integers(0, 12))
async def test_what_is_asked_is_reached_wherever_it_is_killed(
    toys: Any, asked: Any, fuse: int | None
) -> None:
    """After any crash: what is stopped rests, what is started runs, each epoch is reached."""
    wanted, kept, there, lies = toys
    want = write(follow(wanted), kept)
    drivers = {
        "App": ToyDriver(dict(there), fuse, lives=True),
        "Data": ToyDriver(dict(lies), fuse),
    }
    try:
        await one_pass(want, drivers, asked)
    except* Died:
        pass
    for driver in drivers.values():
        driver.fuse = None
    last = await converge(want, drivers, asked)

    world = await observe(drivers)
    now = overridden(TOYS, want, world, Moment(asked, NOW))
    held = {change.ref for change in last.plan.held}
    for ref, one in now.desired.items():
        live = drivers[ref.kind].things.get(ref.name)
        if ref in held:
            continue
        assert live is not None
        assert live.state == TOYS[ref.kind].render(one)
        if ref.kind == "App" and live.state.started:
            assert not [r for r in now.overrides if r.ref == ref and not r.request.lasts]
        stops = [r for r in asked.get(ref, ()) if r.verb is Asked.STOP]
        if any(r.until is None or r.until > NOW for r in stops):
            assert not live.state.started
    assert all(one.ref in held for one in last.plan.blocked)


@given(st.integers(0, 4), st.integers(1, 4), st.integers(0, 6))
async def test_a_restart_costs_one_life(epoch: int, asked: int, fuse: int) -> None:
    """However the operator dies meanwhile: the thing begins anew once, or not when it has."""
    want = write({"a": {"word": "m", "needs": (), "restored": ()}}, {})
    ref = Ref("App", "a-0")
    driver = ToyDriver({"a-0": running("m", epoch=epoch)}, fuse, lives=True)
    drivers = {"App": driver, "Data": ToyDriver()}
    requests = {ref: (Request(Asked.RESTART, "user", "", "ada", epoch=asked),)}
    try:
        await one_pass(want, drivers, requests)
    except* Died:
        pass
    driver.fuse = None
    await converge(want, drivers, requests)
    assert driver.things["a-0"].state.epoch == max(epoch, asked)
    assert driver._births == (asked > epoch)


def _different(one: Observed[Any], draw: Any) -> Observed[Any]:
    """The same thing, seen as another object: like or unlike the one before."""
    kind = draw(st.sampled_from(["same", "vitals", "epoch"]))
    if kind == "vitals":
        return replace(one, vitals=draw(vitals))
    if kind == "epoch" and hasattr(one.state, "epoch"):
        return replace(one, state=one.state.model_copy(update={"epoch": draw(st.integers(0, 4))}))
    return replace(one)


def _other(things: dict[str, Observed[Any]], draw: Any) -> dict[str, Observed[Any]]:
    """The same folder of things or another one, in which some differ, came or went."""
    if draw(st.booleans()):
        return things
    kept = {name: one for name, one in things.items() if draw(st.integers(0, 4))}
    return {
        name: _different(one, draw) if draw(st.booleans()) else one for name, one in kept.items()
    }


def _edited(want: dict[Ref, Any], draw: Any) -> dict[Ref, Any]:
    """Some are written anew, some not at all any more."""
    kept = {ref: one for ref, one in want.items() if draw(st.integers(0, 4))}
    return {ref: replace(one) if draw(st.booleans()) else one for ref, one in kept.items()}


@given(worlds, st.data())
def test_remembering_changes_nothing(toys: Any, data: Any) -> None:
    """A plan made with everything remembered from earlier looks is the plan made from nothing."""
    wanted, kept, there, lies = toys
    recall, memo = Recall(TOYS), Moment().memo
    want = write(follow(wanted), kept)
    shape = shape_of(TOYS, want)
    world: dict[str, dict[str, Observed[Any]]] = {"App": dict(there), "Data": dict(lies)}
    for _ in range(4):
        asked = data.draw(asks)
        waited = dict.fromkeys(want, data.draw(st.sampled_from([0.0, 10.0])))
        remembered = overridden(TOYS, want, world, Moment(asked, NOW, shape, memo))
        fresh = overridden(TOYS, want, world, Moment(asked, NOW))
        assert remembered == fresh
        one = make_plan(TOYS, _wish(remembered, waited, shape=shape), world, differ=recall.differ)
        assert one == make_plan(TOYS, _wish(fresh, waited), world)
        for ref in want:
            live = world[ref.kind].get(ref.name)
            assert live is None or recall.health(ref, live) == TOYS[ref.kind].health(live)
        world = {kind: _other(things, data.draw) for kind, things in world.items()}
        if data.draw(st.booleans()):
            want = _edited(want, data.draw)
            shape = shape_of(TOYS, want, shape)


def _wish(asked: Overridden, waited: dict[Ref, float], **more: Any) -> Wish:
    return Wish(asked.desired, confirmed=True, requests=asked.requests, waited=waited, **more)


@given(worlds, asks)
def test_gates_only_hold_back(toys: Any, asked: Any) -> None:
    """What is held and what is done are all that differs; each of the held has its reason."""
    wanted, kept, there, lies = toys
    want = write(follow(wanted), kept)
    world = {"App": there, "Data": lies}
    now = overridden(TOYS, want, world, Moment(asked, NOW))
    plan = make_plan(TOYS, _wish(now, {}), world)
    differing = {
        ref
        for ref, one in now.desired.items()
        if (live := world[ref.kind].get(ref.name)) is None
        or live.state != TOYS[ref.kind].render(one)
    }
    gone = {Ref(kind, name) for kind, seen in world.items() for name in seen} - want.keys()
    done, held = {one.ref for one in plan.changes}, {one.ref for one in plan.held}
    assert done | held == differing | gone
    assert not done & held
    assert {one.ref for one in plan.blocked} == held
    assert {step.ref for step in plan.steps} <= done
    assert plan.in_sync == (not differing | gone)
