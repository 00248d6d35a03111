"""Who is in a pool: the ready ones, and those of whom nothing else is certain."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.model import Observed, Origin, Ref, Resource, Unknown, World
from reconciler.core.offer import Presence
from reconciler.core.plan import Wish, expand, make_plan
from reconciler.kinds import KINDS
from reconciler.kinds.process.offers import offers
from reconciler.kinds.process.spec import ProcessSpec
from reconciler.kinds.process.state import Program, render
from reconciler.kinds.route.endpoint import Endpoint
from reconciler.kinds.route.pool import pool_vitals
from reconciler.kinds.route.spec import RouteSpec
from reconciler.kinds.route.state import render as rule_of

ORIGIN = Origin(PurePath("specs/web.yaml"), 1)
POOL = "process/web/http"
ROUTE = Resource(
    Ref("Route", "web"),
    RouteSpec.model_validate({"proxy": {"process": {"name": "web", "port": "http"}}}),
    ORIGIN,
)
STATES = ["running", "starting", "stopping", "stopped", "backoff", "failed", "unknown"]
READINESS = ["success", "failure", "unknown", "awaited", None]
MOST = 4

sights = st.none() | st.tuples(st.sampled_from(STATES), st.sampled_from(READINESS), st.booleans())
worlds = st.none() | st.lists(sights, min_size=MOST, max_size=MOST)
"""What is seen of each instance; None: supervisord is silent."""


def web(replicas: int) -> Resource[ProcessSpec]:
    ports = [{"name": "http", "port": 8000}]
    spec = {"command": ["sleep", "1"], "ports": ports, "replicas": replicas}
    return Resource(Ref("Process", "web"), ProcessSpec.model_validate(spec), ORIGIN)


def seen_as(one: Resource[Any], sight: Any) -> Observed[Program]:
    state, readiness, same = sight
    program = render(one) if same else render(one).model_copy(update={"argv": ("other",)})
    vitals = {"state": state} if readiness is None else {"state": state, "readiness": readiness}
    return Observed(program, owned=True, vitals=vitals)


def world_of(sight: Any, wanted: dict[Ref, Resource[Any]], pool: Any) -> World:
    rule = rule_of(ROUTE)
    pools = {} if pool is None else {POOL: [one.to_wire() for one in pool]}
    routes = {"web": Observed(rule, owned=True, vitals=pool_vitals(rule.proxy, pools))}
    if sight is None:
        return {"Route": routes, "Process": Unknown("Unreachable", "silence")}
    instances = [ref for ref in sorted(wanted) if ref.kind == "Process"]
    there = zip(instances, sight, strict=False)
    seen = {ref.name: seen_as(wanted[ref], one) for ref, one in there if one is not None}
    return {"Route": routes, "Process": seen}


@given(st.lists(st.tuples(worlds, st.integers(0, MOST)), min_size=1, max_size=8))
def test_the_pool_follows_what_is_certain(story: Any) -> None:
    """Unknown withdraws nobody, only the ready come in, and once it is put there is rest."""
    pool: tuple[Endpoint, ...] | None = None
    for sight, replicas in story:
        wanted = expand(KINDS, [web(replicas), ROUTE])
        wish = Wish(wanted, revision="r", confirmed=True)
        before = {one.name: one for one in pool or ()}
        world = world_of(sight, wanted, pool)
        plan = make_plan(KINDS, wish, world)
        for step in plan.bound:
            pool = step.action.endpoints
        assert pool is not None
        ending = {change.ref.name for change in plan.changes}
        instances = {ref.name: one for ref, one in wanted.items() if ref.kind == "Process"}
        after = {one.name: one for one in pool}
        assert after.keys() <= instances.keys()
        for name, one in instances.items():
            seen = world["Process"]
            live = seen if isinstance(seen, Unknown) else seen.get(name)
            presence = offers(one, live).presence
            was = name in before and before[name].ready
            is_used = name in after and after[name].ready
            if name in ending:
                assert not is_used or presence is Presence.UNKNOWN
            elif presence is Presence.UNKNOWN:
                assert is_used == was
            else:
                assert is_used == (presence is Presence.READY)
            assert (name in after) == (presence is not Presence.AWAY)
        again = make_plan(KINDS, wish, world_of(sight, wanted, pool))
        assert again.bound == ()
