"""The other side: what it holds, bringing it here, sending there, and reading back."""

from __future__ import annotations

import time
from typing import Final

from ..core.errors import ReconcileError, Terminal, Transient
from ..core.model import Json
from .git import LONG, Terms
from .git_errors import failure
from .git_folder import GitFolder, Settings

UPSTREAM: Final = "refs/reconciler/upstream"
_NAMED: Final = 5


class Moved(Exception):  # noqa: N818 (an answer: look again and try once more)
    """Somebody else pushed first."""


class Remote:
    """A repository's remote, as its settings name it. Every contact leaves a note."""

    def __init__(self, folder: GitFolder, settings: Settings) -> None:
        self._folder = folder
        self._settings = settings

    async def tip(self) -> str | None:
        """The commit of the branch; None when the remote holds no branch at all.

        Unreachable, forbidden and a missing branch raise: none of them is an empty remote.
        """
        try:
            heads = await self._heads()
            found = heads.get(self._settings.branch)
            if found is None and heads:
                raise self._wrong_branch(heads)
        except ReconcileError as exc:
            self._note({"ok": False, "reason": exc.reason, "message": str(exc)})
            raise
        self._note({"ok": True, "tip": found, "empty": found is None})
        return found

    async def fetch(self, commit: str) -> None:
        """Bring the branch here, its newest state only. Raises Moved when it is another by now."""
        await self._git(
            "fetch",
            "--quiet",
            "--depth=1",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--end-of-options",
            self._settings.url,
            f"+refs/heads/{self._settings.branch}:{UPSTREAM}",
        )
        here = await self._folder.git.run(self._folder.path, "rev-parse", "--verify", UPSTREAM)
        if here.decode().strip() != commit:
            raise Moved

    async def push(self, commit: str, branch: str) -> None:
        """Send a commit and read back that it stands there. Never forced: raises Moved instead."""
        arguments = ("--porcelain", "--no-verify", "--no-signed", "--end-of-options")
        result = await self._folder.git.attempt(
            self._folder.path,
            "push",
            *arguments,
            self._settings.url,
            f"{commit}:refs/heads/{branch}",
            terms=self._terms(LONG),
        )
        said = result.output.decode("utf-8", "replace")
        if "[rejected]" in said:
            raise Moved
        if "[remote rejected]" in said:
            raise self._refused(said, result.errors)
        if result.code:
            raise self._noted(failure("push", result.errors, self._settings.url))
        await self._read_back(commit, branch)

    async def _read_back(self, commit: str, branch: str) -> None:
        heads = await self._heads()
        if heads.get(branch) != commit:
            raise Moved
        if branch == self._settings.branch:
            self._note({"ok": True, "tip": commit, "empty": False})

    async def _heads(self) -> dict[str, str]:
        output = await self._git(
            "ls-remote", "--quiet", "--heads", "--end-of-options", self._settings.url
        )
        lines = (line.split("\t", 1) for line in output.decode("utf-8", "replace").splitlines())
        return {name.removeprefix("refs/heads/"): commit for commit, name in lines}

    async def _git(self, *arguments: str) -> bytes:
        deadline = LONG if arguments[0] == "fetch" else Terms().deadline
        try:
            return await self._folder.git.run(
                self._folder.path, *arguments, terms=self._terms(deadline)
            )
        except Transient as exc:
            raise self._noted(exc) from exc

    def _terms(self, deadline: float) -> Terms:
        return Terms(
            deadline=deadline, credential=self._folder.credential, about=self._settings.url
        )

    def _wrong_branch(self, heads: dict[str, str]) -> Terminal:
        known = ", ".join(sorted(heads)[:_NAMED])
        return Terminal(
            f"{self._settings.url} has no branch {self._settings.branch}, but {known}; "
            "set branch, or create it there",
            reason="WrongBranch",
        )

    def _refused(self, said: str, errors: str) -> Transient:
        why = next((line for line in said.splitlines() if "[remote rejected]" in line), "")
        told = " / ".join(
            line.strip() for line in errors.splitlines() if line.startswith("remote:")
        )
        text = " ".join(f"{why.rpartition(chr(9))[2]} {told}".split())[:400]
        return self._noted(
            Transient(f"{self._settings.url} refused the push: {text}", reason="PushRefused")
        )

    def _noted(self, exc: Transient) -> Transient:
        self._note({"ok": False, "reason": exc.reason, "message": str(exc)})
        return exc

    def _note(self, facts: dict[str, Json]) -> None:
        before = self._folder.read("contact") or {}
        reached = time.time() if facts["ok"] else before.get("reached")
        kept = {"tip": before.get("tip"), "empty": before.get("empty")}
        self._folder.write("contact", {**kept, **facts, "at": time.time(), "reached": reached})
