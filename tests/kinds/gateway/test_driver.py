"""The gateway's driver against a real nginx: what hands, upgrades and other programs do to it."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from reconciler.clients import ports
from reconciler.clients.ports import PortBusy
from reconciler.core.diff import diff
from reconciler.core.errors import Terminal, Transient, Waiting
from reconciler.core.model import Observed, Ref
from reconciler.kinds.gateway import KIND, driver
from reconciler.kinds.gateway.actions import Configure, Start
from reconciler.kinds.gateway.state import Listener
from reconciler.kinds.route.actions import DropRule
from reconciler.testing import eventually_async
from reconciler.testing.nginx import LocalGateway, make_gateway

pytestmark = pytest.mark.real

HERE = "127.0.0.1"


@pytest.fixture
async def parts(stack_dir: Path) -> AsyncIterator[LocalGateway]:
    """A gateway that is not there yet."""
    gateway = make_gateway(stack_dir)
    yield gateway
    await gateway.aclose()


def is_free(port: int) -> bool:
    """Whether the workers of a killed gateway are gone too."""
    with socket.socket() as probe:
        return probe.connect_ex((HERE, port)) != 0


async def see(parts: LocalGateway) -> Observed[Listener]:
    return (await parts.gateway.observe())["gateway"]


async def converge(parts: LocalGateway, port: int) -> None:
    """Do what differs, as the engine would, until nothing does."""
    wanted = Listener(listen=port, bind=HERE)

    async def done() -> bool:
        seen = await parts.gateway.observe()
        live = seen.get("gateway")
        change = diff(Ref("Gateway", "gateway"), wanted, live.state if live else None)
        try:
            for action in KIND.steps(change) if change else ():
                await parts.gateway.apply(action)
        except Waiting:
            return False
        return change is None and live is not None and live.vitals["state"] == "running"

    await eventually_async(done)


async def changes_by(parts: LocalGateway, hand: Callable[[], Awaitable[None]]) -> set[str]:
    """The fields that are seen to differ after something happened."""
    before = (await see(parts)).state
    await hand()
    after = (await see(parts)).state
    change = diff(Ref("Gateway", "gateway"), before, after)
    return {field.path for field in change.fields} if change else set()


async def test_a_change_by_hand_is_seen_and_undone(parts: LocalGateway, free_port: int) -> None:
    """The file on disk is not what runs: seen at once, and put right without a restart."""
    await converge(parts, free_port)
    pid = await parts.runner.pid()
    written = parts.place.include.read_bytes()

    async def hand() -> None:
        parts.place.include.write_bytes(written.replace(b"listen", b"# listen"))

    assert await changes_by(parts, hand) == {"loaded"}
    await converge(parts, free_port)
    assert parts.place.include.read_bytes() == written
    assert await parts.runner.pid() == pid


@pytest.mark.parametrize("name", ["gateway.conf", "nginx.conf", "lua/reconciler/match/pick.lua"])
@pytest.mark.parametrize("dead", [False, True], ids=["running", "dead"])
async def test_files_broken_by_hand_are_written_again(
    parts: LocalGateway, free_port: int, name: str, *, dead: bool
) -> None:
    """Nothing a hand does to its files keeps the gateway from running, nor from coming back."""
    await converge(parts, free_port)
    path = parts.place.prefix / name
    written = path.read_bytes()

    async def hand() -> None:
        if dead:
            parts.runner.close()
            await eventually_async(lambda: is_free(free_port))
        path.write_bytes(written + b"\nbogus directive;\n")

    assert "loaded" in await changes_by(parts, hand)
    await converge(parts, free_port)
    assert path.read_bytes() == written


async def test_lua_of_another_edition_goes_with_what_ran_it(
    parts: LocalGateway, free_port: int
) -> None:
    """Not under a gateway that may still ask for it: before the next one starts."""
    await converge(parts, free_port)
    old = parts.place.prefix / "lua" / "reconciler" / "old.lua"
    old.write_text("return {}\n")
    await parts.gateway.apply(Start(free_port, "127.0.0.1"))
    assert old.exists()
    parts.runner.close()
    await eventually_async(lambda: is_free(free_port))
    await converge(parts, free_port)
    assert not old.exists()


async def test_another_edition_is_loaded(parts: LocalGateway, free_port: int) -> None:
    """After an upgrade of reconciler the running gateway takes our new Lua over."""
    await converge(parts, free_port)
    pid = await parts.runner.pid()
    newer = make_gateway(parts.place.state_dir, parts.runner)
    newer.gateway.folder.shipped["lua/reconciler/new.lua"] = b"return {}\n"
    newer.gateway.folder.edition = "abcdef"
    assert (await see(newer)).state.code not in {"current", "abcdef"}
    await converge(newer, free_port)
    assert (parts.place.prefix / "lua" / "reconciler" / "new.lua").exists()
    assert await parts.runner.pid() == pid
    await newer.wire.aclose()


async def test_a_busy_port_is_said_and_nothing_changes(parts: LocalGateway, free_port: int) -> None:
    """The owner is named; a gateway that serves elsewhere goes on doing so."""
    with socket.socket() as holder:
        holder.bind((HERE, 0))
        holder.listen()
        busy = holder.getsockname()[1]
        for action in (Configure("gateway", busy, HERE), Start(busy, HERE)):
            with pytest.raises(PortBusy, match=rf"\(pid {os.getpid()}\) has it"):
                await parts.gateway.apply(action)
        assert await parts.gateway.observe() == {}
        await converge(parts, free_port)
        with pytest.raises(PortBusy):
            await parts.gateway.apply(Configure("gateway", busy, HERE))
        assert (await see(parts)).state == Listener(listen=free_port, bind=HERE)


async def test_who_ends_while_it_is_looked_at_is_waited_for(
    parts: LocalGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that is just leaving the port is nobody to be stopped by hand."""
    gone = await asyncio.create_subprocess_exec("true")
    await gone.wait()
    monkeypatch.setattr(ports, "owner", lambda _: gone.pid)
    with socket.socket() as holder:
        holder.bind((HERE, 0))
        holder.listen()
        with pytest.raises(Waiting, match="leaving this port"):
            await parts.gateway.apply(Start(holder.getsockname()[1], HERE))


