"""The stack of the guide watches itself: an alert goes from a fault to somebody's ear."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.stack import Stack

from reconciler.testing import eventually, free_port

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "monitoring"

pytestmark = [pytest.mark.real, pytest.mark.soak, pytest.mark.timeout(240)]


@pytest.fixture
def stack() -> Iterator[Stack]:
    """The example as it is shipped, on free ports, with a Prometheus that looks every second."""
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="rc-watch-"))
    (folder / "home").mkdir()
    root = folder / "examples" / "monitoring"
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns("data", ".reconciler"))
    (root / ".gitignore").write_text("/.reconciler/\n/data/\n/up.log\n")
    alerts = folder / "grafana" / "alerts"
    shutil.copytree(ROOT / "grafana" / "alerts", alerts)
    rules = alerts / "reconciler.yml"
    rules.write_text(rules.read_text().replace("for: 1m", "for: 1s"))
    ports = {port: str(free_port()) for port in ("7860", "8010", "9090", "9093", "9099")}
    for path in (*(root / "specs").iterdir(), *root.glob("*.yml")):
        text = path.read_text().replace("15s", "1s")
        text = text.replace("group_wait: 10s", "group_wait: 1s").replace("l: 1m", "l: 1s")
        for shipped, port in ports.items():
            text = text.replace(shipped, port)
        path.write_text(text)
    stack = Stack(root, int(ports["7860"]), folder / "home")
    stack.begin()
    yield stack
    stack.end()
    shutil.rmtree(folder, ignore_errors=True)


def test_a_fault_rings_the_bell(stack: Stack) -> None:
    """A program that is given up is told, with what to do; so is its return."""
    stack.start()
    eventually(lambda: stack.fetch("/")[0] == 200, 90, every=0.5)
    stack.settle(90)
    web = stack.root / "specs" / "20-web.yaml"
    good = web.read_text()
    bad = good.replace("http.server", "no_such_module")
    web.write_text(
        bad.replace("spec:\n  command", "spec:\n  restart: {maxRetries: 0}\n  command", 1)
    )
    stack.commit("a module that is not there")

    def rung() -> str:
        log: str = stack.command("logs", "bell", "-o", "raw").stdout
        return log

    told = "firing · ReconcilerProcessGaveUp · web-0 failed too often and is not started again"
    eventually(lambda: told in rung(), 90, every=1)
    assert "docs/en/runbooks/ReconcilerProcessGaveUp.md" in rung()
    web.write_text(good)
    stack.commit("mended")
    eventually(lambda: told.replace("firing", "resolved") in rung(), 120, every=1)
