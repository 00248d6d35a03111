"""One fault of each kind, in a stack that runs: each alert is told of by a real Prometheus."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import psutil
import pytest
from tests.e2e.stack import RECONCILER, Stack

from reconciler.clients.supervisord import Supervisord
from reconciler.core.errors import ReconcileError
from reconciler.dashboards.alerts import ALERTS
from reconciler.dashboards.files import rules
from reconciler.testing import eventually, free_port

from .monitored import Prometheus, load, monitored, prometheus

pytestmark = [pytest.mark.real, pytest.mark.soak, pytest.mark.timeout(1200)]

SOONER = {
    "timestamp_seconds > 600": "timestamp_seconds > 5",
    "[10m]) > 5": "[10m]) > 0",
    "[1h]) > 5": "[1h]) > 0",
    "> 900 + 10 *": "> 3 + 1 *",
    "> 8 * 86400": "> 5",
}
"""What takes minutes or days is looked for after seconds; all else is as it is shipped."""
APART = {"ReconcilerWatchLost"}
"""Told in a stack of its own, which may watch nothing from the first moment on."""
SICK = """\
---
apiVersion: reconciler.dev/v1
kind: Process
metadata: {name: never-ready}
spec:
  command: [sleep, "9999"]
  probes: {readiness: {file: {path: never}, period: 1s, failureThreshold: 1}}
---
apiVersion: reconciler.dev/v1
kind: Repository
metadata: {name: away}
spec: {url: "http://127.0.0.1:SILENT/x.git", branch: main, base: ., interval: 1s}
---
apiVersion: reconciler.dev/v1
kind: Repository
metadata: {name: nowhere}
spec: {url: nowhere.git, branch: main, base: ., interval: 1s}
---
apiVersion: reconciler.dev/v1
kind: SyncTarget
metadata: {name: lost}
spec: {repository: nowhere, path: lost/, restore: {onStart: skip}}
---
apiVersion: reconciler.dev/v1
kind: Stack
metadata: {name: main}
spec:
  notifications: [{name: chat, url: "http://127.0.0.1:SILENT/hook"}]
"""
NO_WATCHES = "echo 0 >/proc/sys/user/max_inotify_instances"
"""In a namespace of users: nobody in it may watch files, and nobody outside is touched."""


def quick() -> str:
    """The rules without their patience."""
    text = rules(patience="0s")
    for usual, sooner in SOONER.items():
        assert usual in text, usual
        text = text.replace(usual, sooner)
    return text


def operator(stack: Stack) -> psutil.Process:
    pid = stack.resource("Process/reconciler")["vitals"]["pid"]
    return psutil.Process(pid)


@contextmanager
def stopped(process: psutil.Process) -> Iterator[None]:
    """It does nothing for a while, as under a debugger or on a machine that swaps."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


@contextmanager
def again(work: Callable[[], object], every: float = 0.1) -> Iterator[None]:
    """Somebody does the same again and again."""
    done = threading.Event()

    def run() -> None:
        while not done.wait(every):
            with suppress(OSError, ReconcileError):
                work()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def told(watching: Prometheus, *names: str) -> None:
    def all_told() -> bool:
        missing = {*names} - watching.firing()
        assert not missing, missing
        return True

    eventually(all_told, 150, every=1)


def stop_by_rpc(stack: Stack, name: str) -> Callable[[], object]:
    """As supervisorctl does, past the operator."""
    path = stack.state / "run" / "supervisor.sock"

    async def stop() -> None:
        wire = Supervisord(path)
        try:
            await wire.stop(name)
        finally:
            await wire.aclose()

    return lambda: asyncio.run(stop())


@pytest.fixture
def silent() -> Iterator[int]:
    """A port where somebody listens and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        yield server.getsockname()[1]


def test_every_alert_is_told_of_a_fault(silent: int) -> None:
    """All of them, but for those that need a stack of their own."""
    direct = free_port()
    with ExitStack() as faults:
        stack = faults.enter_context(monitored(RECONCILER_LISTEN=f"127.0.0.1:{direct}"))
        faults.enter_context(load(stack))
        for _ in range(3):  # one of a hundred at least, however quickly the others are served
            faults.enter_context(again(lambda: stack.fetch("/app/slow")))
        watching = faults.enter_context(prometheus(stack, quick(), direct))
        seen = _live(stack, watching, silent)
        missing = {one.name for one in ALERTS} - seen - APART
        assert not missing


def _live(stack: Stack, watching: Prometheus, silent: int) -> set[str]:
    """Each fault in its turn; what was told of it."""
    seen: set[str] = set()

    def expect(*names: str) -> None:
        told(watching, *names)
        seen.update(watching.firing())

    expect("ReconcilerProcessGaveUp", "ReconcilerProcessCrashes", "ReconcilerStalled")
    expect("ReconcilerSuspendedLong", "ReconcilerProbeFails", "ReconcilerUnhealthy")
    expect("ReconcilerRouteFails", "ReconcilerEndpointRefuses", "ReconcilerOutOfSync")
    expect("ReconcilerRouteSlow")
    with again(stop_by_rpc(stack, "web-0"), 1.0):
        expect("ReconcilerDriftReturns")
    with again(stop_by_rpc(stack, "gateway")):
        expect("ReconcilerGatewayDown")
    for _ in range(3):
        with stopped(operator(stack)):
            time.sleep(1.5)
    expect("ReconcilerLags")
    expect("ReconcilerRestoreUnproven")
    with stopped(operator(stack)):
        expect("ReconcilerDown")
    supervisord = operator(stack).parent()
    assert supervisord is not None
    with stopped(supervisord):
        expect("ReconcilerBlind", "ReconcilerNotReady")
    (stack.root / "lost").mkdir()
    (stack.root / "lost" / "note").write_text("nobody will keep me")
    whole = stack.root / "specs" / "all.yaml"
    good = whole.read_text()
    whole.write_text(good + SICK.replace("SILENT", str(silent)))
    stack.commit("what is sick from the first day")
    expect("ReconcilerProcessNotReady", "ReconcilerBackupNever", "ReconcilerBackupFails")
    expect("ReconcilerRemoteAway", "ReconcilerPassesFail")
    expect("ReconcilerBackupOld", "ReconcilerStuck", "ReconcilerNotificationFails")
    back = stack.command("rollback", stack.git("rev-parse", "HEAD^").strip())
    assert back.returncode == 0, back.stderr
    expect("ReconcilerRolledBack")
    whole.write_text(good.replace("kind: Probe", "kind: Prob"))
    stack.commit("a spelling")
    expect("ReconcilerSpecsBroken")
    return seen


def test_a_lost_watch_is_told_and_commits_are_found_all_the_same() -> None:
    """Where the kernel grants no watch: what no note tells of is looked for."""
    alone = ("unshare", "--user", "--map-root-user", "sh", "-c")
    if subprocess.run([*alone, NO_WATCHES], capture_output=True, check=False).returncode:
        pytest.skip("this kernel lets nobody have users of their own")
    unwatched = (*alone, f'{NO_WATCHES} && exec "$0" up', RECONCILER)
    with monitored(unwatched) as stack, prometheus(stack, quick()) as watching:
        told(watching, "ReconcilerWatchLost")
        assert watching.found('reconciler_watcher_up{watcher="specs"} == 0')
        whole = stack.root / "specs" / "all.yaml"
        whole.write_text(whole.read_text().replace("name: rests", "name: rests-well"))
        stack.commit("seen late, but seen")
        eventually(lambda: stack.resource("Process/rests-well-0"), 90, every=0.5)