async def test_files_nginx_refuses_stay_out(parts: LocalGateway, free_port: int) -> None:
    """A broken edition is refused with nginx's words; the old one goes on serving."""
    await converge(parts, free_port)
    broken = make_gateway(parts.place.state_dir, parts.runner)
    broken.gateway.folder.shipped["nginx.conf"] = b"nonsense on;\n"
    broken.gateway.folder.edition = "bad0"
    with pytest.raises(Terminal, match='unknown directive "nonsense"'):
        await broken.gateway.apply(Configure("gateway", free_port, HERE))
    await broken.wire.aclose()
    assert (await see(parts)).state == Listener(listen=free_port, bind=HERE)


async def test_a_file_that_is_not_ours_is_left_alone(parts: LocalGateway) -> None:
    """Somebody else's gateway.conf is seen, and not owned."""
    parts.place.prefix.mkdir(parents=True)
    parts.place.include.write_text("listen 127.0.0.1:80;\n")
    assert not (await see(parts)).owned


async def test_a_deaf_gateway_is_started_again(
    parts: LocalGateway, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whose control socket is gone would never take another route."""
    await converge(parts, free_port)
    pid = await parts.runner.pid()
    (parts.place.run / "gateway.sock").unlink()
    assert (await see(parts)).vitals["state"] == "starting"
    assert (await see(parts)).state.started
    # Longer than a start takes, or the new one would be taken for deaf as well.
    monkeypatch.setattr(driver, "PATIENCE", 1.0)
    await converge(parts, free_port)
    assert await parts.runner.pid() != pid


async def test_routes_need_to_see_the_gateway(parts: LocalGateway, free_port: int) -> None:
    """No gateway at all: certainly no routes. One that is down: nobody knows."""
    assert await parts.routes.observe() == {}
    # There is always one in the specs or implied by them: what keeps it away is said there.
    with pytest.raises(Transient, match=r"no gateway runs .* its Gateway says why"):
        await parts.routes.apply(DropRule("gone"))
    await converge(parts, free_port)
    parts.runner.kill()
    with pytest.raises(Transient, match="does not answer"):
        await parts.routes.observe()
