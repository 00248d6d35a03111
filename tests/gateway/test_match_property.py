"""The gateway decides as its Python twin does, and both as the plain words of the manual say."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from random import Random
from typing import Any, Final

import psutil
import pytest

from reconciler.kinds.route.match import Request, Table
from reconciler.kinds.route.matching import HeaderMatch, Match
from reconciler.kinds.route.paths import normalise
from reconciler.kinds.route.spec import Respond
from reconciler.kinds.route.state import Rule, to_wire

from .conftest import Gateway

pytestmark = pytest.mark.real

SOAK: Final = os.environ.get("RECONCILER_SOAK") == "1"
TABLES: Final = 5_000 if SOAK else 40
REQUESTS: Final = 200
"""Per table: a million pairs of a table and a request in the soak."""

SEGMENTS: Final = ["a", "b", "ab", "a.b", "é", "a b", "%61", "%2b", "+", ";x", "~"]
HOSTS: Final = ["a.x", "b.x", "c.a.x", "x", "a.x.y", "localhost"]
WANTED_HOSTS: Final = [*HOSTS, "*.x", "*.a.x", "*.y", "*.x.y"]
METHODS: Final = ["GET", "POST", "HEAD"]
WORDS: Final = ["w", "web", "ui", "webui/", "é"]
REGEXES: Final = [
    "^w",
    "ui$",
    "(?i)WEB",
    "^(a|b)+$",
    "^https?://[^/]+/webui/",
    r"\d{2,3}",
    r"[^\w\s]",
    "x.*y",
    "^$|z",
    r"(\.|^)com$",
    "a?b{2}",
    ".",
]
VALUES: Final = ["w", "webui", "ab", "abb", "a1b22", "http://h/webui/x", "é", "x-y", "z.com", "Web"]
NAMES: Final = ["X-Env", "x-tenant", "Accept"]
ODD: Final = "/.%25cf0\\#;aé+ \"'"


def a_path(dice: Random) -> str:
    parts = [dice.choice(SEGMENTS) for _ in range(dice.randrange(4))]
    return "/" + "/".join(parts) + dice.choice(["", "", "/"])


def maybe(dice: Random, chance: float, value: Any) -> Any:
    return value if dice.random() < chance else None


def a_header(dice: Random) -> HeaderMatch:
    kind = dice.choice(["equals", "contains", "regex", "both"])
    regex = dice.choice(REGEXES) if kind in {"regex", "both"} else None
    contains = dice.choice(WORDS) if kind in {"contains", "both"} else None
    equals = dice.choice(VALUES) if kind == "equals" else None
    return HeaderMatch(name=dice.choice(NAMES), equals=equals, contains=contains, regex=regex)


def a_rule(dice: Random) -> Rule:
    headers = [a_header(dice) for _ in range(dice.choice([0, 0, 0, 1, 1, 2]))]
    match = Match(
        host=maybe(dice, 0.4, dice.choice(WANTED_HOSTS)),
        path_prefix=maybe(dice, 0.6, a_path(dice)),
        path_equal=maybe(dice, 0.15, a_path(dice)),
        methods=maybe(dice, 0.3, tuple(dice.sample(METHODS, dice.choice([1, 2])))),
        referer_substr=maybe(dice, 0.2, dice.choice(WORDS)),
        referer_regex=maybe(dice, 0.15, dice.choice(REGEXES)),
        headers=tuple(headers) or None,
    )
    priority, order = dice.randint(-1, 1), dice.randrange(3)
    return Rule(priority=priority, order=order, match=match, respond=Respond(status=200))


def a_request(dice: Random) -> Request:
    odd = "/" + "".join(dice.choice(ODD) for _ in range(dice.randrange(8)))
    return Request(
        path=a_path(dice) if dice.random() < 0.8 else odd,
        host=dice.choice(HOSTS),
        method=dice.choice(METHODS),
        referer=maybe(dice, 0.5, dice.choice([*WORDS, *VALUES])),
        headers={name.lower(): dice.choice(VALUES) for name in NAMES if dice.random() < 0.5},
    )


def plainly(rules: dict[str, Rule], request: Request) -> str | None:
    """What the manual says, rule by rule, without any index."""
    path = normalise(request.path)
    fitting = [name for name, rule in rules.items() if fits(rule.match, request, path)]

    def rank(name: str) -> tuple[object, ...]:
        rule = rules[name]
        prefix, referer = rule.match.path_prefix, rule.match.referer_substr
        length = len(normalise(prefix)) if prefix else 0
        return -rule.priority, -length, -len((referer or "").encode()), rule.order, name.encode()

    return min(fitting, key=rank, default=None)


def fits(match: Match, request: Request, path: str) -> bool:
    below = (match.host or "").removeprefix("*")
    host = match.host in {None, request.host} or (
        match.host != below and request.host.endswith(below) and len(request.host) > len(below)
    )
    return (
        host
        and (match.path_prefix is None or path.startswith(normalise(match.path_prefix)))
        and (match.path_equal is None or path == normalise(match.path_equal))
        and (match.methods is None or request.method in match.methods)
        and says(request.referer, None, match.referer_substr, match.referer_regex)
        and all(
            says(request.headers.get(one.name.lower()), one.equals, one.contains, one.regex)
            for one in match.headers or ()
        )
    )


def says(value: str | None, equals: str | None, contains: str | None, regex: str | None) -> bool:
    if equals is contains is regex is None:
        return True
    return (
        value is not None
        and (equals is None or value == equals)
        and (contains is None or contains in value)
        # These few are safe, and mean the same to Python's own reading of them.
        and (regex is None or re.search(regex.encode(), value.encode(), re.DOTALL) is not None)
    )


@pytest.mark.timeout(3600)
async def test_both_decide_alike(gateway: Gateway) -> None:
    """For any table and any request the same rule wins, or the same path is refused."""
    seed = Random().randrange(1 << 32)
    dice = Random(seed)
    won = 0
    for _ in range(TABLES):
        rules = {f"r{n}": a_rule(dice) for n in range(dice.randrange(1, 25))}
        requests = [a_request(dice) for _ in range(REQUESTS)]
        said = await gateway.parts.wire.match(question(rules, requests))
        lua = ["refused" if "refused" in one else one["rule"] for one in said]
        assert lua == decide(rules, requests), seed
        won += sum(name not in {None, "refused"} for name in lua)
        for request, one in zip(requests, said, strict=True):
            if "path" in one:
                assert one["path"] == normalise(request.path) == normalise(one["path"])
    assert won > TABLES * REQUESTS / 10


def decide(rules: dict[str, Rule], requests: Iterable[Request]) -> list[str | None]:
    """The twin's word for each request, which is the manual's: a name, None or "refused"."""
    table = Table(rules)
    decisions: list[str | None] = []
    for request in requests:
        try:
            said = table.winner(request)
        except ValueError:
            said = "refused"
        else:
            assert said == plainly(rules, request), (rules, request)
        decisions.append(said)
    return decisions


def question(rules: dict[str, Rule], requests: list[Request]) -> dict[str, object]:
    entries = [{"name": name, **to_wire(rule)} for name, rule in rules.items()]
    return {"rules": entries, "requests": [request._asdict() for request in requests]}


async def test_what_may_be_remembered_does_not_depend_on_headers(gateway: Gateway) -> None:
    """Where host, path and method alone decided, no header changes the answer."""
    dice = Random(7)
    alone = 0
    for _ in range(20):
        rules = {f"r{n}": a_rule(dice) for n in range(12)}
        requests = [a_request(dice) for _ in range(50)]
        bare = [one._replace(referer=None, headers={}) for one in requests]
        said = await gateway.parts.wire.match(question(rules, requests))
        plain = await gateway.parts.wire.match(question(rules, bare))
        for one, other in zip(said, plain, strict=True):
            if one.get("alone"):
                alone += 1
                assert (other["rule"], other["alone"]) == (one["rule"], True)
    assert alone > 100


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


async def test_ten_thousand_headers_cost_no_scan(gateway: Gateway) -> None:
    """Rules of one path that differ by a header's value are found by that value."""
    count = 10_000
    rules = [
        {
            "name": f"r{n}",
            "match": {"pathPrefix": "/", "headers": [{"name": "X-Tenant", "equals": f"t{n}"}]},
            "respond": {"status": 200},
        }
        for n in range(count)
    ]
    asked = {"path": "/", "headers": {"X-Tenant": f"t{count - 1}"}}
    spent = []
    for times in (1, 2_000):
        before = await worked(gateway)
        said = await gateway.parts.wire.match({"rules": rules, "requests": [asked] * times})
        assert said[-1] == {"path": "/", "rule": f"r{count - 1}", "alone": False}
        spent.append(await worked(gateway) - before)
    # Twenty million looks at a rule would take a second and more.
    assert spent[1] < spent[0] + 0.4


async def worked(gateway: Gateway) -> float:
    """The processor time of all workers until now; other programs do not count."""
    status = await gateway.parts.wire.status()
    pids = [worker.pid for worker in status.workers.values()]
    return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids)
