"""One large file, backed up to a store and restored: memory, and time beside hashing it alone."""

from __future__ import annotations

import asyncio
import hashlib
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from .rounds import OURS, Board, Target
from .sides import folder

MEGABYTES: Final = 64.0
HASH: Final = "sha256 alone"
STORES: Final = ("directory", "release")
_MB: Final = 1 << 20


def large(board: Board, *, sizes: Sequence[int], rounds: int) -> None:
    """Files of so many megabytes, each in a process of its own, whose memory is looked at."""
    for size in sizes:
        for store in STORES:
            memory = board.row(
                f"large {size} MB, {store}: peak memory above idle", "MB", Target(within=MEGABYTES)
            )
            kept = board.row(f"large {size} MB, {store}: backed up", "ms", note=_NOTE)
            back = board.row(f"large {size} MB, {store}: restored", "ms")
            for _ in range(rounds):
                told = _run(store, size)
                memory.add(OURS, told["memory"])
                for row, took in ((kept, told["backup"]), (back, told["restore"])):
                    row.add(OURS, took)
                    row.add(HASH, told["hash"])


_NOTE: Final = "hashed, sent and hashed again, read back and hashed, pushed; the store is here"


def _run(store: str, size: int) -> Any:
    with folder() as place, _served(store) as url:
        words = [sys.executable, "-m", "benchmarks.large", store, str(size), str(place), url]
        done = subprocess.run(words, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


@contextmanager
def _served(store: str) -> Iterator[str]:
    """The fake of GitHub, in a process of its own: it holds everything in memory."""
    if store != "release":
        yield ""
        return
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    server = spawn.Process(target=_serve, args=(theirs,), daemon=True)
    server.start()
    try:
        yield ours.recv()
    finally:
        server.terminate()
        server.join()


def _serve(pipe: Any) -> None:
    from reconciler.testing.github import serving
    from reconciler.testing.github_hub import Hub

    with serving(Hub(digests=False)) as server:
        pipe.send(server.url)
        pipe.recv()


def main(store: str, size: int, place: Path, url: str) -> None:
    """One backup and one restore."""
    from reconciler.testing.backup_worlds import GitWorld

    (place / "blobs").mkdir()
    world = GitWorld(place, None)
    where = {"directory": {"directory": str(place / "blobs")}, "release": _release(url)}
    world.targets["data"]["largeFiles"] = {"store": store, **where[store]}
    with asyncio.Runner() as runner:
        world.write("app/data/small", b"x")
        runner.run(world.back_up())
        before = _memory("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")
        big = world.base / "app" / "data" / "big"
        _fill(big, size)
        hashed = _timed(lambda: _hash(big))
        kept = _timed(lambda: runner.run(world.look(due=True)))
        digest = _hash(big)
        world.wipe()
        shutil.rmtree(place / "stack" / "state" / "repos")
        world.restart(stack=True)
        back = _timed(lambda: runner.run(world.settle(8)))
        assert _hash(big) == digest, "it is the same file again"
        memory = (_memory("VmHWM") - before) / 1024
    world.records.close()
    print(json.dumps({"memory": memory, "hash": hashed, "backup": kept, "restore": back}))


def _release(url: str) -> dict[str, str]:
    return {"api": url, "repo": "me/backup"}


def _fill(path: Path, size: int) -> None:
    dice = random.Random(size)
    with path.open("wb") as file:
        for _ in range(size):
            file.write(dice.randbytes(_MB))


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _timed(work: Any) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def _memory(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise AssertionError(name)


if __name__ == "__main__":
    os.environ.pop("GIT_DIR", None)
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
