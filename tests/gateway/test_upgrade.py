"""A gateway whose Lua is older than the operator: what was installed before, runs still."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from reconciler.clients.gateway import GatewayDown, RuleRefused
from reconciler.core.errors import Waiting
from reconciler.kinds.gateway.actions import Configure
from reconciler.kinds.route.actions import PutRule
from reconciler.testing import eventually_async
from reconciler.testing.nginx import LocalGateway, make_gateway

from .conftest import answering, rule_of, start

pytestmark = pytest.mark.real

RULE = PutRule("new", rule_of({"respond": {"status": 200, "body": "new"}}))
CHECK = "lua/reconciler/check/document.lua"
MEMORY = "lua/reconciler/memory.lua"
ACTION = b'local ACTIONS = { "proxy", "redirect", "respond", "static" }'


def older_gateway(state_dir: Path, name: str, now: bytes, then: bytes) -> LocalGateway:
    """One in whose Lua something was written differently."""
    parts = make_gateway(state_dir)
    folder = parts.gateway.folder
    content = folder.shipped[name]
    assert now in content
    folder.shipped[name] = content.replace(now, then)
    folder.edition = "01de7"
    return parts


async def test_an_older_gateway_gets_new_rules_once_it_is_up_to_date(stack_dir: Path) -> None:
    """What old Lua does not know is asked again after the reload, and is not given up."""
    older = older_gateway(stack_dir, CHECK, ACTION, ACTION.replace(b'"respond", ', b""))
    newer = make_gateway(stack_dir, older.runner)
    try:
        port = await start(older)
        with pytest.raises(Waiting, match=r"not up to date yet, and says: .*: rule new: a rule"):
            await newer.routes.apply(RULE)
        await newer.gateway.apply(Configure("gateway", port, "127.0.0.1"))

        async def taken() -> bool:
            try:
                await newer.routes.apply(RULE)
            except Waiting:
                return False
            return True

        await eventually_async(taken)
        await answering(newer)
        assert "new" in await newer.routes.observe()
    finally:
        await newer.wire.aclose()
        await older.aclose()


async def test_the_table_outlives_an_upgrade(stack_dir: Path) -> None:
    """Wherever the older Lua kept its numbers: the table in shared memory is served on."""
    older = older_gateway(stack_dir, MEMORY, b'"memory:master"', b'"memory:of"')
    newer = make_gateway(stack_dir, older.runner)
    try:
        port = await start(older)
        for name in ("a", "b", "c"):
            await older.routes.apply(RULE._replace(name=name))
        older.runner.kill()
        older.runner.launch()  # now the table begins with the document on disk
        await answering(older)
        await newer.gateway.apply(Configure("gateway", port, "127.0.0.1"))

        async def taken() -> bool:
            with suppress(GatewayDown):  # a worker that goes may not answer whom it has taken on
                return (await newer.wire.status()).code == newer.gateway.folder.edition
            return False

        await eventually_async(taken)
        await answering(newer)
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://127.0.0.1:{port}/")).text == "new"
        served = (await newer.wire.status()).workers.values()
        assert {worker.version for worker in served} == {3}
    finally:
        await newer.wire.aclose()
        await older.aclose()


async def test_what_the_gateway_of_this_edition_refuses_is_refused(stack_dir: Path) -> None:
    """No waiting for another answer from the same code."""
    parts = make_gateway(stack_dir)
    try:
        await start(parts)
        bad = RULE.rule.model_copy(update={"respond": None})
        with pytest.raises(RuleRefused, match="rule bad: a rule needs exactly one of"):
            await parts.routes.apply(PutRule("bad", bad))
    finally:
        await parts.aclose()
