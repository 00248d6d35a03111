"""An operator over real spec files whose targets are kept by real git, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx

from reconciler.api.access import open_access
from reconciler.api.app import make_app
from reconciler.api.credentials import Credential, Scope
from reconciler.api.password import VARIABLE
from reconciler.app import make_loader
from reconciler.engine.backups import Backups
from reconciler.engine.clock import SystemClock
from reconciler.engine.journal import Journal
from reconciler.engine.ledger import Ledger
from reconciler.engine.look import Stack
from reconciler.engine.operator import Operator
from reconciler.engine.writing import Writing
from reconciler.kinds import KINDS
from reconciler.metrics import Metrics
from reconciler.settings import Settings
from reconciler.testing.backup_worlds import GitWorld, open_world

from .conftest import HASH

REPOSITORY = """\
apiVersion: reconciler.dev/v1
kind: Repository
metadata: {name: store}
spec:
  url: %s
  base: %s
  auth: {username: me, password: {from: {env: BACKUP_TOKEN}}}
"""
TARGET = """\
apiVersion: reconciler.dev/v1
kind: SyncTarget
metadata: {name: data}
spec: {repository: store, path: app/data/, settle: 0s, excludes: [cache/]}
"""


class Kept:
    """A stack whose only work is backups."""

    def __init__(self, folder: Path, world: GitWorld, environ: dict[str, str]) -> None:
        self.world, self.folder = world, folder
        self.specs = folder / "specs"
        self.specs.mkdir(exist_ok=True)
        self.settings = Settings(
            self.specs,
            folder,
            api_rate=1000.0,
            environ={VARIABLE: HASH, "BACKUP_TOKEN": world.password, **environ},
        )
        loader = make_loader(self.settings)
        self.journal = Journal(folder / "journal.db")
        kinds = {name: KINDS[name] for name in ("Repository", "SyncTarget")}
        stack = Stack(
            kinds,
            world.drivers,
            Ledger(kinds, self.journal),
            world.records,
            SystemClock(),
            Metrics(kinds=kinds, lanes=["stack", "backup"]),
        )
        self.operator = Operator(stack, loader, loader.watch_paths)
        self.backups = Backups(self.operator)
        self.access = open_access(self.settings)
        self.app = make_app(
            self.operator,
            Metrics(),
            self.access,
            writes=Writing(self.operator, self.specs),
            backups=self.backups,
        )

    def write(self, name: str, text: str) -> None:
        (self.specs / name).write_text(text)

    def write_usual(self) -> None:
        """A repository and one target."""
        self.write("a.yaml", REPOSITORY % (self.world.repository["url"], self.world.base))
        self.write("b.yaml", TARGET)

    @asynccontextmanager
    async def client(self, scope: str = "admin") -> AsyncIterator[httpx.AsyncClient]:
        """Somebody with a token; the operator's lane runs meanwhile."""
        import asyncio

        secret = self.access.credentials.create(Credential(f"a {scope}", Scope(scope), "", 0.0))
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {secret}"}
        running = [asyncio.create_task(lane.run()) for lane in self.operator.lanes]
        try:
            async with httpx.AsyncClient(
                transport=transport, base_url="http://localhost", headers=headers
            ) as http:
                yield http
        finally:
            for one in running:
                one.cancel()
            await asyncio.gather(*running, return_exceptions=True)


@contextmanager
def open_kept(folder: Path, environ: dict[str, str] | None = None) -> Iterator[Kept]:
    """A fresh one."""
    with open_world("http", folder) as world:
        assert isinstance(world, GitWorld)
        made = Kept(folder, world, environ or {})
        yield made
        made.journal.close()
