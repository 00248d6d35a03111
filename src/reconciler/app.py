"""The composition root: settings in, a running operator out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, NamedTuple

from .api.view import Speak
from .clients.bell import ring
from .clients.execution import end_leftovers
from .clients.gateway import GatewayWire
from .clients.git import Git
from .clients.git_folder import GitFolders
from .clients.keeper import Keeper
from .clients.memory import keep_little, keep_what_is_there
from .clients.nginx import SupervisedRunner, find_nginx
from .clients.prober import Prober
from .clients.resolve import Resolver
from .clients.supervisord import Supervisord
from .clients.table import Table
from .core.errors import ReconcileError
from .core.kind import Drivers, Kinds
from .engine.allocate import Ports
from .engine.clock import SystemClock
from .engine.journal import Journal
from .engine.ledger import Ledger
from .engine.lock import sole_operator
from .engine.look import Stack
from .engine.operator import LANES, Operator
from .engine.parting import part
from .engine.plan_view import View
from .engine.records import Records, digest_key
from .engine.watching import Files
from .engine.writing import Writing
from .kinds import KINDS
from .kinds.gateway.driver import GatewayDriver
from .kinds.gateway.files import Place
from .kinds.probe.driver import ProbeDriver
from .kinds.process import STOCK
from .kinds.process.cron import CronNotes
from .kinds.process.driver import ProcessDriver
from .kinds.process.layout import Layout
from .kinds.process.probing import Probing
from .kinds.repository.driver import RepositoryDriver
from .kinds.route.driver import RouteDriver
from .kinds.synctarget.driver import SyncTargetDriver
from .kinds.synctarget.latch import Latches
from .metrics import Metrics
from .settings import Settings
from .specs.load import Loader
from .specs.source import open_source

log = logging.getLogger("reconciler")

CALM: Final = 2.0
"""Seconds after which all that is needed usually is loaded."""


@asynccontextmanager
async def open_operator(
    settings: Settings, *, read_only: bool = False
) -> AsyncIterator[tuple[Operator, Metrics]]:
    """An operator of this stack, not yet running; everything it opened is closed at the end.

    ``read_only`` leaves no trace on the disk: what it would write stays in memory.
    """
    loader = make_loader(settings, read_only=read_only)
    metrics = Metrics(kinds=KINDS, lanes=LANES)
    with contextlib.ExitStack() as files:
        records = Records(settings.durable / "records.db", read_only=read_only)
        files.callback(records.close)
        journal = Journal(settings.durable / "journal.db", read_only=read_only)
        files.callback(journal.close)
        wires = _Wires.open(settings, probes=not read_only)
        kinds = await _kinds_under(wires.supervisord, settings)
        stack = Stack(
            kinds,
            _drivers(settings, records, wires, stock=kinds is not KINDS),
            Ledger(kinds, journal, stack_start=settings.stack_start, ports=Ports(kinds, records)),
            records,
            SystemClock(),
            metrics,
            settings.resync,
        )
        try:
            metrics.traffic = partial(_traffic, wires.gateway)
            yield Operator(stack, loader, loader.watch_paths, watching(settings)), metrics
        finally:
            await wires.aclose()


async def _traffic(gateway: GatewayWire) -> str:
    """What the gateway has counted; nothing while it is not there."""
    try:
        return await gateway.numbers()
    except ReconcileError:
        return ""


class _Wires(NamedTuple):
    """What reaches out of the operator: closed as one. Who only reads probes nothing."""

    supervisord: Supervisord
    gateway: GatewayWire
    processes: Prober | None
    probes: Prober | None
    resolver: Resolver | None

    @classmethod
    def open(cls, settings: Settings, *, probes: bool) -> _Wires:
        bell = partial(ring, settings.wake_socket)
        return cls(
            Supervisord(settings.supervisor_socket),
            GatewayWire(settings.gateway_socket),
            Prober(bell) if probes else None,
            Prober(bell) if probes else None,
            Resolver(bell) if probes else None,
        )

    async def aclose(self) -> None:
        for one in self:
            if one is not None:
                await one.aclose()


def watching(settings: Settings) -> Files:
    """Which files of processes are followed."""
    return Files((settings.state_dir, settings.specs), everything=settings.dev)


def make_loader(settings: Settings, *, read_only: bool = False) -> Loader:
    """What reads the specs of this stack."""
    return Loader(
        KINDS,
        open_source(settings.specs, worktree=settings.worktree),
        root=settings.root,
        environ=settings.environ,
        key=digest_key(settings.durable / "digest.key", read_only=read_only),
    )


async def _kinds_under(supervisord: Supervisord, settings: Settings) -> Kinds:
    """The kinds, at what their changes cost there: without our keeper some cost more."""
    try:
        keeps = (await Keeper(supervisord).hello()).keeps
    except ReconcileError:  # nobody answers now; our parent said what it was
        keeps = settings.environ.get("RECONCILER_KEEPER_MODE") != "off"
    return KINDS if keeps else {**KINDS, "Process": STOCK}


def _drivers(settings: Settings, records: Records, wires: _Wires, *, stock: bool) -> Drivers:
    place = Place(settings.state_dir)
    runner = SupervisedRunner(wires.supervisord)
    table = Table(wires.gateway, place.table)
    gateway = GatewayDriver(place, table, runner, find_nginx, resolver=wires.resolver)
    processes = ProcessDriver(
        wires.supervisord,
        Layout(settings.state_dir),
        notes=CronNotes(records, settings.stack_start),
        stock=stock,
    )
    folders = GitFolders(settings.durable / "repos", Git(settings.environ))
    return {
        "Process": Probing(processes, wires.processes, settings.state_dir),
        "Probe": ProbeDriver(settings.durable / "probes", wires.probes, settings.environ),
        "Gateway": gateway,
        "Route": RouteDriver(
            table, runner, place.prefix, wires.resolver, edition=gateway.folder.edition
        ),
        "Repository": RepositoryDriver(folders),
        "SyncTarget": SyncTargetDriver(folders, Latches(records, settings.stack_start)),
    }


def run(settings: Settings, speak: Speak | None = None) -> int:
    """Be the operator until told to stop; 2 when another one is.

    ``speak`` writes what thin clients print.
    """
    keep_little()
    logging.basicConfig(
        level=_log_level(settings.environ.get("RECONCILER_LOG_LEVEL", "INFO")),
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with sole_operator(settings.run_dir / "operator.lock"):
        try:
            asyncio.run(_operate(settings, speak))
        except ReconcileError as error:  # known, and told in its own words
            log.error("the operator stops, to be started anew: %s", error)  # noqa: TRY400
            return 1
        except Exception:
            log.exception("the operator stops, to be started anew")
            return 1
    return 0


def _log_level(text: str) -> int:
    """The level a word names; the usual one when it names none, for logs must not stop a stack."""
    return logging.getLevelNamesMapping().get(text.upper(), logging.INFO)


async def plan_once(settings: Settings) -> View:
    """What would be done, observed without a running operator and without a trace."""
    async with open_operator(settings, read_only=True) as (operator, _):
        return await operator.plan()


async def apply_once(settings: Settings, *, confirm: str = "") -> View:
    """Do what can be done now, without a running operator."""
    with sole_operator(settings.run_dir / "operator.lock"):
        async with open_operator(settings) as (operator, _):
            return await operator.reconcile_now(confirm=confirm)


async def _operate(settings: Settings, speak: Speak | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_operator(settings) as (operator, metrics):
        log.info("converging %s in %s", settings.specs, settings.state_dir)
        await _until(stop, asyncio.create_task(_work(operator, metrics, settings, speak)))
        await part(operator.stack)


async def _work(
    operator: Operator, metrics: Metrics, settings: Settings, speak: Speak | None
) -> None:
    """All that an operator does; a part that fails takes the whole down, to be started anew."""
    from .api.access import open_access
    from .api.app import make_app
    from .api.serve import serve

    access = open_access(settings)
    app = make_app(operator, metrics, access, speak, writes=Writing(operator, settings.specs))
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.to_thread(end_leftovers))
        group.create_task(operator.run(settings.wake_socket))
        group.create_task(_settle_down(operator))
        group.create_task(serve(app, socket=settings.operator_socket, listen=settings.listen))


async def _settle_down(operator: Operator) -> None:
    await operator.calm(CALM)
    keep_what_is_there()


async def _until(stop: asyncio.Event, work: asyncio.Task[None]) -> None:
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait((waiting, work), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if work.done():
        work.result()
    work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work
