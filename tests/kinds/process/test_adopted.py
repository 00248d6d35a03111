"""Processes that another supervisord keeps: recognised, left alone, taken over."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.errors import Transient
from reconciler.core.model import Observed
from reconciler.core.sealed import Sealed
from reconciler.kinds.process.actions import ProcessAction, Start, WriteRecord
from reconciler.kinds.process.adopted import Adopting
from reconciler.kinds.process.adoption import Adoption, folder_of, name_looks, write_adoption
from reconciler.kinds.process.looks import Looks, as_seen, look
from reconciler.kinds.process.state import Program
from reconciler.testing import eventually

WANTED = Program(
    argv=("sleep", "4001"),
    env={"REPLICA_INDEX": "0", "A": "1", "KEY": Sealed.of("canary", b"k")},
    working_dir="/tmp",
    umask="027",
    niceness=3,
    installed=True,
    started=True,
)


@pytest.fixture
def sleeper() -> Iterator[Looks]:
    """A process as another supervisord would have started it."""
    environ = {"A": "1", "KEY": "canary", "PATH": os.environ["PATH"], "MORE": "x"}
    with subprocess.Popen(
        ["nice", "-n", str(3 - os.getpriority(os.PRIO_PROCESS, 0)), *WANTED.argv],
        env=environ, cwd="/tmp", umask=0o27,
    ) as process:  # fmt: skip
        looks = eventually(lambda: _sleeping(process.pid))
        assert looks
        yield looks
        process.kill()


def _sleeping(pid: int) -> Looks | None:
    found = look(pid)
    return found if found and found.argv[:1] == ("sleep",) else None


def test_what_looks_the_same_is_the_same(sleeper: Looks) -> None:
    """Command, folder, declared environment, umask and niceness; what is inherited is no matter."""
    assert as_seen(sleeper, WANTED) == WANTED


def test_one_that_ends_meanwhile_is_told_as_it_was(sleeper: Looks) -> None:
    """What was seen of it is enough to tell what differs."""
    os.kill(sleeper.pid, signal.SIGKILL)
    os.waitpid(sleeper.pid, 0)
    assert as_seen(sleeper, WANTED) == WANTED


@pytest.mark.parametrize(
    "other",
    [
        {"argv": ("sleep", "1")},
        {"argv": ("run.sh", "4001")},
        {"working_dir": "/"},
        {"env": {**WANTED.env, "A": "2"}},
        {"env": {**WANTED.env, "B": "2"}},
        {"env": {**WANTED.env, "KEY": Sealed.of("other", b"k")}},
        {"umask": "022"},
        {"user": "4711"},
        {"niceness": 5},
        {"open_files": 99},
        {"no_new_privileges": True},
    ],
    ids=lambda other: next(iter(other)),
)
def test_what_differs_is_told(sleeper: Looks, other: dict[str, Any]) -> None:
    """Each field for which it would have to be restarted is found, and no other."""
    wanted = WANTED.model_copy(update=other)
    seen = as_seen(sleeper, wanted)
    assert {n for n in Program.model_fields if getattr(seen, n) != getattr(wanted, n)} == {*other}


def test_a_script_runs_under_its_interpreter(tmp_path: Path) -> None:
    """The first line of a script stands before it in the list of processes."""
    script = tmp_path / "run.sh"
    script.write_text("#!/bin/sh\nread line\n")
    script.chmod(0o755)
    with subprocess.Popen([script, "x"], cwd=tmp_path, stdin=subprocess.PIPE) as process:
        looks = eventually(lambda: _shown(process.pid))
        assert looks
        for argv in ((str(script), "x"), ("./run.sh", "x")):
            wanted = Program(argv=argv, working_dir=str(tmp_path))
            assert as_seen(looks, wanted) == wanted
        wanted = Program(argv=("./other.sh", "x"), working_dir=str(tmp_path))
        assert as_seen(looks, wanted) != wanted
        process.kill()
    assert look(process.pid) is None


def _shown(pid: int) -> Looks | None:
    found = look(pid)
    return found if found and found.argv[-1:] == ("x",) and found.argv[0] == "/bin/sh" else None


class Inner:
    """What keeps everything else; it remembers what it was told."""

    def __init__(self) -> None:
        self.done: list[ProcessAction] = []
        self.found: dict[str, Observed[Program]] = {}

    async def observe(self) -> Mapping[str, Observed[Program]]:
        return self.found

    async def apply(self, action: ProcessAction) -> None:
        self.done.append(action)

    async def last_lines(self, name: str) -> Sequence[str]:
        return [name]


def adoption(stack_dir: Path, looks: Looks) -> Adoption:
    """The sleeper's, by a supervisord that is gone."""
    found = Adoption(
        "web-0", str(stack_dir / "none.sock"), "web", looks.pid, looks.born,
        name_looks(looks), "", WANTED,
    )  # fmt: skip
    write_adoption(folder_of(stack_dir), found)
    return found


async def test_without_adoptions_nothing_is_added(stack_dir: Path) -> None:
    """The very same answer, at the cost of a look into a folder."""
    inner = Inner()
    adopting = Adopting(inner, stack_dir)
    assert await adopting.observe() is inner.found
    assert await adopting.last_lines("x") == ["x"]


async def test_it_lives_though_nobody_answers_for_it(stack_dir: Path, sleeper: Looks) -> None:
    """A process whose supervisord was killed is not started a second time."""
    adoption(stack_dir, sleeper)
    inner = Inner()
    adopting = Adopting(inner, stack_dir)
    seen = (await adopting.observe())["web-0"]
    assert (seen.state, seen.owned, seen.vitals["pid"]) == (WANTED, True, sleeper.pid)
    assert (await adopting.observe())["web-0"] is seen
    with pytest.raises(Transient, match="nobody answers"):
        await adopting.apply(Start("web-0", WANTED))
    assert inner.done == []
    os.kill(sleeper.pid, 9)
    await asyncio.to_thread(os.waitid, os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)


async def test_what_is_gone_is_ours(stack_dir: Path, sleeper: Looks) -> None:
    """Once nobody answers and nothing lives, it is started here, and the record goes."""
    gone = sleeper.__class__(**{**_fields(sleeper), "born": sleeper.born - 1})
    adoption(stack_dir, gone)
    inner = Inner()
    adopting = Adopting(inner, stack_dir)
    assert "web-0" not in await adopting.observe()
    start = Start("web-0", WANTED)
    await adopting.apply(start)
    assert inner.done == [start]
    assert list(folder_of(stack_dir).iterdir()) == []


async def test_what_needs_no_restart_is_noted(stack_dir: Path, sleeper: Looks) -> None:
    """A change of policy holds from the time at which the process is ours; nothing restarts."""
    adoption(stack_dir, sleeper)
    adopting = Adopting(Inner(), stack_dir)
    wanted = WANTED.model_copy(update={"max_retries": 3})
    await adopting.apply(WriteRecord("web-0", wanted, "r"))
    assert (await adopting.observe())["web-0"].state == wanted


def _fields(looks: Looks) -> dict[str, Any]:
    return {name: getattr(looks, name) for name in looks.__dataclass_fields__}


async def test_a_damaged_note_is_not_none(stack_dir: Path, sleeper: Looks) -> None:
    """Without the note nobody knows that its process lives elsewhere: nothing is done blindly."""
    adoption(stack_dir, sleeper)
    (folder_of(stack_dir) / "web-0.json").write_text("{")
    with pytest.raises(Transient, match=r"web-0\.json is damaged"):
        await Adopting(Inner(), stack_dir).observe()
