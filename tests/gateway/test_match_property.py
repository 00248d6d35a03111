"""The gateway decides as its Python twin does."""

from __future__ import annotations

from collections.abc import Iterable

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.kinds.route.match import Request, winner
from reconciler.kinds.route.paths import normalise
from reconciler.kinds.route.spec import Match, Respond
from reconciler.kinds.route.state import Rule, to_wire

from .conftest import Gateway

pytestmark = pytest.mark.real

SEGMENTS = st.sampled_from(["a", "b", "ab", "a.b", "é", "a b", "%61", "%2b", "+", ";x", "~"])
CLEAN = st.lists(SEGMENTS, max_size=3).map(lambda parts: "/" + "/".join(parts))
PATHS = CLEAN | st.builds(str.__add__, CLEAN, st.just("/"))
HOSTS = st.sampled_from(["a.x", "b.x", "c.a.x", "x", "a.x.y", "localhost"])
WANTED_HOSTS = HOSTS | st.sampled_from(["*.x", "*.a.x", "*.y", "*.x.y"])
METHODS = st.sampled_from(["GET", "POST", "HEAD"])
WORDS = st.sampled_from(["w", "web", "ui", "webui/"])

MATCHES = st.builds(
    Match,
    host=st.none() | WANTED_HOSTS,
    path_prefix=st.none() | PATHS,
    path_equal=st.none() | st.none() | PATHS,
    methods=st.none() | st.lists(METHODS, min_size=1, unique=True).map(tuple),
    referer_substr=st.none() | WORDS,
)
RULES = st.builds(
    Rule,
    priority=st.integers(-1, 1),
    order=st.integers(0, 2),
    match=MATCHES,
    respond=st.just(Respond(status=200)),
)
TABLES = st.dictionaries(st.sampled_from([f"r{n}" for n in range(30)]), RULES, max_size=20)
ODD = st.text(st.sampled_from("/.%25cf0\\#;aé+ \"'"), max_size=8).map(lambda text: "/" + text)
REQUESTS = st.builds(
    Request,
    path=PATHS | ODD,
    host=HOSTS,
    method=METHODS,
    referer=st.none() | WORDS | st.just("http://h/webui/x"),
)


def decide(rules: dict[str, Rule], requests: Iterable[Request]) -> list[object]:
    """What the twin says: a name, None, or "refused"."""
    decisions: list[object] = []
    for request in requests:
        try:
            decisions.append(winner(rules, request))
        except ValueError:
            decisions.append("refused")
    return decisions


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(rules=TABLES, requests=st.lists(REQUESTS, min_size=1, max_size=100))
async def test_both_decide_alike(
    gateway: Gateway, rules: dict[str, Rule], requests: list[Request]
) -> None:
    """For any table and any request the same rule wins, or the same path is refused."""
    entries = [{"name": name, **to_wire(rule)} for name, rule in rules.items()]
    question = {"rules": entries, "requests": [request._asdict() for request in requests]}
    said = await gateway.parts.wire.match(question)
    lua = ["refused" if "refused" in one else one["rule"] for one in said]
    assert lua == decide(rules, requests)
    for request, one in zip(requests, said, strict=True):
        if "path" in one:
            assert one["path"] == normalise(request.path) == normalise(one["path"])


async def test_ten_thousand_rules_cost_no_scan(gateway: Gateway) -> None:
    """Finding a rule among ten thousand costs the workers about what it costs among ten."""

    async def seconds(count: int) -> float:
        rules = {
            f"r{n}": {"match": {"pathPrefix": f"/{n:05}/"}, "respond": {"status": 200}}
            for n in range(count)
        }
        await gateway.serve(**rules)
        await gateway.settled()
        requests = [{"path": f"/{n % count:05}/x", "host": "h"} for n in range(20_000)]
        before = await worked(gateway)
        said = await gateway.parts.wire.match({"requests": requests})
        assert said[7]["rule"] == f"r{7 % count}"
        return await worked(gateway) - before

    few = await seconds(10)
    # Two hundred million looks at a rule would take ten times this and more.
    assert await seconds(10_000) < few + 0.2


async def worked(gateway: Gateway) -> float:
    """The processor time of all workers until now; other programs do not count."""
    status = await gateway.parts.wire.status()
    pids = [worker.pid for worker in status.workers.values()]
    return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids)
