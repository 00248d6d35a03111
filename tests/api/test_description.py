"""The API does what its description says, whatever it is sent."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, assume, given, settings, strategies
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.engine.test_operator import Whole
from tests.toys import app, data

from reconciler.api.access import open_access
from reconciler.api.app import make_app
from reconciler.api.credentials import Credential, Scope
from reconciler.api.serve import serve
from reconciler.engine.backups import Backups
from reconciler.metrics import Metrics
from reconciler.settings import Settings
from reconciler.testing import eventually, free_port

from .conftest import HASH, VARIABLE, Operator
from .written import Written

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]
BACKUPS = ("/admin/api/v1/orders", "/admin/api/v1/sync", "/sync/api/", "/api/sync-progress")
WRITES = ("/admin/api/v1/routes", "/admin/routes.json", "/admin/password")
ENDLESS = "/admin/api/v1/events/stream"
FRAMING = ("transfer-encoding", "content-length", "connection", "upgrade", "expect", "host")
"""What says where a request ends: one of these made up is no request, and reaches no page."""
COUNT = 300 if os.environ.get("RECONCILER_SOAK") == "1" else 12
LONGEST = 8000
"""Characters of a query; a server reads a line of 64 KiB."""


def toys(folder: Path) -> Any:
    """A real operator over a world of toys, so that the views are what users get."""
    whole = Whole(folder)
    whole.specs.write(app("stop"), app("web"), data("d"), revision="r1")
    asyncio.run(whole.operator.reconcile_now())
    return whole.operator


@pytest.fixture(scope="module", params=["toys", "fake", "specs", "backups"])
def served(request: pytest.FixtureRequest) -> Iterator[tuple[FastAPI, str, dict[str, str]]]:
    """The app on a real port, its address, and what lets one in."""
    with TemporaryDirectory(dir="/tmp", prefix="rc-") as folder:
        place, port = Path(folder), free_port()
        written = Written(place) if request.param == "specs" else None
        operator = toys(place) if request.param in {"toys", "backups"} else Operator()
        operator = written.operator if written else operator
        access = open_access(Settings(place / "specs", place, environ={VARIABLE: HASH}))
        access.rates.rate = access.rates.burst = 1e6
        writes = written.writing if written else None
        backups = Backups(operator) if request.param == "backups" else None
        pages = make_app(operator, Metrics(), access, writes=writes, backups=backups)
        secret = access.credentials.create(Credential("tests", Scope.ADMIN, "", 0.0))
        loop = asyncio.new_event_loop()
        work = serve(pages, socket=place / "operator.sock", listen=f"127.0.0.1:{port}")
        task = loop.create_task(work)
        thread = threading.Thread(target=run, args=(loop, task))
        thread.start()
        eventually((place / "operator.sock").exists)
        yield pages, f"http://127.0.0.1:{port}", {"Authorization": f"Bearer {secret}"}
        loop.call_soon_threadsafe(task.cancel)
        thread.join(10)
        loop.close()
        if request.param != "fake":
            operator.stack.ledger.journal.close()
            operator.stack.records.close()


def run(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    loop.run_until_complete(asyncio.wait([task]))


def test_nothing_sent_breaks_it(served: tuple[FastAPI, str, dict[str, str]]) -> None:
    """Fitting and unfitting requests to every page: no 5xx, and every answer as described."""
    pages, url, headers = served
    schema = schemathesis.openapi.from_dict(pages.openapi())
    operations = [one.ok() for one in schema.get_all_operations() if one.ok().path != ENDLESS]
    assert len(operations) > 15
    for own in (BACKUPS, WRITES):
        if some := [one for one in operations if one.path.startswith(own)]:
            operations = some  # the others are heard with the other operators
            break
    for operation in operations:
        modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        cases = strategies.one_of(*(operation.as_strategy(generation_mode=m) for m in modes))

        @settings(max_examples=COUNT, suppress_health_check=list(HealthCheck))
        @given(case=cases)
        def send(case: Any) -> None:
            if isinstance(case.query, dict):
                case.query.pop("follow", None)
            for name in FRAMING:
                case.headers.pop(name, None)
            assume(len(str(case.query)) < LONGEST)  # what is too long to be read is cut off
            answer = case.call(base_url=url, headers=headers)
            case.validate_response(answer, checks=CHECKS)

        send()


def test_every_page_is_described(served: tuple[FastAPI, str, dict[str, str]]) -> None:
    """Each page says what it does, what it answers, and how it refuses."""
    told = served[0].openapi()
    for path, pages in told["paths"].items():
        for method, page in pages.items():
            assert page["summary"], (method, path)
            assert page["description"], (method, path)
            assert page["responses"]["default"]["content"].keys() == {"application/problem+json"}
    assert told["security"] == [{"token": []}]
    assert told["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
