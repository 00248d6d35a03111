"""Each request has a name, in the answer, in the log and in what went wrong."""

from __future__ import annotations

import pytest

from reconciler.engine.log_lines import TRACE, Trace

from .conftest import Ask

PLAN = "/admin/api/v1/plan"
NOWHERE = "/admin/api/v1/nowhere"
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def test_a_sane_name_is_kept(ask: Ask) -> None:
    """The caller's own, so that both logs speak of the same; also in a refusal."""
    async with ask() as http:
        answer = await http.get(NOWHERE, headers={"X-Request-Id": "req-1", "traceparent": PARENT})
    assert answer.headers["x-request-id"] == answer.json()["requestId"] == "req-1"
    assert TRACE.get() == Trace("req-1", PARENT)


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "a;b", "${jndi}"])
async def test_nonsense_is_replaced(ask: Ask, name: str) -> None:
    """Nobody writes into our log what they like."""
    async with ask() as http:
        said = {"X-Request-Id": name, "traceparent": "00-zz"}
        answer = await http.get(PLAN, headers=said)
        other = await http.get(PLAN)
    assert len(answer.headers["x-request-id"]) == 16
    assert answer.headers["x-request-id"] != other.headers["x-request-id"]
    assert not TRACE.get().parent


async def test_who_changes_something_is_written_down(
    ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    """Without the query, and in one line."""
    caplog.set_level("INFO")
    async with ask() as http:
        await http.get(f"{PLAN}?token=hush")
        await http.post("/admin/api/v1/no%0Awhere?token=hush")
    (line,) = [one.getMessage() for one in caplog.records if one.name.startswith("reconciler")]
    assert line.startswith("POST /admin/api/v1/no%0Awhere by ")
    assert line.endswith(": 404")
    assert "hush" not in line
