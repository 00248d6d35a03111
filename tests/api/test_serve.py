"""The operator listens where it should, for whom it should, and lets go when told."""

from __future__ import annotations

import asyncio
import os
import pwd
import signal
import socket as net
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from reconciler.api.access import Access
from reconciler.api.app import make_app
from reconciler.api.serve import serve
from reconciler.cli.client import Operator as CommandLine
from reconciler.cli.outcome import Failure
from reconciler.clients.files import write_atomic
from reconciler.core.errors import ReconcileError, Terminal, Transient
from reconciler.metrics import Metrics
from reconciler.testing import eventually_async

from .conftest import Operator


@pytest.fixture
def app(operator: Operator, access: Access) -> Starlette:
    return make_app(operator, Metrics(), access)


@pytest.fixture
def path(stack_dir: Path) -> Path:
    return stack_dir / "run" / "operator.sock"


def listens(path: Path) -> bool:
    with net.socket(net.AF_UNIX) as caller:
        return caller.connect_ex(str(path)) == 0


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def content(folder: Path) -> dict[str, str]:
    """The files of a folder; what a socket holds is not for reading."""
    return {file.name: "" if file.is_socket() else file.read_text() for file in folder.iterdir()}


@asynccontextmanager
async def serving(
    app: Starlette, path: Path, listen: str | None = None
) -> AsyncIterator[asyncio.Task[None]]:
    """The operator answers inside, and has let go after."""
    task = asyncio.create_task(serve(app, socket=path, listen=listen))
    try:
        await eventually_async(lambda: task.done() or listens(path))
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def over(path: Path) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.AsyncHTTPTransport(uds=str(path)), base_url="http://localhost"
    )


async def refused(app: Starlette, path: Path, listen: str | None = None) -> ReconcileError:
    with pytest.raises(ReconcileError) as caught:
        await serve(app, socket=path, listen=listen)
    return caught.value


async def test_the_socket_is_the_owners(app: Starlette, path: Path) -> None:
    """Only the owner can open the socket, and who opens it sees everything."""
    async with serving(app, path), over(path) as http:
        assert mode(path) == 0o600
        assert (await http.get("/metrics")).status_code == 200
        assert content(path.parent) == {"operator.sock": ""}
    assert content(path.parent) == {}


async def test_the_command_line_is_understood(app: Starlette, path: Path) -> None:
    """The shipped client of the command line, which speaks HTTP/1.0, gets its views."""
    async with serving(app, path):
        client = CommandLine(path)
        assert (await asyncio.to_thread(client.status))["revision"] == "abc"
        assert (await asyncio.to_thread(client.reconcile))["failures"] == []
        assert len((await asyncio.to_thread(client.events, [("limit", "3")]))["items"]) == 3
        order = {"for": "10m", "reason": "läuft"}
        asked = await asyncio.to_thread(client.act, "Process", "web", "stop", order)
        assert [one["name"] for one in asked["items"]] == ["web-0"]
        (request,) = (await asyncio.to_thread(client.requests))["items"]
        assert (request["reason"], request["seconds"]) == ("läuft", 600.0)
        assert request["author"] == pwd.getpwuid(os.getuid()).pw_name
        await asyncio.to_thread(client.release, "Process", "web")
        await asyncio.to_thread(client.reconcile, "4f2c1d9")
        with pytest.raises(Failure, match="there is no Process/wbe"):
            await asyncio.to_thread(client.resource, "Process", "wbe")


async def test_its_folder_is_made_private(app: Starlette, stack_dir: Path) -> None:
    """A missing folder is made, for the owner alone."""
    path = stack_dir / "new" / "operator.sock"
    async with serving(app, path):
        assert mode(path.parent) == 0o700


async def test_the_port_is_loopbacks(app: Starlette, path: Path, free_port: int) -> None:
    """With a port asked for, both ways answer, and a foreign name is refused there."""
    async with (
        serving(app, path, f"127.0.0.1:{free_port}"),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{free_port}") as http,
    ):
        assert (await http.get("/metrics")).status_code == 200
        assert (await http.get("/metrics", headers={"Host": "evil"})).status_code == 421
        claim = {"X-Forwarded-For": "10.0.0.1", "X-Reconciler-Client": "stranger"}
        assert (await http.get("/metrics", headers=claim)).status_code == 404


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:9090", "9090", "127.0.0.1", "example.com:80", "127.0.0.1:x", "[::1", ":1"]
)
async def test_other_addresses_are_refused(app: Starlette, path: Path, listen: str) -> None:
    """The operator never listens where others can reach it, and says what to write instead."""
    error = await refused(app, path, listen)
    assert isinstance(error, Terminal)
    assert f'cannot listen on "{listen}": write 127.0.0.1:PORT' in str(error)
    assert content(path.parent) == {}


