"""Monitors learn what they need, and strangers no more than that."""

from __future__ import annotations

import asyncio

import pytest

from reconciler.api import health
from reconciler.core.errors import Transient

from .conftest import Ask, Operator

PAGES = ["/livez", "/readyz", "/health", "/healthz"]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_all_is_well(ask: Ask, page: str, method: str) -> None:
    """A healthy operator answers 200 on every page, to GET and to HEAD."""
    async with ask() as http:
        assert (await http.request(method, page)).status_code == 200


async def test_a_blind_operator_lives(ask: Ask, operator: Operator) -> None:
    """Without a fresh look at the world it is not ready, but a restart would not help."""
    operator.fail("observed", "supervisord is unreachable for 40 s")
    async with ask() as http:
        assert (await http.get("/livez")).status_code == 200
        answer = await http.get("/readyz")
    assert answer.status_code == 503
    assert answer.text == (
        "[+]loop ok\n[-]observed failed: supervisord is unreachable for 40 s\nreadyz check failed\n"
    )


async def test_a_stuck_loop_is_dead_and_not_ready(ask: Ask, operator: Operator) -> None:
    """A lane that does not turn fails liveness, and readiness with it."""
    operator.fail("loop", "no turn for 90 s")
    async with ask() as http:
        assert (await http.get("/livez")).status_code == 503
        assert (await http.get("/readyz")).status_code == 503


async def test_liveness_needs_no_world(ask: Ask, operator: Operator) -> None:
    """Whatever the world throws, liveness does not ask it."""
    operator.trouble = Transient("supervisord is gone", reason="Unreachable")
    async with ask() as http:
        assert (await http.get("/livez")).status_code == 200


async def test_verbose_names_the_checks(ask: Ask) -> None:
    """Only who asks for it gets a line per check."""
    async with ask() as http:
        assert (await http.get("/readyz")).text == "ok"
        verbose = (await http.get("/readyz?verbose")).text
    assert verbose == "[+]loop ok\n[+]observed ok\nreadyz check passed\n"


async def test_excluded_does_not_count(ask: Ask, operator: Operator) -> None:
    """An excluded check cannot fail the page; a misspelt one is named."""
    operator.fail("observed", "blind")
    async with ask() as http:
        answer = await http.get("/readyz?verbose&exclude=observed&exclude=obsrved")
    assert answer.status_code == 200
    assert "[+]observed excluded: ok\n" in answer.text
    assert 'warn: no check is called "obsrved", nothing excluded\n' in answer.text


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("Healthy", "healthy"),
        ("Progressing", "healthy"),
        ("Degraded", "degraded"),
        ("Unknown", "degraded"),
    ],
)
async def test_one_word_for_the_stack(ask: Ask, operator: Operator, code: str, word: str) -> None:
    """A sick process degrades the stack; the operator can still do its work, so 200."""
    operator.health = code
    async with ask() as http:
        answer = await http.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (200, word)
    assert answer.json()["resources"] == {"Healthy": 4}
    assert answer.json()["revision"] == "abc"


@pytest.mark.parametrize(
    ("in_sync", "broken", "word"),
    [(False, True, "degraded"), (False, False, "healthy"), (True, True, "healthy")],
)
async def test_broken_specs_degrade_the_stack(
    ask: Ask, operator: Operator, word: str, *, in_sync: bool, broken: bool
) -> None:
    """Specs that a person must mend are told; a difference that is being mended is not."""
    operator.in_sync = in_sync
    operator.problems = [{"path": "specs/web.yaml", "message": "no"}] if broken else []
    async with ask() as http:
        answer = await http.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (200, word)


async def test_unready_is_unhealthy(ask: Ask, operator: Operator) -> None:
    """When a check fails the summary says so with 503 and names it."""
    operator.fail("observed", "blind")
    async with ask() as http:
        answer = await http.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "unhealthy")
    assert {"name": "observed", "ok": False, "message": "blind", "kind": "ready"} in answer.json()[
        "checks"
    ]


async def test_no_status_is_unhealthy(ask: Ask, operator: Operator) -> None:
    """A status that cannot be had is a 503 with its reason in words."""
    operator.trouble = Transient("the journal is locked", reason="Locked")
    async with ask() as http:
        answer = await http.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "unhealthy")
    assert answer.json()["message"] == "the journal is locked"


