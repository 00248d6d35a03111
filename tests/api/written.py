"""An operator over real spec files: of gateways in memory, or of a real one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from reconciler.app import make_loader
from reconciler.core.kind import Drivers
from reconciler.engine.clock import SystemClock
from reconciler.engine.journal import Journal
from reconciler.engine.ledger import Ledger
from reconciler.engine.look import Stack
from reconciler.engine.operator import Operator
from reconciler.engine.records import Records
from reconciler.engine.writing import Writing
from reconciler.kinds import KINDS
from reconciler.metrics import Metrics
from reconciler.settings import Settings
from reconciler.testing.gateway import FakeGatewayDriver, FakeRouteDriver, GatewayWorld

KEPT = ("Gateway", "Route")


class Written:
    """A stack whose routes are edited. ``served`` is what its gateway in memory has."""

    def __init__(self, folder: Path, drivers: Drivers | None = None) -> None:
        self.folder = folder
        self.specs = folder / "specs"
        self.specs.mkdir(exist_ok=True)
        self.served = GatewayWorld()
        fakes = {"Gateway": FakeGatewayDriver(self.served), "Route": FakeRouteDriver(self.served)}
        kinds = {name: KINDS[name] for name in KEPT}
        self.loader = make_loader(Settings(self.specs, folder))
        self.journal = Journal(folder / "journal.db")
        self.records = Records(folder / "records.db")
        stack = Stack(
            kinds,
            drivers or fakes,
            Ledger(kinds, self.journal),
            self.records,
            SystemClock(),
            Metrics(kinds=kinds, lanes=["stack"]),
        )
        self.operator = Operator(stack, self.loader, self.loader.watch_paths)
        self.writing = Writing(self.operator, self.specs)

    def close(self) -> None:
        """Leave nothing open."""
        self.journal.close()
        self.records.close()

    def write(self, name: str, text: str) -> Path:
        """Write a spec file."""
        path = self.specs / name
        path.write_text(text)
        return path

    def read(self, name: str = "50-routes.yaml") -> str:
        """A spec file."""
        return (self.specs / name).read_text()

    def git(self, *words: str) -> str:
        """What git says here."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        env = {**own, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        who = ("-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "init.defaultBranch=main")
        done = subprocess.run(
            ["git", *who, *words], cwd=self.folder, env=env, check=True, capture_output=True
        )
        return done.stdout.decode().strip()

    def commit(self) -> str:
        """Commit the specs; the new revision."""
        self.git("init", "-q")
        self.git("add", "specs")
        self.git("commit", "-q", "--allow-empty", "-m", "a change")
        return self.git("rev-parse", "HEAD")


def route(name: str, **spec: Any) -> dict[str, Any]:
    """A route as it is written; answers at once unless said otherwise."""
    spec = spec or {"respond": {"status": 204}}
    about = {"apiVersion": "reconciler.dev/v1", "kind": "Route", "metadata": {"name": name}}
    return {**about, "spec": spec}
