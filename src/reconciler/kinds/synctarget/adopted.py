"""Goes on where another tool's repository stopped: what that had pushed is what was agreed on."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ...clients.git_remote import UPSTREAM
from ...core.errors import Terminal
from .job import Job
from .large.earlier import resolve
from .large.found import entry_of
from .latch import Latches


class Origin(NamedTuple):
    """The commit that is gone on from; ``lasts`` when what lies here counts as newer than it.

    ``missing`` are large files of which there is only a pointer, each with the reason.
    """

    commit: str
    lasts: bool
    missing: tuple[str, ...] = ()


async def go_on_from(job: Job, latches: Latches, history: Path) -> Origin | None:
    """Take the branch as ``history`` last saw it for the last agreement.

    What lies here and differs from it is newer, so the first start does not restore over it; unless
    there is nothing, or no mark can be put on it. None when that commit has nothing of the target.
    Said again, only files that are missing are fetched: what was agreed on since is not taken back.
    """
    commit = job.status.get("adopted") or await _agree(job, history)
    if commit is None:
        latches.adopted(job.name)
        return None
    latches.set(job.place, held=True)  # first: gigabytes may follow, and a kill
    missing = await resolve(job)
    return Origin(str(commit), latches.continues(job.place), missing)


async def _agree(job: Job, history: Path) -> str | None:
    await _fetch(job, history)
    commit = await job.history.ref(UPSTREAM)
    entry = await entry_of(job, job.history, commit)
    if entry is None:
        return None
    await job.agree(commit, entry, entry)
    job.note(adopted=commit)
    return commit


async def _fetch(job: Job, history: Path) -> None:
    """Bring the branch here, as the remote was seen last; else as it is there."""
    branch, why = job.settings.branch, ""
    for name in (f"refs/remotes/origin/{branch}", f"refs/heads/{branch}"):
        result = await job.folder.git.attempt(
            *(job.folder.path, "fetch", "--quiet", "--depth=1", "--no-tags"),
            *("--no-write-fetch-head", "--no-recurse-submodules", "--end-of-options"),
            *(str(history), f"+{name}:{UPSTREAM}"),
        )
        if result.code == 0:
            return
        why = result.errors.strip()
    raise Terminal(f"{history} has no branch {branch}: {why}", reason="NoBranch")
