"""Programs that are started while very many files are open."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.stack.keeper.spawning import MANY
from reconciler.stack.keeper.unburdened import GoneError, Streams, Unburdened
from reconciler.testing import eventually

from .world import SPEC, World

pytestmark = pytest.mark.real
COUNT = MANY // 3 + 10


def open_files(pid: int) -> int:
    """How many files a process has open."""
    return len([*Path(f"/proc/{pid}/fd").iterdir()])


def test_among_many_a_program_starts_as_ever(world: World) -> None:
    """It has its three files and no other; what it prints arrives; nothing is left when it ends."""
    assert world.process is not None
    idle = open_files(world.process.pid)
    for number in range(COUNT):
        world.shell("read line", f"p-{number}", policy="never")
    script = (
        "ls /proc/self/fd | tr '\\n' ' '; echo; read line; echo \"heard $line\"; exec sleep 1000"
    )
    world.shell(script, "last", policy="never")
    log = world.state_dir / "log" / "last.log"
    eventually(lambda: log.exists() and "0 1 2 3" in log.read_text())
    assert log.read_text().strip().endswith("0 1 2 3")  # the last is that of ls
    world.stock("sendProcessStdin", "last", "you\n")
    eventually(lambda: "heard you" in log.read_text())
    assert len([*Path(f"/proc/{world.process.pid}/task").iterdir()]) == 2
    names = ["last", *(f"p-{number}" for number in range(COUNT))]
    assert world.ask("do", [["remove", name, {}] for name in names]) == [None] * len(names)
    eventually(lambda: not world.entries())
    own = 1  # to the thread
    eventually(lambda: open_files(world.process.pid) <= idle + own)  # type: ignore[union-attr]


def test_among_many_a_refusal_says_the_same(world: World) -> None:
    """What cannot be executed is named, and the next one starts."""
    for number in range(COUNT):
        world.shell("read line", f"p-{number}", policy="never")
    path = world.state_dir / "no-program"
    path.write_text("no program")
    path.chmod(0o755)
    world.record(str(path), name="bad")
    world.keep("bad", policy="never")
    world.do("start", "bad", **SPEC)
    error = world.until("failed", "bad")["error"]
    assert error.startswith("Exec format error:")
    assert str(path) in error
    assert world.shell("read line", "good")["pid"] > 0


@pytest.fixture
def streams() -> Iterator[Streams]:
    """Three open files."""
    made = [os.open(os.devnull, os.O_RDWR) for _ in range(3)]
    yield made[0], made[1], made[2]
    for one in made:
        os.close(one)


def test_the_thread_shares_no_file(streams: Streams) -> None:
    """What is started there sees what was sent to it, and an error comes back as it was."""
    aside, seen = Unburdened(), list[set[str]]()
    gc.collect()  # files that nobody holds any more, from elsewhere, would be closed meanwhile
    before = open_files(os.getpid())

    def begin(files: Streams) -> int:
        seen.append({entry.name for entry in os.scandir("/proc/thread-self/fd")})
        assert set(map(str, files)) <= seen[0]
        return os.posix_spawn("/bin/true", ["true"], {})

    pid = aside.spawn(begin, streams)
    assert os.waitpid(pid, 0)[1] == 0
    assert len(seen[0]) <= 3 + 1 + 3 + 1  # what all have, its own end, what was sent, the listing

    def refuse(_files: Streams) -> int:
        raise PermissionError(1, "no")

    with pytest.raises(PermissionError):
        aside.spawn(refuse, streams)
    assert open_files(os.getpid()) <= before
    aside._socket.close()


def test_without_its_thread_it_says_so(streams: Streams) -> None:
    """Whoever asked starts the program on their own."""
    aside = Unburdened()
    aside._socket.close()
    with pytest.raises(GoneError):
        aside.spawn(lambda _: 1, streams)


def test_a_limit_of_a_program_is_not_one_of_ours(world: World) -> None:
    """With room for fewer files than supervisord has open, or than are sent, it starts as ever."""
    for number in range(COUNT):
        world.shell("read line", f"p-{number}", policy="never")
    for files in (4, 64, MANY - 50, MANY + 1):
        name = f"few-{files}"
        script = "ulimit -n; read line"
        world.record("/bin/sh", "-c", script, name=name, limits={"openFiles": files})
        world.keep(name, policy="never")
        world.do("start", name, **SPEC)
        log = world.state_dir / "log" / f"{name}.log"
        eventually(lambda log=log: log.exists() and log.read_text())  # type: ignore[misc]
        assert log.read_text().strip().endswith(f" {files}")
    assert world.shell("read line", "good")["pid"] > 0
