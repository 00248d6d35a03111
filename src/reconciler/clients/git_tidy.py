"""Keeps a git folder small: many small files become one, and what nothing needs any more goes.

Small packs are joined into larger ones, so that each object is written again a few times in its
life, however many backups there are. Everything is packed anew, and forgotten what the remote keeps
for us, only once the folder has doubled.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from ..core.errors import Transient
from .files import write_atomic
from .git import LONG, Terms
from .git_folder import GitFolder
from .git_refs import read_ref

log = logging.getLogger(__name__)

LOOSE: Final = 5000
"""About so many small files are packed into one."""
LOOSE_BYTES: Final = 256 << 20
PACKS: Final = 40
ROOM: Final = 128 << 20
"""Bytes that a folder may have beyond twice what it had when all of it was last packed."""
KEPT: Final = 100
"""So many of the newest commits of the remote are kept here; it has them all."""
UNREACHED: Final = "1.day.ago"
"""How old an object must be that nothing needs, to be removed."""
_SAMPLE: Final = [f"1{digit:x}" for digit in range(16)]
_SAMPLED: Final = 256 // len(_SAMPLE)
_FRUGAL: Final = ("-c", "pack.windowMemory=64m", "-c", "pack.deltaCacheSize=32m")


class Measure(NamedTuple):
    """How much there is, about."""

    loose: int
    loose_bytes: int
    packs: int
    bytes: int

    @property
    def is_tidy(self) -> bool:
        few = self.loose <= LOOSE and self.loose_bytes <= LOOSE_BYTES
        return few and self.packs <= PACKS


async def tidy(folder: GitFolder, upstream: str) -> None:
    """Pack what has become much; costs next to nothing when it has not.

    ``upstream`` is the ref of what the remote has. What is untidy is whole all the same, so
    failing to pack is no failed backup.
    """
    found = await asyncio.to_thread(measure, folder.path)
    if found.is_tidy:
        return
    before = (folder.read("tidy") or {}).get("bytes") or 0
    try:
        if found.bytes + found.loose_bytes <= 2 * before + ROOM:
            await _pack(folder, "repack", "--geometric=2", "-d", "-q")
            return
        await shorten(folder, upstream)
        await _pack(folder, "-c", "gc.cruftPacks=true", "gc", "--quiet", f"--prune={UNREACHED}")
        after = await asyncio.to_thread(measure, folder.path)
        folder.write("tidy", {"bytes": after.bytes + after.loose_bytes})
    except Transient as exc:
        log.warning("%s could not be packed: %s", folder.path, exc)


async def _pack(folder: GitFolder, *how: str) -> None:
    await folder.git.run(folder.path, *_FRUGAL, *how, terms=Terms(deadline=LONG))


async def shorten(folder: GitFolder, upstream: str) -> None:
    """Let the history of what the remote has end some commits back. Nothing goes on the remote.

    What was never pushed hangs on refs of its own and is not shortened.
    """
    tip = await asyncio.to_thread(read_ref, folder.path, upstream)
    if tip is None:
        return
    how = ("rev-list", "--topo-order", "--parents", f"--max-count={KEPT}", tip)
    lines = (await folder.git.run(folder.path, *how)).decode("ascii").splitlines()
    near = {line.split(" ", 1)[0]: line.split(" ")[1:] for line in lines}
    ends = {commit for commit, parents in near.items() if not near.keys() >= {*parents}}
    await asyncio.to_thread(_end_at, folder.path / "shallow", ends)


def measure(folder: Path) -> Measure:
    """How much a folder has; of loose objects some folders stand for all."""
    objects = folder / "objects"
    loose = [size for name in _SAMPLE for size in _sizes(objects / name)]
    packs = [*_sizes(objects / "pack", ".pack")]
    return Measure(len(loose) * _SAMPLED, sum(loose) * _SAMPLED, len(packs), sum(packs))


def _sizes(folder: Path, ending: str = "") -> Iterator[int]:
    with suppress(FileNotFoundError):
        for path in folder.iterdir():
            if path.name.endswith(ending):
                with suppress(FileNotFoundError):
                    yield path.stat().st_size


def _end_at(path: Path, ends: set[str]) -> None:
    with suppress(FileNotFoundError):
        ends = ends | {*path.read_text("ascii").split()}
    if ends:
        write_atomic(path, "".join(f"{one}\n" for one in sorted(ends)).encode("ascii"))
