"""What reaches out of an operator: its wires, and the drivers that speak over them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

from .clients.bell import ring
from .clients.gateway import GatewayWire
from .clients.git import Git
from .clients.git_folder import GitFolders
from .clients.git_source import SourceFolder
from .clients.keeper import Keeper
from .clients.nginx import SupervisedRunner, find_nginx
from .clients.packets import Packets
from .clients.prober import Prober
from .clients.resolve import Resolver
from .clients.supervisord import Supervisord
from .clients.table import Table
from .core.errors import ReconcileError
from .core.kind import Drivers, Kinds
from .core.sealed import Sealed
from .engine.records import Records
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
from .kinds.stack.driver import Notes, StackDriver
from .kinds.stack.source import Source as Order
from .kinds.synctarget.driver import SyncTargetDriver
from .kinds.synctarget.latch import Latches
from .settings import Settings
from .specs.fixed import Fixed
from .specs.load import Loader
from .specs.named_source import FIELDS as NAMES
from .specs.named_source import NamedSource
from .specs.remote import Followed
from .specs.source import Source, Tree, open_source

NOTICES: Final = "notices.json"
"""Where whoever tells others of events says how that goes."""
SOURCE: Final = "source/note.json"
"""Where whoever follows a repository elsewhere says how that goes."""
REVERT: Final = "source/revert.json"
"""Where whoever undoes on its branch what was taken back does."""


class Wires(NamedTuple):
    """The wires of one operator, closed as one. Who only reads probes nothing."""

    supervisord: Supervisord
    gateway: GatewayWire
    processes: Prober | None
    probes: Prober | None
    resolver: Resolver | None
    packets: Packets

    @classmethod
    def open(cls, settings: Settings, *, probes: bool) -> Wires:
        bell = partial(ring, settings.wake_socket)
        return cls(
            Supervisord(settings.supervisor_socket),
            GatewayWire(settings.gateway_socket),
            Prober(bell) if probes else None,
            Prober(bell) if probes else None,
            Resolver(bell) if probes else None,
            Packets(settings.run_dir / "keeper.sock"),
        )

    async def traffic(self) -> str:
        """What the gateway has counted; nothing while it is not there."""
        try:
            return await self.gateway.numbers()
        except ReconcileError:
            return ""

    async def aclose(self) -> None:
        for one in self:
            if one is not None:
                await one.aclose()


async def kinds_under(supervisord: Supervisord, settings: Settings) -> Kinds:
    """The kinds, at what their changes cost there: without our keeper some cost more."""
    try:
        keeps = (await Keeper(supervisord).hello()).keeps
    except ReconcileError:  # nobody answers now; our parent said what it was
        keeps = settings.environ.get("RECONCILER_KEEPER_MODE") != "off"
    return KINDS if keeps else {**KINDS, "Process": STOCK}


def make_source(settings: Settings, choose: Callable[[str], str], key: bytes) -> Source | Followed:
    """Where the specs come from: what lies beside, or the repository that it names."""
    if settings.worktree:
        return open_source(settings.specs, worktree=True)
    named = any(settings.environ.get(name) for name in NAMES)
    local: Source = (
        Fixed(Tree("", {}, "files"))
        if named and not settings.specs.is_dir()
        else open_source(settings.specs, choose=choose)
    )
    git, places = Git(settings.environ), dict[str, SourceFolder]()

    def opened(order: Order) -> SourceFolder:
        name = blake2b(f"{order.url} {order.ref}".encode(), digest_size=8).hexdigest()
        place = settings.durable / "source" / name
        return places.setdefault(name, SourceFolder(place, git))

    def load(tree: Tree) -> Loader:
        return load_tree(settings, tree, key)

    return Followed(local, NamedSource(load, settings.environ, key), opened, choose)


def load_tree(settings: Settings, tree: Tree, key: bytes) -> Loader:
    """Loads one tree, whatever is wanted now."""
    return Loader(KINDS, Fixed(tree), root=settings.root, environ=settings.environ, key=key)


def make_drivers(
    settings: Settings,
    records: Records,
    wires: Wires,
    *,
    stock: bool,
    known: Callable[[], tuple[Sealed, ...]] = tuple,
) -> Drivers:
    """What looks at the world and changes it, of each kind. ``known`` tells the specs' secrets."""
    place = Place(settings.state_dir)
    beacon = settings.run_dir / "keeper.version"
    keeper = Keeper(wires.supervisord, beacon=beacon, packets=wires.packets)
    runner = SupervisedRunner(wires.supervisord, keeper=keeper)
    table = Table(wires.gateway, place.table)
    gateway = GatewayDriver(place, table, runner, find_nginx, resolver=wires.resolver)
    processes = ProcessDriver(
        wires.supervisord,
        Layout(settings.state_dir),
        notes=CronNotes(records, settings.stack_start),
        keeper=keeper,
        stock=stock,
    )
    folders = GitFolders(settings.durable / "repos", Git(settings.environ))
    return {
        "Stack": _stack_driver(settings.durable),
        "Process": Probing(processes, wires.processes, settings.state_dir),
        "Probe": ProbeDriver(settings.durable / "probes", wires.probes, settings.environ),
        "Gateway": gateway,
        "Route": RouteDriver(
            table, runner, place.prefix, wires.resolver, edition=gateway.folder.edition
        ),
        "Repository": RepositoryDriver(folders),
        "SyncTarget": SyncTargetDriver(
            folders,
            Latches(records, settings.stack_start),
            wake=partial(ring, settings.wake_socket),
            known=known,
        ),
    }


def _stack_driver(durable: Path) -> StackDriver:
    notes = Notes(durable / SOURCE, durable / NOTICES, durable / REVERT)
    return StackDriver(durable / "stack", notes)
