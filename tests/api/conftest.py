"""An operator in a few lines, and the ways to reach it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import httpx
import pytest

from reconciler.api.access import Access, open_access
from reconciler.api.app import OperatorView, make_app
from reconciler.api.credentials import Credential, Scope
from reconciler.api.password import VARIABLE, hashed
from reconciler.core.model import Ref
from reconciler.core.values import HIDDEN
from reconciler.engine.journal import ALL, Picked
from reconciler.metrics import Metrics
from reconciler.settings import Settings

View: TypeAlias = Mapping[str, Any]
Ask: TypeAlias = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
Grant: TypeAlias = Callable[[str], dict[str, str]]

PASSWORD = "correct horse battery staple"
HASH = hashed(PASSWORD)


STANDING: View = dict.fromkeys(("head", "rollout", "rolledBack", "waits", "remote", "revert"))
SPECS: View = {
    **{name: [] for name in ("pending", "problems", "warnings", "overrides", "held")},
    "source": "specs",
    "observedAt": None,
    "whole": True,
}
PLAN: View = {
    **SPECS,
    **STANDING,
    **{name: [] for name in ("changes", "blocked", "due", "order", "unknown")},
    "revision": "abc",
    "inSync": True,
    "tookMs": 1,
    "summary": dict.fromkeys(("changes", "restarts", "deletions", "creations", "held"), 0),
}


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
        self.asked: dict[Ref, View] = {}
        self.released: list[tuple[Ref, str]] = []
        self.resources = [
            process("web-0", log="/nowhere/web-0.log"),
            process("api-0", pid=0, state="stopped"),
            process("api-1"),
            process("reconciler", written="reconciler", system=True),
        ]
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
        return self._answer(PLAN)

    async def status(self) -> View:
        verdict = {
            "ready": True,
            "inSync": self.in_sync,
            "health": self.health,
            "message": "all good",
        }
        more = {"problems": self.problems, "resources": self.resources, "appliedAt": None}
        more |= {"operator": {"pid": 1, "version": "0"}, "verdict": verdict, "revision": "abc"}
        return self._answer({**SPECS, **STANDING, "unknown": [], "stopping": False, **more})

    async def reconcile_now(self, *, confirm: str = "") -> View:
        self.passes += 1
        self.confirmed = confirm
        return self._answer({"plan": PLAN, "after": PLAN, "failures": []})

    async def ask(
        self,
        refs: Sequence[Ref],
        verb: str,
        *,
        reason: str,
        author: str,
        seconds: float | None = None,
    ) -> Sequence[View]:
        said = {"verb": verb, "cause": "user", "reason": reason, "author": author, "until": None}
        said |= {"what": f"{verb} by hand", "seconds": seconds, "at": None, "epoch": 0}
        self.asked |= {ref: {"ref": str(ref), **said} for ref in refs}
        found = {one["ref"]: one for one in self.resources}
        return [self._answer({**found[str(ref)], "requests": [self.asked[ref]]}) for ref in refs]

    async def release(self, ref: Ref, *, author: str) -> View | None:
        self.released.append((ref, author))
        return self._answer(self.asked.pop(ref)) if ref in self.asked else None

    def requests(self) -> Sequence[View]:
        return list(self.asked.values())

    def spec(self, *_: str) -> View | None:
        env = {"MODE": "fast", "API_KEY": "k1", "DB": HIDDEN}
        return {"command": ["python", "app.py"], "args": ["-v"], "env": env}

    async def resource(self, kind: str, name: str) -> View | None:
        wanted = [one for one in self.resources if not one["system"]]
        found = [one for one in wanted if one["ref"] == f"{kind}/{name}"]
        return self._answer(found[0]) if found else None

    def events(self, limit: int, picked: Picked = ALL) -> Sequence[View]:
        event = {"time": None, "ref": "Process/web-0", "type": "Normal", "reason": "Started"}
        if picked.refs and event["ref"] not in picked.refs:
            return []
        event |= {"message": "", "actor": "", "revision": "", "lines": []}
        return [{**event, "count": n} for n in range(min(limit, 200))]

    def history(self, limit: int) -> Sequence[View]:
        done = {"time": None, "result": "ok", "summary": "", "lane": "stack"}
        done |= {"changes": 1, "tookMs": 1}
        return [{**done, "revision": str(n)} for n in range(min(limit, 200))]

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


def process(name: str, *, written: str = "", system: bool = False, **vitals: Any) -> View:
    """A process as the operator shows it; it runs unless said otherwise."""
    family = written or name.rpartition("-")[0]
    return {
        "ref": f"Process/{name}",
        "kind": "Process",
        "name": name,
        "writtenAs": f"Process/{family}",
        "origin": None if system else f"specs/{family}.yaml:1",
        "system": system,
        "health": {"code": "Healthy", "reason": "Running", "message": "running"},
        "vitals": {"state": "running", "pid": 4021, "since": 1769767200, "restarts": 3, **vitals},
        "conditions": [],
    }


@pytest.fixture
def operator() -> Operator:
    return Operator()


@pytest.fixture
def settings(stack_dir: Path) -> Settings:
    """Of a stack whose password is PASSWORD."""
    environ = {VARIABLE: HASH}
    return Settings(stack_dir / "specs", stack_dir, api_rate=1000.0, environ=environ)


@pytest.fixture
def access(settings: Settings) -> Access:
    """Who may use the API: who knows the password, and nobody else yet."""
    return open_access(settings)


@pytest.fixture
def token(access: Access) -> Grant:
    """Headers with a new token of a scope."""

    def make(scope: str) -> dict[str, str]:
        secret = access.credentials.create(Credential(f"for {scope}", Scope(scope), "", 0.0))
        return {"Authorization": f"Bearer {secret}"}

    return make


@pytest.fixture
def ask(operator: OperatorView, access: Access) -> Ask:
    """A client of the operator: over the unix socket, or with ``address`` over TCP."""
    app = make_app(operator, Metrics(lanes=["stack"]), access)

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
