"""Repository, in the world: a local git folder and the notes in it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Final, assert_never

from ...clients.files import is_bare
from ...clients.git_folder import GitFolder, GitFolders, Settings
from ...clients.git_history import History
from ...clients.git_lease import Lease
from ...clients.git_remote import UPSTREAM, Remote
from ...core.model import Json, Observed
from ...core.sealed import Sealed
from .actions import Check, Configure, Forget, Leave, RepositoryAction
from .state import RepositoryState

log = logging.getLogger(__name__)

MEETS: Final = ["configured", "started", "ready"]


class RepositoryDriver:
    """Configures git folders. The mark of ownership is the settings file in each."""

    def __init__(self, folders: GitFolders) -> None:
        self._folders = folders

    async def observe(self) -> Mapping[str, Observed[RepositoryState]]:
        return {} if is_bare(self._folders.root) else await asyncio.to_thread(self._look)

    async def apply(self, action: RepositoryAction) -> None:
        folder = self._folders.open(action.name)
        match action:
            case Configure(_, state):
                await self._configure(folder, state)
            case Forget():
                await self._forget(folder)
            case Check():
                await self._check(folder)
            case Leave():
                async with folder.alone():
                    await Remote(folder, folder.demand_settings()).leave()
            case _:
                assert_never(action)

    def _look(self) -> dict[str, Observed[RepositoryState]]:
        return {
            folder.name: Observed(
                _state(folder, settings), owned=True, vitals=_vitals(folder, settings)
            )
            for folder, settings in self._folders.configured()
        }

    async def _configure(self, folder: GitFolder, state: RepositoryState) -> None:
        before = folder.settings()
        password = state.password.reveal() if state.password is not None else None
        await folder.configure(_settings(state), password)
        if before is None or (before.url, before.branch) != (state.url, state.branch):
            # What was agreed with another remote says nothing about this one.
            async with folder.alone():
                folder.drop("contact")
                folder.drop("lease")
                for topic in ("status", "staged"):
                    for name, _ in tuple(folder.notes(topic)):
                        folder.drop(f"{topic}/{name}")
                pushed = await History(folder).refs("refs/reconciler/pushed")
                await History(folder).move(None, UPSTREAM, *pushed)
        elif before != _settings(state):
            folder.drop("contact")

    async def _forget(self, folder: GitFolder) -> None:
        if not (folder.own / "settings.json").exists():
            return
        async with folder.alone():
            unpushed = await _unpushed(folder)
            if unpushed:
                log.warning("%s is kept: %s was never pushed", folder.path, ", ".join(unpushed))
                folder.retire()
                return
        await asyncio.to_thread(folder.forget)

    async def _check(self, folder: GitFolder) -> None:
        async with folder.alone():
            remote = Remote(folder, folder.demand_settings())
            await remote.tip()
            await remote.renew()


async def _unpushed(folder: GitFolder) -> list[str]:
    refs = await History(folder).refs("refs/reconciler")
    saved = {name.rpartition("/")[2]: c for name, c in refs.items() if "/saved/" in name}
    pushed = {name.rpartition("/")[2]: c for name, c in refs.items() if "/pushed/" in name}
    kept = [name.split("/")[3] for name in refs if "/kept/" in name]
    return sorted({*kept, *(name for name, commit in saved.items() if pushed.get(name) != commit)})


def _settings(state: RepositoryState) -> Settings:
    return Settings(
        url=state.url,
        branch=state.branch,
        base=state.base,
        committer_name=state.committer_name,
        committer_email=state.committer_email,
        interval=state.interval,
        username=state.username,
        digest=state.password.digest if state.password is not None else None,
        lease=state.lease,
        holder=state.holder,
    )


def _state(folder: GitFolder, settings: Settings | None) -> RepositoryState:
    """What the folder is set to; settings that nobody can read differ from any that are wanted."""
    if settings is None:
        return RepositoryState(
            url="", branch="", base="", committer_name="", committer_email="", interval=0.0
        )
    present = settings.digest is not None and folder.credential is not None
    return RepositoryState(
        url=settings.url,
        branch=settings.branch,
        base=settings.base,
        committer_name=settings.committer_name,
        committer_email=settings.committer_email,
        interval=settings.interval,
        username=settings.username,
        password=Sealed(settings.digest) if present and settings.digest else None,
        lease=settings.lease,
        holder=settings.holder,
    )


def _vitals(folder: GitFolder, settings: Settings | None) -> dict[str, Json]:
    lease = Lease(folder, settings) if settings is not None else None
    held = lease is not None and lease.is_used and lease.seen.get("id")
    contact = folder.read("contact") or {}
    return {
        "meets": MEETS,
        "damaged": settings is None,
        "checked": contact.get("at"),
        "reachable": contact.get("ok"),
        "reached": contact.get("reached"),
        "reason": contact.get("reason"),
        "message": contact.get("message"),
        "empty": contact.get("empty"),
        "tip": contact.get("tip"),
        "path": str(folder.path),
        "lease": lease.standing if lease is not None and held else None,
        "leaseHolder": lease.seen.get("holder") if lease is not None and held else None,
        "leaseHost": lease.seen.get("host") if lease is not None and held else None,
    }
