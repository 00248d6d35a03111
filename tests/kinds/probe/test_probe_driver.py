"""Probe, on the world: real files, real servers, real programs."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
from collections.abc import AsyncIterator, Mapping
from pathlib import Path, PurePath
from typing import Any

import pytest

from reconciler.clients.prober import Prober
from reconciler.clients.proc import start_time
from reconciler.core.diff import diff
from reconciler.core.errors import Transient
from reconciler.core.model import Observed, Origin, Ref, Resource
from reconciler.core.sealed import Sealed
from reconciler.kinds.probe.actions import steps
from reconciler.kinds.probe.driver import ProbeDriver
from reconciler.kinds.probe.spec import ProbeSpec
from reconciler.kinds.probe.state import Watched, render
from reconciler.testing import eventually_async, free_port

QUICK = {"period": "100ms", "failureThreshold": 2}


class World:
    """A folder with what is looked at, and operators that come and go."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rings = 0
        self.probers: list[Prober] = []
        self.driver = self._begin()

    async def come_back(self) -> None:
        """A new operator over the same folder."""
        await self.probers[-1].aclose()
        self.driver = self._begin()

    def _begin(self) -> ProbeDriver:
        self.probers.append(Prober(self._ring))
        return ProbeDriver(self.folder, self.probers[-1], os.environ)

    def _ring(self) -> None:
        self.rings += 1

    async def converge(self, **wanted: Mapping[str, Any]) -> list[str]:
        """Make it so, and name what had to be done."""
        seen = await self.driver.observe()
        states = {name: state(said) for name, said in wanted.items()}
        done = []
        for name in sorted(seen.keys() | states.keys()):
            before = seen[name].state if name in seen else None
            change = diff(Ref("Probe", name), states.get(name), before)
            for action in steps(change) if change else ():
                await self.driver.apply(action)
                done.append(f"{type(action).__name__} {name}")
        return done

    async def verdict(self, name: str = "db") -> str:
        return str((await self.vitals(name))["state"])

    async def vitals(self, name: str = "db") -> Mapping[str, Any]:
        return (await self.observe())[name].vitals

    async def observe(self) -> Mapping[str, Observed[Watched]]:
        return await self.driver.observe()


def state(said: Mapping[str, Any]) -> Watched:
    spec = ProbeSpec.model_validate(said)
    return render(Resource(Ref("Probe", "x"), spec, Origin(PurePath("x"), 1), root=PurePath("/")))


@pytest.fixture
async def world(stack_dir: Path) -> AsyncIterator[World]:
    one = World(stack_dir / "state" / "probes")
    yield one
    for prober in one.probers:
        await prober.aclose()


async def until(world: World, verdict: str) -> None:
    async def said() -> bool:
        return await world.verdict() == verdict

    await eventually_async(said)


async def test_a_database_goes_down_and_comes_back(world: World) -> None:
    """The verdict follows, each turn rings once, and nothing of it is ever drift."""
    port = free_port()
    wanted = {"db": {"tcp": {"port": port}, **QUICK}}
    assert await world.converge(**wanted) == ["Follow db"]
    assert await world.verdict() == "unknown"
    await until(world, "failure")
    assert (await world.vitals())["message"] == f"connection refused: 127.0.0.1:{port}"
    assert (await world.vitals())["meets"] == []
    for rings in (2, 4):
        server = socket.create_server(("127.0.0.1", port))
        await until(world, "success")
        assert world.rings == rings
        assert (await world.vitals())["meets"] == ["ready"]
        assert await world.converge(**wanted) == []
        server.close()
        await until(world, "failure")


