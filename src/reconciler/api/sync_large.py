"""``/sync/api/lfs``: the original's calls about files too large for git."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..core.errors import ReconcileError
from .answers import answer, says
from .sync_shapes import LIMIT, MIB, SyncDone, SyncLarge
from .view import BackupsView

MOST: Final = 100_000
OFF: Final = "no target has largeFiles: they stay where they are, and are named as skipped"


class LargeStatus(BaseModel):
    """Whether large files go to a store of their own."""

    enabled: bool
    threshold_mb: float


class LargeFiles(BaseModel):
    """The large files of the newest versions; ``version_count`` is 1: what git knows here."""

    ok: bool
    files: list[dict[str, str | int]]
    count: int


class LargePages:
    """``do`` orders something of all targets and answers when it is done."""

    def __init__(
        self, backups: BackupsView, do: Callable[[Request, str], Awaitable[Response]]
    ) -> None:
        self.backups = backups
        self.do = do

    def router(self) -> APIRouter:
        """The pages, at their own places."""
        router = APIRouter(prefix="/sync/api/lfs", tags=["original"])
        status, done = says(LargeStatus), says(SyncDone)
        router.add_api_route("/status", self.status, responses=status, name="original_lfs_status")
        router.add_api_route(
            "/list", self.listed, responses=says(LargeFiles), name="original_lfs_list"
        )
        for path, page, model in (
            ("scan", self.scan, says(SyncLarge)),
            ("upload", self.upload, done),
            ("restore", self.restore, done),
        ):
            router.add_api_route(
                f"/{path}",
                page,
                methods=["POST"],
                responses=model,
                name=f"original_lfs_{path}",
            )
        return router

    async def status(self, request: Request) -> Response:
        """Whether large files go to a store of their own, and from which size on."""
        shape = {"enabled": bool(self._thresholds()), "threshold_mb": self._threshold() / MIB}
        return answer(request, shape)

    async def scan(self, request: Request) -> Response:
        """The files that are too large for git."""
        large = [one["path"] for one in await self._large()]
        for target in self.backups.status():
            skipped = (one for one in target["skipped"] if one["reason"] == "TooLarge")
            large += [f"{target['path']}{one['path']}" for one in skipped]
        return answer(request, self._shape(large))

    async def listed(self, request: Request) -> Response:
        """The large files that the newest versions hold."""
        self._demand_used()
        files = [
            {
                "path": one["path"],
                "current_hash": one["large"]["sha256"],
                "size": one["size"],
                "version_count": 1,
                "asset_name": one["large"]["asset"],
            }
            for one in await self._large()
        ]
        return answer(request, {"ok": True, "files": files, "count": len(files)})

    async def upload(self, request: Request) -> Response:
        """Back up now: large files go to their store by the way."""
        self._demand_used()
        return await self.do(request, "backup")

    async def restore(self, request: Request) -> Response:
        """Bring here what others changed: large files come from their store by the way."""
        self._demand_used()
        return await self.do(request, "pull")

    async def _large(self) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        for target in self.backups.status():
            with suppress(ReconcileError):  # one that is not set up yet holds nothing
                found += (await self.backups.files(target["name"], MOST, large=True))["files"]
        return found

    def _shape(self, large: list[str]) -> dict[str, object]:
        shape = {"ok": True, "files": sorted(large), "count": len(large)}
        return {**shape, "threshold_mb": self._threshold() / MIB}

    def _thresholds(self) -> list[int]:
        found = (one.get("largeFiles") for one in self.backups.status())
        return [int(one["threshold"]) for one in found if one]

    def _threshold(self) -> int:
        return min(self._thresholds(), default=LIMIT)

    def _demand_used(self) -> None:
        if not self._thresholds():
            raise HTTPException(400, OFF)
