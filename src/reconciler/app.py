"""The composition root: settings in, a running operator out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from .api.view import Speak
from .clients.execution import end_leftovers
from .clients.memory import keep_little, keep_what_is_there
from .clients.usage import Meter
from .core.errors import ReconcileError
from .engine.allocate import Ports
from .engine.backups import Backups
from .engine.clock import SystemClock
from .engine.journal import Journal
from .engine.known import Known
from .engine.ledger import Ledger
from .engine.lock import sole_operator
from .engine.log_lines import set_up
from .engine.look import Stack
from .engine.notifying import Notifying
from .engine.operator import LANES, Operator
from .engine.parting import part
from .engine.past import Past
from .engine.plan_view import View
from .engine.pulse import beat
from .engine.records import Records, digest_key
from .engine.reverting import Reverting
from .engine.sourcing import Sourcing
from .engine.watching import Files
from .engine.writing import Writing
from .kinds import KINDS
from .metrics import Metrics
from .settings import Settings
from .specs.commits import Commits
from .specs.git import Git, open_repository
from .specs.load import Loader, Snapshot
from .specs.remote import Followed
from .specs.source import Source, open_source
from .stack.place import Place, is_ending
from .wiring import (
    NOTICES,
    REVERT,
    SOURCE,
    Wires,
    kinds_under,
    load_tree,
    make_drivers,
    make_source,
)

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
    metrics = Metrics(Meter(), kinds=KINDS, lanes=LANES, node_names=settings.node_metrics)
    with contextlib.ExitStack() as files:
        records = Records(settings.durable / "records.db", read_only=read_only)
        files.callback(records.close)
        journal = Journal(settings.durable / "journal.db", read_only=read_only)
        files.callback(journal.close)
        wires = Wires.open(settings, probes=not read_only)
        kinds = await kinds_under(wires.supervisord, settings)
        ports = Ports(kinds, records)
        ledger = Ledger(kinds, journal, stack_start=settings.stack_start, ports=ports)
        secrets, stock = Known(), kinds is not KINDS
        drivers = make_drivers(
            settings, records, wires, stock=stock, known=lambda: secrets.among(ledger.snapshot)
        )
        ending = partial(is_ending, Place(settings.state_dir, settings.specs))
        clock = SystemClock()
        stack = Stack(kinds, drivers, ledger, records, clock, metrics, settings.resync, ending)
        key = digest_key(settings.durable / "digest.key", read_only=read_only)
        source = make_source(settings, stack.revisions.choose, key)
        loader = Loader(KINDS, source, root=settings.root, environ=settings.environ, key=key)
        commits = Commits(partial(_git, settings, source))
        operator = Operator(stack, loader, loader.watch_paths, watching(settings), commits)
        operator.notifying = Notifying(stack, settings.durable / NOTICES, operator.wake)
        if isinstance(source, Followed):
            sourcing = operator.sourcing = _sourcing(settings, source, operator, key)
            stack.revisions.remote = sourcing.view
            note = settings.durable / REVERT
            operator.reverting = Reverting(stack, source, sourcing, commits, note, operator.wake)
            stack.revisions.revert = operator.reverting.view
            sourcing.moved = operator.reverting.poke
        try:
            metrics.traffic = wires.traffic
            yield operator, metrics
        finally:
            await wires.aclose()


def watching(settings: Settings) -> Files:
    """Which files of processes are followed."""
    return Files((settings.state_dir, settings.specs), everything=settings.dev)


def make_loader(settings: Settings, *, read_only: bool = False) -> Loader:
    """What reads the specs that lie beside."""
    return Loader(
        KINDS,
        open_source(settings.specs, worktree=settings.worktree),
        root=settings.root,
        environ=settings.environ,
        key=digest_key(settings.durable / "digest.key", read_only=read_only),
    )


def _sourcing(settings: Settings, source: Followed, operator: Operator, key: bytes) -> Sourcing:
    """What follows a repository elsewhere, should one be named."""
    reread = partial(operator.following.read, ())

    def try_out(commit: str) -> Snapshot:
        return load_tree(settings, source.trial(commit), key).load()

    sourcing = Sourcing(source, settings.root, settings.durable / SOURCE, try_out, reread)
    source.turned = partial(asyncio.get_running_loop().call_soon_threadsafe, sourcing.poke)
    return sourcing


def _git(settings: Settings, source: Source | Followed) -> Git:
    """The repository whose commits are revisions."""
    if isinstance(source, Followed) and source.order is not None:
        return source.git()
    return open_repository(settings.specs)[0]


def run(settings: Settings, speak: Speak | None = None) -> int:
    """Be the operator until told to stop; 2 when another one is.

    ``speak`` writes what thin clients print.
    """
    keep_little()
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # who asks for a backup too early ends nothing
    environ = settings.environ
    set_up(environ.get("RECONCILER_LOG_FORMAT", ""), environ.get("RECONCILER_LOG_LEVEL", "INFO"))
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
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


async def plan_once(settings: Settings) -> View:
    """What would be done, observed without a running operator and without a trace."""
    async with open_operator(settings, read_only=True) as (operator, _):
        operator.reading.is_told = True
        return await operator.plan()


async def apply_once(settings: Settings, *, confirm: str = "") -> View:
    """Do what can be done now, without a running operator."""
    if not settings.durable.exists():
        await plan_once(settings)  # where nothing can be done, nothing is made either
    with sole_operator(settings.run_dir / "operator.lock"):
        async with open_operator(settings) as (operator, _):
            operator.reading.is_told = True
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
    from .api.revisions import RevisionPages
    from .api.serve import serve
    from .api.source import SourcePages
    from .api.trust import ROOT

    access = open_access(settings)
    writes, backups = Writing(operator, settings.specs), Backups(operator)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, backups.back_up_all)
    app = make_app(operator, metrics, access, writes=writes, backups=backups)
    app.state.speak = speak
    for pages in (RevisionPages(Past(operator)), SourcePages(operator.sourcing)):
        app.include_router(pages.router(), prefix=ROOT)
    keep_what_is_there(tidy=False)
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.to_thread(end_leftovers))
        group.create_task(operator.run(settings.wake_socket))
        group.create_task(_settle_down(operator))
        group.create_task(beat(operator.stack.clock, metrics.observe_lag))
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