async def test_what_comes_back_has_begun_anew(world: World) -> None:
    """Those who follow it can tell: it is younger than who was there, older than who starts now."""
    port = free_port()
    wanted = {"db": {"tcp": {"port": port}, **QUICK}}
    with socket.create_server(("127.0.0.1", port)):
        await world.converge(**wanted)
        await until(world, "success")
        assert "restarts" not in await world.vitals()  # it was there all the time, for all we know
        before = await asyncio.create_subprocess_exec("sleep", "60")
    await until(world, "failure")
    assert "born" not in await world.vitals()
    with socket.create_server(("127.0.0.1", port)):
        await until(world, "success")
        after = await asyncio.create_subprocess_exec("sleep", "60")
        vitals = await world.vitals()
        assert vitals["restarts"] == 1
        assert (start_time(before.pid) or 0) < vitals["born"] <= (start_time(after.pid) or 0)
        assert await world.vitals() == vitals
    for process in (before, after):
        process.kill()
        await process.wait()


async def test_an_operator_that_comes_back_knows_it(world: World) -> None:
    """Nothing differs, nothing is known, and soon all is known again."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        wanted = {"db": {"tcp": {"port": server.getsockname()[1]}, **QUICK}}
        await world.converge(**wanted)
        await until(world, "success")
        await world.come_back()
        assert await world.converge(**wanted) == []
        assert await world.verdict() == "unknown"
        await until(world, "success")


async def test_a_look_without_an_operator_leaves_no_trace(world: World, tmp_path: Path) -> None:
    """It says what is followed, and runs nothing."""
    trace = tmp_path / "trace"
    wanted = {"db": {"exec": ["touch", str(trace)]}}
    await world.converge(**wanted)
    world.driver = ProbeDriver(world.folder, None)
    assert await world.converge(**wanted) == []
    assert (await world.vitals())["message"] == "nobody has looked yet"
    assert not trace.exists()


async def test_what_goes_from_the_specs_is_looked_at_no_more(world: World, tmp_path: Path) -> None:
    """The file goes, and with it the looks."""
    trace = tmp_path / "trace"
    await world.converge(db={"exec": ["touch", str(trace)], **QUICK})
    await until(world, "success")
    assert await world.converge() == ["Forget db"]
    assert await world.observe() == {}
    trace.unlink()
    await asyncio.sleep(0.3)
    assert not trace.exists()
    assert await world.converge() == []


async def test_a_secret_reaches_the_program_and_nothing_else(world: World, tmp_path: Path) -> None:
    """Its environment holds it, after a restart too; what is told, and others' files, do not."""
    out = tmp_path / "out"
    env = {"PGPASSWORD": Sealed.of("hunter2", b"k"), "A": "b"}
    script = f'echo "$PGPASSWORD $A $SHELL_SECRET" > {out}; echo "bad $PGPASSWORD"; exit 1'
    wanted = {"db": {"exec": ["sh", "-c", script], "env": env, **QUICK}}
    await world.converge(**wanted)
    for _ in range(2):
        await until(world, "failure")
        await eventually_async(lambda: out.read_text() == "hunter2 b \n")
        seen = (await world.observe())["db"]
        assert "bad (secret)" in seen.vitals["message"]
        assert "hunter2" not in repr(seen) + json.dumps(seen.state.model_dump(mode="json"))
        assert await world.converge(**wanted) == []
        await world.come_back()
        out.unlink()
    assert stat.S_IMODE((world.folder / "db.json").stat().st_mode) == 0o600


async def test_a_damaged_file_is_written_again(world: World) -> None:
    """Whatever somebody wrote there, it is not what is wanted."""
    wanted = {"db": {"tcp": {"port": free_port()}}}
    await world.converge(**wanted)
    for damage in (b"", b"{}", b"[1]", b'{"state": {"tcp": 5}, "secrets": {}}', b"\xff"):
        (world.folder / "db.json").write_bytes(damage)
        assert await world.converge(**wanted) == ["Follow db"]
        assert await world.converge(**wanted) == []


async def test_a_folder_nobody_can_read_is_unknown(world: World) -> None:
    """It is not taken for an empty one."""
    world.folder.write_text("a file in its place")
    with pytest.raises(Transient, match="cannot read"):
        await world.observe()