async def test_a_busy_port_is_named(app: Starlette, path: Path) -> None:
    """A port somebody else has is named, and may come free: retried."""
    with net.create_server(("127.0.0.1", 0)) as other:
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        error = await refused(app, path, listen)
    assert isinstance(error, Transient)
    assert listen in str(error)
    assert "in use" in str(error)


async def test_a_dead_ones_socket_is_taken_over(app: Starlette, path: Path) -> None:
    """What a killed operator left behind does not keep the next one from starting."""
    with net.socket(net.AF_UNIX) as dead:
        dead.bind(str(path))
    async with serving(app, path), over(path) as http:
        assert (await http.get("/livez")).status_code == 200


async def test_a_living_one_is_left_alone(app: Starlette, path: Path) -> None:
    """A second operator is refused, and the first keeps answering."""
    async with serving(app, path), over(path) as http:
        assert (await refused(app, path)).reason == "AlreadyRunning"
        assert (await http.get("/livez")).status_code == 200


@pytest.fixture
def in_the_way(path: Path) -> None:
    path.write_text("precious")


@pytest.mark.usefixtures("in_the_way")
async def test_a_file_in_the_way_is_kept(app: Starlette, path: Path) -> None:
    """Something that is no socket is not ours to remove."""
    assert (await refused(app, path)).reason == "NotASocket"
    assert content(path.parent) == {"operator.sock": "precious"}


async def test_a_long_path_is_explained(app: Starlette, stack_dir: Path) -> None:
    """A path too long for a socket is said to be that, in bytes, with the way out."""
    error = await refused(app, stack_dir / ("ä" * 60) / "operator.sock")
    assert error.reason == "SocketPathTooLong"
    assert "107 bytes" in str(error)
    assert "--state-dir" in str(error)


async def test_a_successors_socket_stays(app: Starlette, path: Path) -> None:
    """An operator that ends does not take away what its successor put in the same place."""
    async with serving(app, path):
        write_atomic(path, b"successor")
    assert content(path.parent) == {"operator.sock": "successor"}


async def test_a_request_under_way_is_answered(
    app: Starlette, operator: Operator, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told to stop, the operator still finishes the answer it is writing."""
    entered, leave = asyncio.Event(), asyncio.Event()

    async def plan() -> dict[str, str]:
        entered.set()
        await leave.wait()
        return {"revision": "abc"}

    monkeypatch.setattr(operator, "plan", plan)
    async with over(path) as http, serving(app, path) as task:
        asked = asyncio.create_task(http.get("/admin/api/v1/plan"))
        await entered.wait()
        task.cancel()
        asyncio.get_running_loop().call_later(0.2, leave.set)
        assert (await asked).json() == {"revision": "abc"}


async def test_nothing_holds_up_its_stop(
    app: Starlette, operator: Operator, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither an answer that never comes, nor an idle or half-written request holds it up."""
    entered = asyncio.Event()

    async def plan() -> dict[str, str]:
        entered.set()
        await asyncio.Event().wait()
        return {}

    monkeypatch.setattr(operator, "plan", plan)
    async with asyncio.timeout(20), over(path) as http:
        async with serving(app, path):
            asked = asyncio.create_task(http.get("/admin/api/v1/plan"))
            await entered.wait()
            _, half = await asyncio.open_unix_connection(path)
            half.write(b"GET /livez HTTP/1.1\r\nHost:")
            await half.drain()
        half.close()
        assert (await asked).json()["detail"] == "the operator is stopping: ask again"
    assert content(path.parent) == {}


async def test_signals_stay_the_hosts(app: Starlette, path: Path) -> None:
    """The host of the loop decides what a signal means; serving changes no disposition."""

    def dispositions() -> list[object]:
        return [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]

    before = dispositions()
    async with serving(app, path):
        assert dispositions() == before


async def test_idle_costs_nothing(app: Starlette, path: Path) -> None:
    """An operator nobody asks anything does not wake up."""
    loop = asyncio.get_running_loop()
    async with serving(app, path), over(path) as http:
        await http.get("/livez")
        timers = [each for each in loop._scheduled if not each.cancelled()]  # type: ignore[attr-defined]
        soon = [each for each in timers if each.when() < loop.time() + 4]
        assert soon == []


def test_the_cli_does_not_pay() -> None:
    """Neither starlette, uvicorn nor prometheus_client is loaded by what the command line loads."""
    code = (
        "import sys, reconciler.cli.main;"
        "print({'starlette', 'uvicorn', 'prometheus_client'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.strip() == "set()"
