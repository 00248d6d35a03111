"""Gateway, in the world."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias, assert_never

from ...clients import ports
from ...clients.files import write_atomic
from ...clients.gateway import GatewayDown, Status
from ...clients.nginx import Nginx, Runner
from ...clients.resolve import Resolver
from ...clients.sockets import refuse_own
from ...clients.table import Document, PutDefault, Table
from ...clients.table import PutPool as EditPool
from ...clients.table_file import read_bytes
from ...core.backend import socket_of
from ...core.errors import Transient, Waiting
from ...core.model import Json, Observed
from .actions import (
    Configure,
    DropPools,
    GatewayAction,
    KeepTable,
    PutPool,
    Retire,
    SetDefault,
    Start,
)
from .files import Files, Folder, Place
from .include import INCLUDE, Include, parse_listen
from .start import start_record
from .state import CURRENT, Listener
from .telling import Pools, traffic, url
from .traffic import targets

RELOAD_TIME: Final = 5.0
LOOK_AGAIN: Final = 0.05
PATIENCE: Final = 10.0
"""A gateway that runs and does not answer for so long is started again (seconds)."""
FindNginx: TypeAlias = Callable[[], Awaitable[Nginx]]


class GatewayDriver:
    """The gateway of one stack: its files, its process, its default backend."""

    def __init__(
        self,
        place: Place,
        table: Table,
        runner: Runner,
        nginx: FindNginx,
        *,
        resolver: Resolver | None = None,
    ) -> None:
        self._place = place
        self._table = table
        self._runner = runner
        self._nginx = nginx
        self._pools = Pools(resolver)
        self.folder = Folder(place.prefix)
        self._hung_up: tuple[bytes, float] | None = None
        self._silent_since: float | None = None

    async def observe(self) -> Mapping[str, Observed[Listener]]:
        """What runs, and what the next start would run."""
        raw = read_bytes(self._place.include)  # small, and for many stacks the end of it
        if raw is None:
            return {}
        pid = await self._runner.pid()
        include = self.folder.read(raw)
        answer = await self._answer() if pid is not None else None
        self._listen_for_life(pid, answering=answer is not None)
        if answer is None:
            state, vitals = await self._at_rest(include, pid)
        else:
            state, vitals = await self._running(raw, include, *answer)
        if not (self.folder.is_intact(include, raw) and self.folder.is_up_to_date(include)):
            state = state.model_copy(update={"loaded": False})
        owned = include.name is not None
        return {include.name or "gateway": Observed(state, owned, vitals | {"pid": pid})}

    async def apply(self, action: GatewayAction) -> None:
        match action:
            case Configure(name, listen, bind, settings):
                plan = self.folder.plan
                await self._configure(await asyncio.to_thread(plan, name, listen, bind, settings))
            case Start(listen, bind):
                await self._start(listen, bind)
            case SetDefault(backend):
                await self._set_default(backend)
            case PutPool(name, endpoints):
                pool = [{"name": host, "address": address} for host, address in endpoints]
                await self._table.change(EditPool(name, pool))
            case KeepTable():
                await self._table.keep()
            case DropPools(names):
                edits = (self._table.change(EditPool(name, None)) for name in names)
                await asyncio.gather(*edits)
            case Retire(name):
                await self._retire(name)
            case _:
                assert_never(action)

    async def _answer(self) -> tuple[Status, Document] | None:
        try:
            return await self._table.look()
        except GatewayDown:
            return None

    async def _at_rest(self, include: Include, pid: int | None) -> tuple[Listener, dict[str, Json]]:
        """Not running, or not answering yet: the files say what it is or will be."""
        state = Listener(
            **dict(include.settings),
            listen=include.listen,
            bind=include.bind,
            default_backend=await self._table.kept_default(),
            code=self._named(include.code),
            started=pid is not None and not self._deaf(),
        )
        return state, {"state": "stopped" if pid is None else "starting"}

    def _listen_for_life(self, pid: int | None, *, answering: bool) -> None:
        """Remember since when a running gateway has not answered (its socket may be gone)."""
        if answering or pid is None:
            self._silent_since = None
        elif self._silent_since is None:
            self._silent_since = time.monotonic()

    def _deaf(self) -> bool:
        since = self._silent_since
        return since is not None and time.monotonic() - since > PATIENCE

    async def _running(
        self, raw: bytes, include: Include, status: Status, document: Document
    ) -> tuple[Listener, dict[str, Json]]:
        bind, port = parse_listen(f"listen {status.listen};")
        state = Listener(
            **dict(include.settings),
            listen=port,
            bind=bind,
            default_backend=document.default_backend,
            code=self._named(status.code),
            loaded=status.include_digest == hashlib.md5(raw, usedforsecurity=False).hexdigest(),
        )
        return state, {
            "state": "running",
            "url": url(bind, port, secure=include.settings.tls is not None),
            "version": status.version,
            "routes": len(document.rules),
            "problem": status.problem,
            "workerCount": status.worker_count,
            "workers": {name: worker.version for name, worker in status.workers.items()},
            "kept": await self._table.kept(),
            **self._pools.told(document, status.traffic.refusing),
            "targets": targets(document.pools),
            **traffic(status.traffic),
        }

    def _named(self, code: str) -> str:
        return CURRENT if code == self.folder.edition else code

    async def _configure(self, wanted: Files) -> None:
        include, content = wanted.include, wanted.contents[INCLUDE]
        self._wait_for_reload(content)
        running = await self._running_listener()
        if running is None and await self._runner.pid() is not None:
            text = "the gateway is starting or stopping"
            raise Waiting(text, reason="GatewayBusy", after=LOOK_AGAIN)
        if running != (include.bind, include.listen):
            await self._claim(include.bind, include.listen)
        nginx = await self._nginx()
        await self.folder.check(nginx, wanted, near=self._place.run)
        await asyncio.to_thread(self._write, wanted, nginx)
        if running is not None:
            self._hung_up = (content, time.monotonic())
            await self._runner.hang_up()

    async def _claim(self, bind: str, port: int) -> None:
        try:
            await asyncio.to_thread(ports.claim, bind, port)
        except ports.PortBusy as exc:
            own = ports.belongs(exc.pid, await self._runner.pid())
            if not (own or ports.is_gone(exc.pid)):  # an old worker ends while it is looked at
                raise
            text = "the gateway is just leaving this port"
            raise Waiting(text, reason="Reloading", after=LOOK_AGAIN) from exc

    def _wait_for_reload(self, content: bytes) -> None:
        """A reload takes a moment: another one before that would only make it longer."""
        if self._hung_up is None or self._hung_up[0] != content:
            return
        if time.monotonic() - self._hung_up[1] < RELOAD_TIME:
            text = "the gateway is reading its files"
            raise Waiting(text, reason="Reloading", after=LOOK_AGAIN)
        self._hung_up = None
        text = "the gateway did not take its new files over; see `reconciler logs gateway`"
        raise Transient(text, reason="ReloadFailed")

    async def _running_listener(self) -> tuple[str, int] | None:
        if await self._runner.pid() is None:
            return None
        answer = await self._answer()
        return parse_listen(f"listen {answer[0].listen};") if answer else None

    def _write(self, files: Files, nginx: Nginx) -> None:
        self.folder.write(files)
        write_atomic(
            self._place.record, start_record(self._place.prefix, nginx, self.folder.edition)
        )

    async def _start(self, listen: int, bind: str) -> None:
        if await self._runner.pid() is None:
            await self._claim(bind, listen)
            await asyncio.to_thread(self.folder.tidy)
            await self._runner.start()
        elif self._deaf():
            await self._runner.stop()
            text = "the gateway does not answer and is started again"
            raise Waiting(text, reason="GatewayDeaf", after=LOOK_AGAIN)

    async def _set_default(self, backend: str | None) -> None:
        await asyncio.to_thread(refuse_own, socket_of(backend), self._place.run)
        try:
            await self._table.change(PutDefault(backend))
        except GatewayDown as exc:
            if await self._runner.pid() is None:
                raise
            raise Waiting(str(exc), reason="GatewayDown", after=LOOK_AGAIN) from exc

    async def _retire(self, name: str) -> None:
        raw = await asyncio.to_thread(read_bytes, self._place.include)
        if raw is None or Include.parse(raw.decode(errors="replace")).name != name:
            return  # another Gateway has taken over these files
        await self._runner.stop()
        if await self._runner.pid() is not None:
            raise Waiting("the gateway is stopping", reason="Stopping", after=LOOK_AGAIN)
        for path in (self._place.table, self._place.record):
            await asyncio.to_thread(path.unlink, missing_ok=True)
        await asyncio.to_thread(self.folder.clear)