async def test_a_hanging_status_is_unhealthy(
    ask: Ask, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A monitor gets an answer in time even when the status never comes."""
    monkeypatch.setattr(health, "PATIENCE", 0.05)
    monkeypatch.setattr(operator, "status", asyncio.Event().wait)
    async with ask() as http:
        answer = await http.get("/health")
    assert answer.status_code == 503
    assert answer.json()["message"] == "no status within 0.05 s"


@pytest.mark.parametrize("page", [f"{page}?verbose&exclude=x" for page in PAGES])
@pytest.mark.parametrize("fails", ["", "loop"])
async def test_a_stranger_learns_a_word(
    ask: Ask, operator: Operator, page: str, fails: str
) -> None:
    """Strangers see whether it works, and no name, number, revision or reason."""
    if fails:
        operator.fail(fails, "secret reason")
    async with ask(X_Reconciler_Client="stranger") as http:
        answer = await http.get(page)
    assert answer.status_code == (503 if fails else 200)
    assert answer.text in {"ok", "failed", '{"status":"healthy"}', '{"status":"unhealthy"}'}


async def test_a_stranger_excludes_nothing(ask: Ask, operator: Operator) -> None:
    """Who may not know the names of the checks cannot probe for them either."""
    operator.fail("observed", "blind")
    async with ask(X_Reconciler_Client="stranger") as http:
        assert (await http.get("/readyz?exclude=observed")).status_code == 503


async def test_healthz_names_checks_to_who_asks(ask: Ask, operator: Operator) -> None:
    """As Kubernetes has it; without a question it is the summary."""
    operator.fail("observed", "blind")
    async with ask() as http:
        verbose = await http.get("/healthz?verbose")
        excluded = await http.get("/healthz?verbose&exclude=observed")
        plain = await http.get("/healthz")
    assert verbose.status_code == 503
    assert verbose.text == "[+]loop ok\n[-]observed failed: blind\nhealthz check failed\n"
    assert excluded.status_code == 200
    assert "[+]observed excluded: ok\n" in excluded.text
    assert plain.json()["status"] == "unhealthy"


async def test_the_summary_has_conditions(ask: Ask, operator: Operator) -> None:
    """The whole says of itself what every resource says."""
    operator.health = "Degraded"
    async with ask() as http:
        told = {one["type"]: one for one in (await http.get("/health")).json()["conditions"]}
    assert told["Ready"] == {"type": "Ready", "status": "True", "reason": "Ready"}
    assert told["InSync"] == {"type": "InSync", "status": "True", "reason": "InSync"}
    assert told["Healthy"] == {"type": "Healthy", "status": "False", "reason": "Degraded"}


@pytest.mark.parametrize("path", ["process/web-0", "Process/web-0", "process/web"])
async def test_one_process_has_a_page(ask: Ask, path: str) -> None:
    """By its kind in any case, and by the name of an instance or of all of them."""
    async with ask() as http:
        answer = await http.get(f"/health/{path}")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "healthy",
        "ref": "Process/web-0",
        "reason": "Running",
        "message": "running",
        "conditions": [],
    }


async def test_the_worst_instance_speaks_for_all(ask: Ask, operator: Operator) -> None:
    """One sick instance makes the page of all of them fail, and no other."""
    sick = {"code": "Degraded", "reason": "CrashLoop", "message": "exited with code 1"}
    operator.resources[2]["health"] = sick  # type: ignore[index] # a dict, as far as this test goes
    async with ask() as http:
        answer = await http.get("/health/process/api")
        assert (await http.get("/health/process/api-0")).status_code == 200
        assert (await http.get("/health/process/nobody")).status_code == 404
    assert (answer.status_code, answer.json()["status"]) == (503, "degraded")
    assert (answer.json()["ref"], answer.json()["reason"]) == ("Process/api-1", "CrashLoop")


async def test_strangers_learn_no_names(ask: Ask, operator: Operator) -> None:
    """Who is away and who does not exist look the same from outside."""
    async with ask(X_Reconciler_Client="stranger") as http:
        well = await http.get("/health/process/web")
        operator.resources[0]["health"] = {"code": "Degraded", "reason": "", "message": ""}  # type: ignore[index]
        sick = await http.get("/health/process/web")
        absent = await http.get("/health/process/nobody")
    assert (well.status_code, well.json()) == (200, {"status": "healthy"})
    assert (sick.status_code, sick.json()) == (503, {"status": "unhealthy"})
    assert (absent.status_code, absent.json()) == (sick.status_code, sick.json())


async def test_a_page_without_a_status(ask: Ask, operator: Operator) -> None:
    """Of what nobody can say anything about nothing good is said."""
    operator.trouble = Transient("the journal is locked", reason="Locked")
    async with ask() as http:
        answer = await http.get("/health/process/web")
    assert (answer.status_code, answer.json()["status"]) == (503, "unknown")
