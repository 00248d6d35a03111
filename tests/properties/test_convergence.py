"""Whatever is wanted, whatever is there, wherever the operator dies: the world comes right."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.toys import TOYS, Died, ToyDriver, app, data, lying, running

from reconciler.core.errors import Transient
from reconciler.core.model import Ref
from reconciler.core.overrides import overridden
from reconciler.core.plan import Wish, expand
from reconciler.engine.reconcile import Outcome, observe, reconcile

NAMES = st.sampled_from("abcd")
FOLDERS = st.sampled_from("xyz")
WORDS = st.sampled_from("mn")

apps = st.dictionaries(
    NAMES,
    st.fixed_dictionaries(
        {
            "word": WORDS,
            "copies": st.integers(1, 2),
            "enabled": st.booleans(),
            "needs": st.sets(NAMES, max_size=2).map(tuple),
            "restored": st.sets(FOLDERS, max_size=1).map(tuple),
        }
    ),
)
folders = st.dictionaries(FOLDERS, st.fixed_dictionaries({"path": WORDS}))
instances = st.builds(lambda name, n: f"{name}-{n}", NAMES, st.integers(0, 2))
seen_apps = st.dictionaries(
    instances, st.builds(running, WORDS, started=st.booleans(), owned=st.booleans())
)
seen_folders = st.dictionaries(
    FOLDERS, st.builds(lying, WORDS, restored=st.booleans(), owned=st.booleans())
)


def write(wanted: dict[str, Any], kept: dict[str, Any]) -> dict[Ref, Any]:
    """What is written; needs that would make a circle are dropped (cycles have their own test)."""
    legal = {
        name: {**spec, "needs": tuple(need for need in spec["needs"] if need < name)}
        for name, spec in wanted.items()
    }
    resources = [
        *(app(name, **spec) for name, spec in legal.items()),
        *(data(name, **spec) for name, spec in kept.items()),
    ]
    return expand(TOYS, resources)


async def one_pass(want: dict[Ref, Any], drivers: dict[str, ToyDriver]) -> Outcome:
    """A pass as a lane makes it, overrides and all, with every deletion confirmed."""
    now = overridden(TOYS, want, await observe(drivers))
    return await reconcile(TOYS, Wish(now.desired, confirmed=True), drivers)


async def converge(want: dict[Ref, Any], drivers: dict[str, ToyDriver]) -> Outcome:
    """Pass until nothing is done; a dozen passes must do."""
    for _ in range(12):
        outcome = await one_pass(want, drivers)
        if not (outcome.plan.steps or outcome.plan.due):
            return outcome
    raise AssertionError(f"still moving: {outcome.plan.steps}")


def reachable(want: dict[Ref, Any], drivers: dict[str, ToyDriver]) -> set[Ref]:
    """The wanted refs that nothing foreign, missing or switched off can hold back."""
    stuck: set[Ref] = {
        ref
        for ref in want
        if (live := drivers[ref.kind].things.get(ref.name)) is not None and not live.owned
    }
    before: set[Ref] | None = None
    while before != stuck:
        before = set(stuck)
        stuck |= {ref for ref, one in want.items() if _held_back(one, want, stuck)}
    return want.keys() - stuck


def _held_back(resource: Any, want: dict[Ref, Any], stuck: set[Ref]) -> bool:
    for need in TOYS[resource.ref.kind].needs(resource):
        group = [ref for ref, one in want.items() if one.written_as == need.ref]
        off = any(r.kind == "App" and not want[r].spec.enabled for r in group)
        if not group or off or stuck & set(group):
            return True
    return False


worlds = st.tuples(seen_apps, seen_folders)


@given(apps, folders, worlds, st.none() | st.integers(0, 12))
async def test_converges_wherever_it_is_killed(
    wanted: dict[str, Any], kept: dict[str, Any], seen: Any, fuse: int | None
) -> None:
    """After any crash the world is what the specs say, foreign things kept, the rest pruned."""
    there, lies = seen
    want = write(wanted, kept)
    drivers = {"App": ToyDriver(dict(there), fuse), "Data": ToyDriver(dict(lies), fuse)}
    try:
        await one_pass(want, drivers)
    except* Died:
        pass
    for driver in drivers.values():
        driver.fuse = None
    last = await converge(want, drivers)

    for kind, before in (("App", there), ("Data", lies)):
        things = drivers[kind].things
        for name, thing in before.items():
            assert thing.owned or things[name] == thing
        assert all(Ref(kind, name) in want for name, one in things.items() if one.owned)
    for ref in reachable(want, drivers):
        expected = TOYS[ref.kind].render(want[ref])
        assert drivers[ref.kind].things[ref.name].state == expected, (ref, last.plan.blocked)
    assert last.plan.in_sync == (
        all(
            ref.name in drivers[ref.kind].things
            and drivers[ref.kind].things[ref.name].state == TOYS[ref.kind].render(one)
            for ref, one in want.items()
        )
    )


@given(apps, folders)
async def test_a_second_apply_touches_nothing(wanted: dict[str, Any], kept: dict[str, Any]) -> None:
    """Once converged, a pass makes no mutating call at all."""
    want = write(wanted, kept)
    drivers = {"App": ToyDriver(), "Data": ToyDriver()}
    await converge(want, drivers)
    for driver in drivers.values():
        driver.done.clear()
    await one_pass(want, drivers)
    assert [driver.done for driver in drivers.values()] == [[], []]


@given(apps, folders, worlds, st.sampled_from(["App", "Data"]))
async def test_what_is_dark_is_left_alone(
    wanted: dict[str, Any], kept: dict[str, Any], seen: Any, dark: str
) -> None:
    """A kind that cannot be seen is neither changed nor pruned."""
    there, lies = seen
    want = write(wanted, kept)
    drivers = {"App": ToyDriver(dict(there)), "Data": ToyDriver(dict(lies))}
    drivers[dark].dark = True
    outcome = await one_pass(want, drivers)
    assert drivers[dark].done == []
    assert {one.ref for one in outcome.plan.blocked} >= {ref for ref in want if ref.kind == dark}
    assert not outcome.plan.in_sync


@given(apps, st.sets(instances, max_size=3))
async def test_a_failure_stops_only_its_own(wanted: dict[str, Any], broken: set[str]) -> None:
    """Refs that refuse keep no independent ref from its place."""
    want = write({name: {**spec, "needs": (), "restored": ()} for name, spec in wanted.items()}, {})
    no = Transient("no", reason="Refused")
    drivers = {"App": ToyDriver(refuses=dict.fromkeys(broken, no)), "Data": ToyDriver()}
    outcome = await one_pass(want, drivers)
    good = {ref.name for ref in want} - broken
    assert drivers["App"].things.keys() >= good
    assert {ref.name for ref in outcome.failures} == {ref.name for ref in want} & broken
