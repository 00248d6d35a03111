"""A real supervisord for tests of one driver, with our keeper in it or without."""

from __future__ import annotations

import asyncio
import time
import xmlrpc.client
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

from reconciler.clients.post import Post
from reconciler.clients.supervisord import Supervisord
from reconciler.core.errors import Waiting
from reconciler.core.kind import Kinds
from reconciler.core.model import Observed, Origin, Ref, Resource
from reconciler.core.plan import Wish, expand
from reconciler.engine.reconcile import Outcome, reconcile
from reconciler.kinds.process import KIND, STOCK
from reconciler.kinds.process.cron import CronNotes, Memory
from reconciler.kinds.process.driver import ProcessDriver
from reconciler.kinds.process.layout import Layout
from reconciler.kinds.process.spec import ProcessSpec
from reconciler.kinds.process.state import Program
from reconciler.testing import eventually_async


class Counting(Post):
    """The real wire; remembers which calls went out."""

    def __init__(self, socket: Path) -> None:
        super().__init__(socket, "/RPC2", "text/xml")
        self.methods: list[str] = []

    async def post(self, body: bytes) -> bytes:
        args, method = xmlrpc.client.loads(body)
        batch = args[0] if method == "system.multicall" else [{"methodName": method}]
        self.methods += [str(call["methodName"]).partition(".")[2] for call in batch]
        return await super().post(body)


class Stack:
    """A real supervisord, and the driver of one operator."""

    def __init__(self, state_dir: Path, *, stock: bool = False) -> None:
        self.state_dir = state_dir
        self.kinds: Kinds = {"Process": STOCK if stock else KIND}
        self.records = Memory()
        self.now = time.time()
        self.wire = Counting(state_dir / "run/supervisor.sock")
        self.rpc = Supervisord(state_dir / "run/supervisor.sock", wire=self.wire)
        self.driver = self.operator(stock=stock)

    def operator(self, *, stock: bool = False, start: str = "1") -> ProcessDriver:
        """The driver of a fresh operator, in the same or in a later start of the stack."""
        notes = CronNotes(self.records, start, clock=lambda: self.now)
        return ProcessDriver(self.rpc, Layout(self.state_dir), notes=notes, stock=stock)

    async def go(self, *written: Resource[ProcessSpec], epoch: int = 0) -> list[Outcome]:
        """Pass after pass until in sync."""
        outcomes: list[Outcome] = []
        while not outcomes or not outcomes[-1].plan.in_sync:
            assert len(outcomes) < 50, outcomes[-1]
            outcomes.append(await self.once(*written, epoch=epoch))
            failures = outcomes[-1].failures.values()
            assert all(isinstance(one, Waiting) for one in failures), outcomes[-1]
            await asyncio.sleep(0.01)
        await eventually_async(self._launched)
        return outcomes

    async def once(self, *written: Resource[ProcessSpec], epoch: int = 0) -> Outcome:
        """One pass, whatever comes of it."""
        asked = [replace(one, epoch=epoch) for one in written]
        wish = Wish(expand(self.kinds, asked), "r1", confirmed=True, now=self.now)
        return await reconcile(self.kinds, wish, {"Process": self.driver})

    async def _launched(self) -> bool:
        seen = await self.driver.observe()
        return not any(one.vitals.get("launching") for one in seen.values())

    async def see(self, name: str = "web-0") -> Observed[Program]:
        return (await self.driver.observe())[name]

    async def state(self, name: str = "web-0") -> str:
        return str((await self.see(name)).vitals["state"])

    async def until(self, state: str, name: str = "web-0", deadline: float = 10) -> dict[str, Any]:
        """Wait for a state; the vitals then."""

        async def is_there() -> bool:
            return await self.state(name) == state

        await eventually_async(is_there, deadline)
        return dict((await self.see(name)).vitals)

    async def pid(self, name: str = "web-0") -> int:
        return int((await self.see(name)).vitals["pid"])

    def lines(self, name: str) -> list[str]:
        """What processes wrote into a file of the stack's folder."""
        path = self.state_dir / name
        return path.read_text().splitlines() if path.exists() else []

    @property
    def programs(self) -> Path:
        return self.state_dir / "state/supervisor/programs.conf"

    @property
    def record(self) -> Path:
        return self.state_dir / "state/processes/web-0.json"


def web(name: str = "web", **given: Any) -> Resource[ProcessSpec]:
    spec = ProcessSpec.model_validate(
        {"command": ["/bin/sleep", "1000"], "inheritEnv": ["PATH"], **given},
        by_alias=True,
        by_name=False,
    )
    origin = Origin(PurePath("specs/a.yaml"), 1)
    return Resource(Ref("Process", name), spec, origin, root=PurePath("/tmp"))
