"""One changed file in a large tree, committed and pushed; and an interval in which nothing did."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple

from reconciler.kinds.synctarget.actions import Backup
from reconciler.testing.backup_worlds import GitWorld
from reconciler.testing.git_server import Desk, git, make_bare, serving

from .copies import Copies, copies
from .rounds import OURS, Board, Target, interleave, timed
from .sides import folder

IN_A_FOLDER: Final = 50
FOLDERS_IN_A_FOLDER: Final = 20
CHANGED: Final = "app/data/d000/s00/f00"
NAIVE: Final = "git add, commit, push"
WHO: Final = {
    f"GIT_{role}_{part}": "bench" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")
}


def backup(board: Board, *, sizes: Sequence[int], rounds: int) -> None:
    """Trees of so many small files; the remote is a folder, of several also a server."""
    remotes = {"a path": False, "http": True} if len(sizes) > 1 else {"a path": False}
    for size in sizes:
        with folder() as place:
            _one_size(board, place, remotes, size=size, rounds=rounds)


def _one_size(
    board: Board, place: Path, remotes: Mapping[str, bool], *, size: int, rounds: int
) -> None:
    targets = (Target(NAIVE, ahead=20.0),) if size >= 100_000 else ()
    for name, server in remotes.items():
        with _sides(place / name.replace(" ", "-"), size, server=server) as sides:
            row = board.row(
                f"backup 1 changed of {size} to {name}",
                "ms",
                *(targets if not server else ()),
                note="from the command on; git pushes too, and ours reads back that it arrived",
            )
            changes = {name: one.change for name, one in sides.named.items()}
            for side, samples in interleave(changes, rounds=rounds).items():
                row.add(side, *samples)
            if not server:
                _first(board, sides, size=size)
                _idle(board, sides, size=size, rounds=rounds)
            assert sides.ours.kept() == sides.naive.kept(), "both remotes hold the same"


def _first(board: Board, sides: Sides, *, size: int) -> None:
    took = board.row(f"backup of {size} files, the first", "ms")
    disk = board.row(f"backup of {size} files, the first: git's folder", "MB")
    for side, one in ((OURS, sides.ours), (NAIVE, sides.naive)):
        took.add(side, one.first)
        disk.add(side, one.weight)
    for other in sides.others:
        took.add(other.name, other.first)


def _weigh(folder: Path) -> float:
    """Megabytes of the disk that a git folder takes."""
    blocks = sum(path.stat().st_blocks for path in (folder / "objects").rglob("*"))
    return blocks * 512 / 1e6


def _idle(board: Board, sides: Sides, *, size: int, rounds: int) -> None:
    row = board.row(f"backup idle, {size} files", note="ours opens no file and no folder of them")
    with opened(sides.ours.base) as seen:
        found = interleave({name: one.idle for name, one in sides.named.items()}, rounds=3 * rounds)
    for side, samples in found.items():
        row.add(side, *samples)
    touched = board.row(f"backup idle, {size} files: opened", "", Target(within=0.0))
    touched.add(OURS, float(len(seen)))


_seen: list[str] | None = None
_below = ""


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _seen is not None and event in {"open", "os.listdir", "os.scandir"}:
        path = arguments[0]
        # The base itself is looked at to see whether it is still the one that was restored.
        if isinstance(path, str | os.PathLike) and os.fspath(path).startswith(_below):
            _seen.append(str(path))


@contextmanager
def opened(base: Path) -> Iterator[list[str]]:
    """What this process opens below the data of a base meanwhile."""
    global _seen, _below  # noqa: PLW0603 (an audit hook stays for ever, and has nowhere else to look)
    if not _below:
        sys.addaudithook(_audit)
    _seen, _below = [], str(base / "app" / "data") + "/"
    try:
        yield _seen
    finally:
        _seen = None


class Ours:
    """A target, backed up as the operator does it."""

    def __init__(self, world: GitWorld, runner: asyncio.Runner) -> None:
        self._world, self._runner = world, runner
        self._values = count(1)
        self.base = world.base
        self.first = timed(lambda: runner.run(world.settle()))
        self.weight = _weigh(world.store)
        runner.run(world.look(due=True))
        self._driver = world.drivers["SyncTarget"]

    def change(self) -> float:
        self._world.write(CHANGED, f"value {next(self._values)}\n".encode())
        took = timed(lambda: self._runner.run(self._driver.apply(Backup("data"))))
        assert git(self._world.bare, "show", f"main:{CHANGED}").startswith(b"value")
        return took

    def idle(self) -> float:
        return timed(lambda: self._runner.run(self._driver.apply(Backup("data"))))

    def kept(self) -> str:
        return git(self._world.bare, "rev-parse", "main:app").decode()


class Naive:
    """What a script does."""

    def __init__(self, base: Path, remote: str) -> None:
        self._base, self._remote = base, remote
        self._values = count(1)
        self._git("init", "--quiet", "--initial-branch=main")
        self._git("config", "gc.auto", "0")
        self.first = timed(self._cycle)
        self.weight = _weigh(base / ".git")

    def change(self) -> float:
        (self._base / CHANGED).write_text(f"value {next(self._values)}\n")
        return timed(self._cycle)

    def idle(self) -> float:
        return timed(lambda: self._git("add", "-A"))

    def kept(self) -> str:
        return self._git("rev-parse", "HEAD:app").decode()

    def _cycle(self) -> None:
        self._git("add", "-A")
        self._git("commit", "--quiet", "-m", "backup")
        self._git("push", "--quiet", self._remote, "HEAD:refs/heads/main")

    def _git(self, *arguments: str) -> bytes:
        environ: Mapping[str, str] = {**os.environ, **WHO, "GIT_CONFIG_GLOBAL": os.devnull}
        done = subprocess.run(
            ["git", *arguments], cwd=self._base, env=environ, capture_output=True, check=True
        )
        return done.stdout


class Sides(NamedTuple):
    """Ours, what a script does with git, and programs that only copy."""

    ours: Ours
    naive: Naive
    others: Sequence[Copies]

    @property
    def named(self) -> Mapping[str, Ours | Naive | Copies]:
        """Each by the name of its column."""
        return {OURS: self.ours, NAIVE: self.naive, **{one.name: one for one in self.others}}


@contextmanager
def _sides(place: Path, size: int, *, server: bool) -> Iterator[Sides]:
    place.mkdir()
    script = make_bare(place / "remote" / "script.git")
    with serving(Desk(place / "remote")) as desk, asyncio.Runner() as runner:
        world = GitWorld(place, desk if server else None)
        fill(world.base / "app" / "data", size)
        fill(place / "naive" / "app" / "data", size)
        url = f"{desk.url.replace('://', f'://me:{world.password}@')}/script.git"
        naive = Naive(place / "naive", url if server else str(script))
        # The others have no server of their own here.
        others = [] if server else copies(place, place / "naive", CHANGED)
        yield Sides(Ours(world, runner), naive, others)
        world.records.close()


def fill(top: Path, size: int) -> None:
    """So many small files, as data folders have them; the same each time."""
    dice = random.Random(size)
    make: Callable[[], bytes] = lambda: dice.randbytes(dice.randint(200, 3000))  # noqa: E731
    for number in range(0, size, IN_A_FOLDER):
        outer, inner = divmod(number // IN_A_FOLDER, FOLDERS_IN_A_FOLDER)
        below = top / f"d{outer:03d}" / f"s{inner:02d}"
        below.mkdir(parents=True)
        for file in range(min(IN_A_FOLDER, size - number)):
            (below / f"f{file:02d}").write_bytes(make())
