"""The other side: what it holds, bringing it here, sending there, and reading back."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from ..core.errors import ReconcileError, Transient
from ..core.model import Json
from .git import LONG, Result, Terms
from .git_errors import wrong_branch
from .git_folder import GitFolder, Settings
from .git_lease import LARGEST, OURS, Lease
from .git_near import Elsewhere, Move, near, near_refs, push_near
from .git_refs import read_ref
from .git_sweep import drop_leftovers
from .git_transfer import FETCH, PUSH, Moved, demand_pushed, room

UPSTREAM: Final = "refs/reconciler/upstream"


class Remote:
    """A repository's remote, as its settings name it. Every contact leaves a note."""

    def __init__(self, folder: GitFolder, settings: Settings) -> None:
        self._folder = folder
        self._settings = settings
        self.lease = Lease(folder, settings)

    async def tip(self) -> str | None:
        """The commit of the branch; None when the remote holds no branch at all.

        Unreachable, forbidden and a missing branch raise: none of them is an empty remote.
        """
        try:
            heads = await self.heads()
            found = heads.get(self._settings.branch)
            if found is None and heads:
                raise wrong_branch(self._settings.url, self._settings.branch, heads)
        except ReconcileError as exc:
            self._note({"ok": False, "reason": exc.reason, "message": str(exc)})
            raise
        self._note({"ok": True, "tip": found, "empty": found is None})
        return found

    async def fetch(self, commit: str, *, depth: int = 1) -> None:
        """Bring the branch here, its newest state only, unless ``depth`` asks for what was before.

        Raises Moved when it is another by now.
        """
        branch = f"+refs/heads/{self._settings.branch}:{UPSTREAM}"
        await self._fetch(branch, f"--depth={depth}")
        if await asyncio.to_thread(read_ref, self._folder.path, UPSTREAM) != commit:
            raise Moved

    async def fetch_other(self, branch: str) -> None:
        """Bring the newest state of another branch here; nothing points at it."""
        await self._fetch(f"refs/heads/{branch}", "--depth=1")

    async def push(self, commit: str, branch: str) -> None:
        """Send a commit and read back that it stands there. Never forced: raises Moved instead.

        Only who holds the lease may, and it is renewed by the way.
        """
        if self.lease.is_used and not self.lease.seen:
            await self.heads()
        self.lease.demand()
        if await asyncio.to_thread(self._push_near, commit, branch):
            await self._read_back(commit, branch)
            return
        if self.lease.is_used:
            lease = await asyncio.to_thread(self.lease.write)
            if await self._push_with(lease, f"{commit}:refs/heads/{branch}"):
                await asyncio.to_thread(self.lease.take, lease, self._folder.reader)
                await self._read_back(commit, branch)
                return
        self._demand_pushed(await self._push(f"{commit}:refs/heads/{branch}"))
        await self._read_back(commit, branch)

    def _push_near(self, commit: str, branch: str) -> bool:
        """Push by ourselves, where it is as good; False when it is not, and nothing was done."""
        remote = near(self._settings.url)
        known = (self._folder.read("contact") or {}).get("tip")
        if remote is None or branch != self._settings.branch or known is None:
            return False
        moves = [Move(f"refs/heads/{branch}", known, commit)]
        lease = self.lease.write() if self.lease.is_used else None
        if lease is not None:
            moves.append(Move(self.lease.ref, self.lease.seen.get("id"), lease))
        try:
            with self._folder.reader() as reader:
                if not push_near(reader, self._folder.path, remote, moves):
                    return False
        except Elsewhere as exc:
            raise Moved from exc
        if lease is not None:
            self.lease.take(lease, self._folder.reader)
        return True

    async def renew(self) -> None:
        """Say that we are still here, if it is time to."""
        if self.lease.is_used and self.lease.is_worn:
            lease = await asyncio.to_thread(self.lease.write)
            try:
                if await self._push_with(lease):
                    await asyncio.to_thread(self.lease.take, lease, self._folder.reader)
            except Moved:  # it is another's by now: the next look tells whose
                return

    async def leave(self) -> None:
        """Whoever comes next need not wait."""
        if self.lease.is_used and self.lease.standing == OURS:
            gone = await self._remove(self.lease.ref, self.lease.seen["id"])
            if gone.code == 0:
                self.lease.give_up()

    async def drop(self, branch: str, commit: str) -> None:
        """Remove a branch that stands where it was seen. Raises Moved when it does not."""
        self._demand_pushed(await self._remove(f"refs/heads/{branch}", commit))

    async def _remove(self, ref: str, seen: str) -> Result:
        return await self._push(f":{ref}", how=(f"--force-with-lease={ref}:{seen}",))

    async def _push_with(self, lease: str, *refs: str) -> bool:
        """Push together with the lease, or nothing; False when the remote takes no leases."""
        held = f"--force-with-lease={self.lease.ref}:{self.lease.seen.get('id') or ''}"
        result = await self._push(*refs, f"{lease}:{self.lease.ref}", how=("--atomic", held))
        if result.code and self._is_refused(result):
            self.lease.refuse()
            return False
        self._demand_pushed(result)
        return True

    def _is_refused(self, result: Result) -> bool:
        """Whether it was the lease that the remote would not have, and nothing else."""
        if "does not support --atomic" in result.errors:
            return True
        lines = result.output.decode("utf-8", "replace").splitlines()
        refused = [line for line in lines if "[remote rejected]" in line and "atomic" not in line]
        return bool(refused) and all(self.lease.ref in line for line in refused)

    async def _push(self, *refs: str, how: tuple[str, ...] = ()) -> Result:
        return await self._folder.git.attempt(
            self._folder.path,
            "push",
            *how,
            *PUSH,
            self._settings.url,
            *refs,
            terms=self._terms(LONG),
        )

    def _demand_pushed(self, result: Result) -> None:
        try:
            demand_pushed(self._settings.url, result)
        except Transient as exc:
            raise self._noted(exc) from exc

    async def _read_back(self, commit: str, branch: str) -> None:
        heads = await self.heads()
        if heads.get(branch) != commit:
            raise Moved
        if branch == self._settings.branch:
            self._note({"ok": True, "tip": commit, "empty": False})

    async def heads(self) -> dict[str, str]:
        """The branches, by name; by the way the lease is looked at."""
        remote = near(self._settings.url)
        refs = await (asyncio.to_thread(near_refs, remote) if remote else self._listed())
        if self.lease.is_used:
            await self._look_at(refs.get(self.lease.ref))
        heads = "refs/heads/"
        return {
            name.removeprefix(heads): commit
            for name, commit in refs.items()
            if name.startswith(heads)
        }

    async def _listed(self) -> dict[str, str]:
        wanted = ("refs/heads/*", self.lease.ref) if self.lease.is_used else ("refs/heads/*",)
        output = await self._git(
            "ls-remote", "--quiet", "--end-of-options", self._settings.url, *wanted
        )
        lines = (line.split("\t", 1) for line in output.decode("utf-8", "replace").splitlines())
        return {name: commit for commit, name in lines}

    async def _look_at(self, lease: str | None) -> None:
        if self.lease.seen and self.lease.seen.get("id") == lease:
            return
        content = b""
        if lease is not None:
            await self._fetch(f"+{self.lease.ref}:{self.lease.here}")
            content = await asyncio.to_thread(self._read_small, self.lease.here)
        self.lease.note(lease, content)

    def _read_small(self, ref: str) -> bytes:
        name = read_ref(self._folder.path, ref)
        with self._folder.reader() as reader:
            try:
                return reader.small(name or "", LARGEST)
            except Transient:
                return b""

    async def _fetch(self, refspec: str, *how: str) -> None:
        await self._git("fetch", *FETCH, *how, "--end-of-options", self._settings.url, refspec)

    async def _git(self, *arguments: str) -> bytes:
        deadline = LONG if arguments[0] == "fetch" else Terms().deadline
        try:
            return await self._folder.git.run(
                self._folder.path, *arguments, terms=self._terms(deadline)
            )
        except Transient as exc:
            # Tried again and again, what each try leaves would fill the disk.
            await asyncio.to_thread(drop_leftovers, self._folder.path)
            raise self._noted(exc) from exc

    def _terms(self, deadline: float) -> Terms:
        return Terms(
            deadline=deadline,
            credential=self._folder.credential,
            about=self._settings.url,
            most=room(self._folder.path),
        )

    def _noted(self, exc: Transient) -> Transient:
        self._note({"ok": False, "reason": exc.reason, "message": str(exc)})
        return exc

    def _note(self, facts: dict[str, Json]) -> None:
        before = self._folder.read("contact") or {}
        reached = time.time() if facts["ok"] else before.get("reached")
        kept = {"tip": before.get("tip"), "empty": before.get("empty")}
        self._folder.write("contact", {**kept, **facts, "at": time.time(), "reached": reached})
