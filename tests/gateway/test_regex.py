"""Regexes as the gateway reads them: the same language, the same answers, never slow."""

from __future__ import annotations

import os
from random import Random
from typing import Any, Final

import pytest
from tests.gateway.test_match_property import worked
from tests.kinds.route.regexes import EXPLOSIVE, FOREIGN, USUAL, a_regex, a_subject, explosive

from reconciler.clients.gateway import RuleRefused
from reconciler.clients.table import PutEntry
from reconciler.kinds.route.regex import check_regex, matches

from .conftest import Gateway

pytestmark = pytest.mark.real

SOAK: Final = os.environ.get("RECONCILER_SOAK") == "1"
COUNT: Final = 20_000 if SOAK else 400


def why_not(text: str) -> str:
    """What Python says against a regex; empty when it takes it."""
    try:
        check_regex(text)
    except ValueError as error:
        return str(error)
    return ""


def rule(name: str, regex: str, **more: object) -> dict[str, Any]:
    headers = [{"name": "X-A", "regex": regex}]
    return {"name": name, "match": {"headers": headers}, "respond": {"status": 200}, **more}


async def refused(gateway: Gateway, text: str) -> str:
    """What the gateway says against a regex; empty when it takes it."""
    try:
        await gateway.parts.wire.match({"rules": [rule("r", text)], "requests": []})
    except RuleRefused as error:
        return str(error).partition("rule r: match.headers: X-A.regex: ")[2]
    return ""


@pytest.mark.timeout(600)
async def test_both_take_the_same_regexes(gateway: Gateway) -> None:
    """What Python refuses the gateway refuses too, in the same words with the same place."""
    dice = Random(3)
    generated = [a_regex(dice) for _ in range(COUNT)]
    shaped = [explosive(dice)[0] for _ in range(COUNT // 4)]
    for text in (*USUAL, *EXPLOSIVE, *FOREIGN, *generated, *shaped):
        assert await refused(gateway, text) == why_not(text), text


@pytest.mark.timeout(600)
async def test_both_find_the_same(gateway: Gateway) -> None:
    """PCRE and Python answer alike for every regex that is taken."""
    dice = Random(4)
    found = 0
    for _ in range(COUNT // 50):
        texts = [text for text in (a_regex(dice) for _ in range(100)) if not why_not(text)]
        subjects = [a_subject(dice) for _ in texts for _ in range(3)]
        for text in texts:
            requests = [{"path": "/", "headers": {"X-A": one.decode()}} for one in subjects[:20]]
            said = await gateway.parts.wire.match(
                {"rules": [rule("r", text)], "requests": requests}
            )
            lua = [one["rule"] == "r" for one in said]
            assert lua == [matches(text, one) for one in subjects[:20]], text
            found += sum(lua)
    assert found > 100


async def test_no_taken_regex_is_slow(gateway: Gateway) -> None:
    """Known-bad shapes that are taken cost a few milliseconds on their worst text, and answer."""
    dice = Random(5)
    taken = [(text, subject) for text, subject in map(explosive, [dice] * 500) if not why_not(text)]
    rules = [rule("hit", text) for text, _ in taken[:60]]
    before = await worked(gateway)
    for one, (text, subject) in zip(rules, taken, strict=False):
        request = {"path": "/", "headers": {"x-a": subject.decode()}}
        said = await gateway.parts.wire.match({"rules": [one], "requests": [request]})
        assert (said[0]["rule"] == "hit") == matches(text, subject), text
    assert await worked(gateway) - before < len(rules) * 0.02
    log = (gateway.parts.place.state_dir / "log" / "gateway.log").read_text()
    assert "cannot be used" not in log


async def test_a_bad_regex_pushed_by_hand_is_refused_by_name(gateway: Gateway) -> None:
    """The gateway looks itself, whoever writes the table; the table in use stays."""
    bad = {"match": {"refererRegex": "(a+)+$"}, "respond": {"status": 200}}
    with pytest.raises(RuleRefused, match=r"rule evil: match\.refererRegex: what repeats") as error:
        await gateway.parts.table.change(PutEntry("evil", bad))
    assert error.value.rule == "evil"
    odd = {"match": {"refererGlob": "*"}, "respond": {"status": 200}}
    with pytest.raises(RuleRefused, match=r"rule odd: unknown field in match: refererGlob"):
        await gateway.parts.table.change(PutEntry("odd", odd))
    assert (await gateway.parts.wire.status()).version == 0


async def test_a_table_has_a_thousand_regexes_at_most(gateway: Gateway) -> None:
    """Each stays compiled in every worker."""
    rules = [rule(f"r{n}", f"^{n}$") for n in range(1001)]
    asked = {"rules": rules[:1000], "requests": [{"path": "/", "headers": {"x-a": "999"}}]}
    assert (await gateway.parts.wire.match(asked))[0]["rule"] == "r999"
    with pytest.raises(RuleRefused, match="more than 1000 regexes"):
        await gateway.parts.wire.match({"rules": rules, "requests": []})
