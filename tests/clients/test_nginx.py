"""nginx as a program, and ports with owners."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from reconciler.clients import ports
from reconciler.clients.keeper import Keeper
from reconciler.clients.nginx import SupervisedRunner, find_nginx
from reconciler.clients.supervisord import Fault, Refused, RunState, Supervisord
from reconciler.core.errors import Terminal, Transient, Waiting
from reconciler.core.model import Json
from reconciler.kinds.gateway.files import Folder
from reconciler.kinds.gateway.include import INCLUDE
from reconciler.kinds.gateway.state import Settings


@pytest.mark.real
async def test_our_files_are_accepted_and_bad_ones_quoted(stack_dir: Path, free_port: int) -> None:
    """The scratch folder is gone afterwards; nginx's own words are passed on."""
    nginx = await find_nginx()
    plan = Folder(stack_dir).plan("g", free_port, "127.0.0.1", Settings())
    files = dict(plan.contents)
    await nginx.check(files, near=stack_dir / "run")
    with pytest.raises(Terminal, match=r'unknown directive "nonsense".*gateway\.conf:1'):
        await nginx.check({**files, INCLUDE: b"nonsense on;\n"}, near=stack_dir / "run")
    assert list((stack_dir / "run").iterdir()) == []


async def test_an_openresty_is_used_where_there_is_one(tmp_path: Path) -> None:
    """It speaks Lua by itself: no modules are loaded."""
    fake = tmp_path / "openresty"
    fake.write_text("#!/bin/sh\n")
    fake.chmod(0o755)
    nginx = await find_nginx(str(tmp_path))
    assert nginx.binary == str(fake)
    assert "load_module" not in nginx.globals


async def test_no_nginx_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One command mends it."""
    monkeypatch.setattr("reconciler.clients.nginx.PLACES", ())
    with pytest.raises(Terminal, match="apt-get install nginx-light"):
        await find_nginx(str(tmp_path))


def test_a_busy_port_names_its_owner(free_port: int) -> None:
    """The program that has the port, and its pid."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))  # whichever is free at this very moment
        holder.listen()
        busy = holder.getsockname()[1]
        with pytest.raises(ports.PortBusy, match=rf"port {busy}: .*\(pid {os.getpid()}\)"):
            ports.claim("127.0.0.1", busy)
    ports.claim("127.0.0.1", free_port)


def test_an_address_of_another_machine_is_refused(free_port: int) -> None:
    """It will not become ours by waiting."""
    with pytest.raises(Terminal, match="this machine has no such address"):
        ports.claim("192.0.2.1", free_port)


class Ended(Supervisord):
    """Its gateway ends between the look and the signal."""

    async def signal(self, name: str, signal: str) -> None:
        raise Refused(f"NOT_RUNNING: {name}, {signal}", fault=Fault.NOT_RUNNING)


async def test_a_gateway_that_ended_meanwhile_is_waited_for(stack_dir: Path) -> None:
    """What is started next reads the new files anyway: that is no failure."""
    with pytest.raises(Waiting, match="ended before"):
        await SupervisedRunner(Ended(stack_dir / "run" / "supervisor.sock")).hang_up()


class Telling(Keeper):
    """Tells of what else runs, as it is set."""

    def __init__(self, rpc: Supervisord) -> None:
        super().__init__(rpc)
        self.state = RunState.RUNNING

    async def _ask(self, method: str, _: Json, *, weight: int = 1) -> Any:
        assert (method, weight) == ("changes", 1)
        found = [{"name": "gateway", "state": self.state, "pid": 7}]
        others = {"word": self.state.name, "processes": found}
        said = {"life": "a", "version": 0, "all": False, "programs": {}, "gone": []}
        return said | {"others": others}


async def test_a_keeper_tells_of_the_gateway_with_everything_else(stack_dir: Path) -> None:
    """Then nobody asks supervisord once more; and it is what is so now."""
    nobody = Supervisord(stack_dir / "run" / "supervisor.sock")
    keeper = Telling(nobody)
    runner = SupervisedRunner(nobody, keeper=keeper)
    with pytest.raises(Transient, match="nobody answers"):
        await runner.pid()  # who has told nothing yet may have nothing to tell
    await keeper.look()
    assert await runner.pid() == 7
    keeper.state = RunState.EXITED
    assert await runner.pid() is None
