"""The views as JSON, and refusals a program can read."""

from __future__ import annotations

import pytest

from reconciler.core.errors import Terminal, Transient, Waiting

from .conftest import Ask, Operator, process

ROOT = "/admin/api/v1"


async def test_views_pass_as_they_are(ask: Ask, operator: Operator) -> None:
    """What the operator says is what the client gets."""
    async with ask() as http:
        assert (await http.get(f"{ROOT}/plan")).json() == await operator.plan()
        assert (await http.get(f"{ROOT}/status")).json() == await operator.status()
        assert (await http.get(f"{ROOT}/resources/Process/web-0")).json() == process(
            "web-0", log="/nowhere/web-0.log"
        )


async def test_a_pass_is_started_by_post_alone(ask: Ask, operator: Operator) -> None:
    """A GET, such as a browser's prefetch, starts nothing."""
    async with ask() as http:
        refused = await http.get(f"{ROOT}/reconcile")
        assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
        assert refused.headers["content-type"] == "application/problem+json"
        assert operator.passes == 0
        done = (await http.post(f"{ROOT}/reconcile")).json()
        assert (done["plan"]["revision"], done["failures"]) == ("abc", [])
    assert operator.passes == 1


async def test_a_confirmation_is_handed_on(ask: Ask, operator: Operator) -> None:
    """The revision whose deletions are allowed reaches the operator as it was written."""
    async with ask() as http:
        await http.post(f"{ROOT}/reconcile", json={"confirm": "4f2c1d9"})
    assert operator.confirmed == "4f2c1d9"


@pytest.mark.parametrize("page", ["events", "history"])
async def test_lists_are_bounded(ask: Ask, page: str) -> None:
    """A list has as many entries as asked for, a hundred when nothing is said."""
    async with ask() as http:
        assert len((await http.get(f"{ROOT}/{page}")).json()["items"]) == 100
        assert len((await http.get(f"{ROOT}/{page}?limit=3")).json()["items"]) == 3
        assert len((await http.get(f"{ROOT}/{page}?limit=1000")).json()["items"]) == 200


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "ten", "", "1e2", "٣", "9" * 5000])
async def test_an_odd_limit_is_named(ask: Ask, limit: str) -> None:
    """A limit that is no sensible number is refused, with its name and what would be one."""
    async with ask() as http:
        answer = await http.get(f"{ROOT}/events", params={"limit": limit})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].startswith("query.limit: ")
    assert [one["at"] for one in answer.json()["errors"]] == ["query.limit"]


async def test_no_such_resource(ask: Ask) -> None:
    """A name nobody has is a 404 that repeats it."""
    async with ask() as http:
        answer = await http.get(f"{ROOT}/resources/Process/wbe")
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["detail"]) == (404, "there is no Process/wbe")


@pytest.mark.parametrize(
    ("trouble", "retry"),
    [
        (Transient("supervisord is unreachable", reason="Down"), None),
        (Terminal("supervisord is too old", reason="Old"), None),
        (Waiting("it is stopping", reason="Stopping", after=1.2), "2"),
    ],
)
async def test_a_refusing_world_is_503(
    ask: Ask, operator: Operator, trouble: Exception, retry: str | None
) -> None:
    """A failure of the world says its reason, and when to come back where that is known."""
    operator.trouble = trouble
    async with ask() as http:
        answer = await http.get(f"{ROOT}/plan")
    assert answer.status_code == 503
    assert answer.headers.get("retry-after") == retry
    assert answer.json() == {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": str(trouble),
        "requestId": answer.headers["x-request-id"],
        "reason": trouble.reason,  # type: ignore[attr-defined] # all three have one
    }


async def test_a_defect_tells_nothing(ask: Ask, operator: Operator) -> None:
    """An error nobody foresaw may hold anything, so its text stays inside."""
    operator.trouble = ValueError("token=hunter2")
    async with ask() as http:
        answer = await http.get(f"{ROOT}/plan")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "hunter2" not in answer.text


async def test_metrics_are_of_this_moment(ask: Ask, operator: Operator) -> None:
    """Each scrape has the operator measured anew."""
    async with ask() as http:
        await http.get("/metrics")
        await http.get("/metrics")
    assert operator.measured == 2


async def test_metrics_in_the_format_asked_for(ask: Ask) -> None:
    """Prometheus gets its text, and OpenMetrics when it asks for it."""
    async with ask() as http:
        text = await http.get("/metrics")
        newer = await http.get("/metrics", headers={"Accept": "application/openmetrics-text"})
    assert text.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "reconciler_pass_total{" in text.text
    assert newer.headers["content-type"].startswith("application/openmetrics-text")
    assert newer.text.endswith("# EOF\n")
