"""diff --simulate: what the last requests would come to, beside a real gateway."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.gateway.conftest import rule_of, start

from reconciler.clients.table import PutDefault, PutEntry
from reconciler.kinds.route.state import to_wire
from reconciler.testing import eventually_async
from reconciler.testing.nginx import make_gateway

ROUTE = """\
apiVersion: reconciler.dev/v1
kind: Route
metadata: {name: %s}
spec: {match: {pathPrefix: %s}, respond: {status: %d}}
"""


async def remembered(stack_dir: Path) -> tuple[Any, int]:
    """A gateway with one route that has served requests."""
    parts = make_gateway(stack_dir)
    port = await start(parts)
    served = rule_of({"match": {"pathPrefix": "/a/"}, "respond": {"status": 204}})
    await parts.table.change(PutEntry("a", to_wire(served)))
    await parts.table.change(PutDefault("http://127.0.0.1:1"))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:

        async def kept() -> bool:  # of many at once only some are
            await client.get("/a/1?secret=1", headers={"Referer": "http://h/x"})
            return len(await parts.wire.recent()) >= 3

        await eventually_async(kept)
    return parts, port


@pytest.mark.real
def test_what_would_go_elsewhere(stack_dir: Path, reconciler: Any) -> None:
    """By what the gateway remembers, or by a file; 0 nothing, 1 something, 2 not to be seen."""
    specs = stack_dir / "specs"
    specs.mkdir(exist_ok=True)
    page = specs / "a.yaml"
    page.write_text(ROUTE % ("a", "/a/", 204))
    (specs / "g.yaml").write_text(
        "apiVersion: reconciler.dev/v1\nkind: Gateway\nmetadata: {name: gateway}\n"
        "spec: {defaultBackend: http://127.0.0.1:1}\n"
    )
    said = reconciler("diff", "--simulate")
    assert said.code == 2
    assert "no gateway answers" in said.err
    loop = asyncio.new_event_loop()
    parts, _ = loop.run_until_complete(remembered(stack_dir))
    try:
        assert reconciler("diff", "--simulate").code == 0
        page.write_text(ROUTE % ("b", "/b/", 204))
        said = reconciler("diff", "--simulate")
        assert said.code == 1
        assert "× Route/a (respond 204) → no route (http://127.0.0.1:1)" in said.out
        assert "requests would go elsewhere" in said.out
        assert "secret" not in said.out
        told = json.loads(reconciler("diff", "--simulate", "-o", "json").out)
        assert told["requests"] == told["elsewhere"] == told["moves"][0]["count"] >= 3
        assert told["moves"][0]["example"]["referer"] == "http://h/x"
        requests = stack_dir / "requests.jsonl"
        requests.write_text('{"path": "/b/x"}\n\n{"path": "/c"}\n')
        said = reconciler("diff", "--simulate", "--requests", str(requests))
        assert said.code == 1
        assert "1 of the last 2" in said.out
        requests.write_text('{"path": "/c"}\nnonsense\n')
        said = reconciler("diff", "--simulate", "--requests", str(requests))
        assert said.code == 2
        assert "requests.jsonl:2 is no request" in said.err
    finally:
        loop.run_until_complete(parts.aclose())
        loop.close()
