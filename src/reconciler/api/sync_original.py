"""``/sync/api`` and ``/api/sync-progress``: the original's calls, so that its page goes on working.

They have no powers of their own: what would have thrown data away does what is safe, and says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any, Final, TypeAlias

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, StringConstraints
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..core.errors import ReconcileError, Transient
from ..specs.desk import Desk, Wish
from .admin import held_words
from .answers import answer, says
from .callers import caller_of
from .sync_edits import Lists
from .sync_large import LargePages
from .sync_shapes import (
    SyncDone,
    SyncExcludes,
    SyncFiles,
    SyncLogs,
    SyncProgress,
    SyncStatus,
    SyncTargets,
    SyncTracked,
    excludes,
    log_shape,
    paths,
    progress_shape,
    status_shape,
)
from .view import BackupsView, OperatorView, View
from .writes import Writes, demand_admin

PATIENCE: Final = 50.0
"""Seconds that a request waits for what it ordered."""
WHY: Final = "asked through /sync/api"

Edit: TypeAlias = Callable[[Lists, Desk, Sequence[str]], Wish]

Text = Annotated[str, StringConstraints(max_length=4096, pattern=r"^[^\x00-\x1f\x7f]*$")]
Count = Annotated[int, Query(ge=1, le=1000)]


class Paths(BaseModel):
    """A list that replaces the one there is; without one all stays."""

    model_config = ConfigDict(extra="ignore")

    targets: list[Text] | None = None
    excludes: list[Text] | None = None


class SyncPages:
    """A second spelling of what the API does."""

    def __init__(
        self, operator: OperatorView, backups: BackupsView, writes: Writes | None = None
    ) -> None:
        self.operator = operator
        self.backups = backups
        self.writes = writes

    def router(self) -> APIRouter:
        """The pages, at their own places."""
        router = APIRouter(tags=["original"])
        reads: Sequence[tuple[str, Callable[..., Any], type[BaseModel]]] = (
            ("/api/sync-progress", self.progress, SyncProgress),
            ("/sync/api/status", self.status, SyncStatus),
            ("/sync/api/targets", self.targets, SyncTargets),
            ("/sync/api/excludes", self.excludes, SyncExcludes),
            ("/sync/api/logs", self.logs, SyncLogs),
            ("/sync/api/files", self.files, SyncFiles),
        )
        for path, page, model in reads:
            router.add_api_route(path, page, responses=says(model), name=_name("get", path))
        acts: Sequence[tuple[str, Callable[..., Any], type[BaseModel]]] = (
            ("/sync/api/sync-now", self.sync_now, SyncDone),
            ("/sync/api/pull", self.pull, SyncDone),
            ("/sync/api/push", self.push, SyncDone),
            ("/sync/api/init", self.init, SyncDone),
            ("/sync/api/relink", self.relink, SyncDone),
            ("/sync/api/reset", self.reset, SyncDone),
            ("/sync/api/track-empty", self.track_empty, SyncTracked),
            ("/sync/api/targets", self.set_targets, SyncDone),
            ("/sync/api/excludes", self.set_excludes, SyncDone),
        )
        for path, page, model in acts:
            router.add_api_route(
                path, page, methods=["POST"], responses=says(model), name=_name("post", path)
            )
        router.include_router(LargePages(self.backups, self._do).router())
        return router

    async def progress(self, request: Request) -> Response:
        """How far the restore is that a start of the stack begins with."""
        with suppress(ReconcileError):
            disabled = not any(one["url"] for one in self.backups.repositories())
            shape = progress_shape(self.backups.status(), disabled=disabled)
            return answer(request, shape)
        return answer(request, {"stage": "starting", "progress": 0})

    async def status(self, request: Request) -> Response:
        """Where what is kept, whether it is restored, and whether the remote has all of it."""
        targets = self.backups.status()
        waiting = [one for one in await self._versions(targets, 1) if not one["pushed"]]
        head = max(waiting, key=lambda one: str(one["time"]))["commit"] if waiting else ""
        return answer(request, status_shape(self.backups.repositories(), targets, head))

    async def targets(self, request: Request) -> Response:
        """The paths that are kept."""
        return answer(request, {"targets": paths(self.backups.status())})

    async def excludes(self, request: Request) -> Response:
        """The paths that are not."""
        return answer(request, {"excludes": excludes(self.backups.status())})

    async def logs(self, request: Request, n: Count = 20) -> Response:
        """The newest versions of all targets."""
        versions = await self._versions(self.backups.status(), n)
        return answer(request, {"ok": True, "logs": log_shape(versions)[:n]})

    async def files(self, request: Request, limit: Count = 100) -> Response:
        """The paths that the newest versions hold."""
        held = await self._held(limit)
        found = sorted(one["path"] for some in held for one in some["files"])
        total = sum(some["total"] for some in held)
        return answer(request, {"ok": True, "files": found[:limit], "total": total, "limit": limit})

    async def sync_now(self, request: Request) -> Response:
        """Back up all targets now."""
        return await self._do(request, "backup")

    async def push(self, request: Request) -> Response:
        """Bring to the remote what was taken already."""
        return await self._do(request, "push")

    async def pull(self, request: Request) -> Response:
        """Bring here what others changed on the remote; what was changed here stays."""
        return await self._do(request, "pull")

    async def init(self, request: Request) -> Response:
        """Look after everything now. Nothing is reset: what lies here is kept, and backed up."""
        await self.operator.reconcile_now()
        return await self._do(request, "backup", "nothing was reset: all was looked after")

    async def relink(self, request: Request) -> Response:
        """Look after everything now. Nothing is linked: data stays where it is."""
        await self.operator.reconcile_now()
        return answer(request, {"ok": True, "note": "data stays where it is: nothing is linked"})

    async def reset(self, request: Request) -> Response:
        """Back up instead of throwing away: no edit of a file is ever undone by this."""
        note = "nothing was thrown away: what lies here was backed up"
        return await self._do(request, "backup", note)

    async def track_empty(self, request: Request) -> Response:
        """Nothing: empty folders are kept as they are, without a file in them."""
        note = "empty folders are kept without a mark"
        return answer(request, {"ok": True, "written": 0, "note": note})

    async def set_targets(self, request: Request, said: Paths) -> Response:
        """Make the list of paths that are kept this one, in the specs."""
        return await self._edit(request, said.targets, Lists.with_targets)

    async def set_excludes(self, request: Request, said: Paths) -> Response:
        """Make the list of paths that are not kept this one, in the specs."""
        return await self._edit(request, said.excludes, Lists.with_excludes)

    async def _edit(self, request: Request, said: Sequence[str] | None, edit: Edit) -> Response:
        author = demand_admin(request)
        if self.writes is None:
            raise HTTPException(409, "the specs cannot be edited here")
        if said is None:
            return answer(request, {"ok": True, "note": "nothing was said, so nothing changed"})
        lists = Lists(self.backups.status(), self.backups.repositories(), author)

        def compose(desk: Desk) -> Wish:
            return edit(lists, desk, [one for one in said if one.strip()])

        held = held_words(await self.writes.write(compose))
        return answer(request, {"ok": True} | ({"note": held} if held else {}))

    async def _do(self, request: Request, verb: str, note: str = "") -> Response:
        """Order it of all targets, and answer when it is done, or after a while."""
        author = caller_of(request).name
        given = self.backups.order(self.backups.targets(), verb, author=author, reason=WHY)
        waits = (self.backups.ordered(one["id"], seconds=PATIENCE) for one in given)
        ended = [one for one in await asyncio.gather(*waits) if one is not None]
        for one in ended:
            if one["state"] == "failed":
                outcome = one["outcome"]
                raise Transient(f"{one['ref']}: {outcome['message']}", reason=outcome["reason"])
        pending = [one["id"] for one in ended if one["state"] != "done"]
        lacks = [text for one in ended if (text := _lacks(one))]
        notes = [note, *lacks] if note else lacks
        more = {"note": "; ".join(notes)} if notes else {}
        return answer(request, {"ok": True, **more} | ({"pending": pending} if pending else {}))

    async def _versions(self, targets: Sequence[View], limit: int) -> list[View]:
        found: list[View] = []
        for one in targets:
            with suppress(ReconcileError):  # one that is not set up yet has none
                found += await self.backups.log(one["name"], limit)
        return found

    async def _held(self, limit: int) -> list[Mapping[str, Any]]:
        found = []
        for one in self.backups.status():
            with suppress(ReconcileError):
                found.append(await self.backups.files(one["name"], limit))
        return found


def _lacks(order: View) -> str:
    """What a backup should have and has not, such as a file that is held."""
    did = (order.get("outcome") or {}).get("did") or {}
    told = ", ".join(did.get("notes") or ())
    return f"{order['ref']}: {told}" if did.get("lacks") else ""


def _name(method: str, path: str) -> str:
    plain = path.removeprefix("/sync/api/").removeprefix("/api/")
    return f"original_{method}_{plain.replace('/', '_').replace('-', '_')}"
