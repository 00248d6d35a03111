"""Fetches a branch anew into an empty git folder: what is here already does not count."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import Transient
from .git import LONG, Terms
from .git_folder import GitFolder, Settings


async def fetch_fresh(folder: GitFolder, settings: Settings, into: Path, commit: str) -> None:
    """Bring the newest state of the branch, all of it, with ``folder``'s credential.

    Raises Transient when the remote cannot give it, or has another one by now.
    """
    git, about = folder.git, settings.url
    await git.run(into, "init", "--quiet", "--bare", "--initial-branch=reconciler")
    await git.run(
        into,
        *("fetch", "--quiet", "--depth=1", "--no-tags", "--no-write-fetch-head"),
        *("--no-recurse-submodules", "--end-of-options", settings.url),
        f"+refs/heads/{settings.branch}:refs/reconciler/upstream",
        terms=Terms(deadline=LONG, credential=folder.credential, about=about),
    )
    here = await git.run(into, "rev-parse", "--verify", "refs/reconciler/upstream")
    if here.decode().strip() != commit:
        raise Transient(f"{about} changed while it was fetched", reason="RemoteMoving")
