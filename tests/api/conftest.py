"""An operator in a few lines, and the ways to reach it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, NamedTuple, TypeAlias

import httpx
import pytest

from reconciler.api.app import OperatorView, make_app
from reconciler.metrics import Metrics

View: TypeAlias = Mapping[str, Any]
Ask: TypeAlias = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


class Check(NamedTuple):
    name: str
    ok: bool
    message: str
    kind: str


class Operator:
    """Says what the test wants it to say, or raises it."""

    def __init__(self) -> None:
        self.passes = 0
        self.confirmed = ""
        self.measured = 0
        self.trouble: Exception | None = None
        self.health = "Healthy"
        self.in_sync = True
        self.problems: list[View] = []
        self.checks_are = [
            Check("loop", ok=True, message="", kind="live"),
            Check("observed", ok=True, message="", kind="ready"),
        ]

    def _answer(self, view: View) -> View:
        if self.trouble:
            raise self.trouble
        return view

    async def plan(self) -> View:
        return self._answer({"revision": "abc", "inSync": True, "changes": []})

    async def status(self) -> View:
        verdict = {
            "ready": True,
            "inSync": self.in_sync,
            "health": self.health,
            "message": "all good",
        }
        web = {"ref": "Process/web", "health": {"code": self.health}}
        more = {"problems": self.problems, "resources": [web]}
        return self._answer({"verdict": verdict, "revision": "abc", **more})

    async def reconcile_now(self, *, confirm: str = "") -> View:
        self.passes += 1
        self.confirmed = confirm
        return self._answer({"plan": {}, "failures": []})

    async def resource(self, kind: str, name: str) -> View | None:
        return self._answer({"ref": f"{kind}/{name}"}) if name == "web" else None

    def events(self, limit: int) -> Sequence[View]:
        return [{"reason": "Started", "count": number} for number in range(min(limit, 200))]

    def history(self, limit: int) -> Sequence[View]:
        return [{"revision": str(number)} for number in range(min(limit, 200))]

    def measure(self) -> None:
        self.measured += 1

    def checks(self) -> Sequence[Check]:
        return self.checks_are

    def fail(self, name: str, message: str) -> None:
        """The check called ``name`` fails from now on."""
        self.checks_are = [
            check._replace(ok=False, message=message) if check.name == name else check
            for check in self.checks_are
        ]


@pytest.fixture
def operator() -> Operator:
    return Operator()


@pytest.fixture
def ask(operator: OperatorView) -> Ask:
    """A client of the operator: over the unix socket, or with ``address`` over TCP."""
    app = make_app(operator, Metrics(lanes=["stack"]))

    @asynccontextmanager
    async def client(
        address: str | None = None, **headers: str
    ) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(
            app,
            raise_app_exceptions=False,
            client=(address, 12345) if address else None,  # type: ignore[arg-type] # as uvicorn does
        )
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://localhost", headers=named
        ) as http:
            yield http

    return client
