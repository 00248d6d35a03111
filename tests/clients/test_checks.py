from __future__ import annotations

import asyncio
import os
import socket
import ssl
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import pytest

from reconciler.clients.checks import LogSearch, Looks
from reconciler.clients.execution import Surroundings
from reconciler.clients.http_check import JSON_LIMIT, judge_json
from reconciler.core.probe import JsonValue, Log, Probe
from reconciler.core.sealed import Sealed
from reconciler.core.verdict import Result
from reconciler.testing import eventually_async, free_port

CERTIFICATE = Path(__file__).with_name("loopback.pem")
PATH = {"PATH": "/usr/bin:/bin"}
Answer = Callable[[bytes], bytes | None]


@pytest.fixture
async def looks() -> AsyncIterator[Looks]:
    one = Looks()
    yield one
    one.close()


@asynccontextmanager
async def server(answer: Answer, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server on 127.0.0.1 that says what ``answer`` makes of a request; None: nothing at all."""
    held = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        said = answer(await reader.readuntil(b"\r\n\r\n"))
        if said is not None:
            writer.write(said)
            writer.close()

    running = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    try:
        yield running.sockets[0].getsockname()[1]
    finally:
        running.close()
        for writer in held:
            writer.transport.abort()
        for writer in held:
            with suppress(OSError):
                await writer.wait_closed()


def reply(body: str = "ok", status: str = "200 OK", more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}Connection: close\r\n\r\n"
    return (head + body).encode()


async def http(looks: Looks, port: int, **said: Any) -> Result:
    timeout = said.pop("timeout", "5s")
    probe = Probe.model_validate({"http": {"port": port, **said}, "timeout": timeout})
    return await looks.look(probe, Surroundings)


async def run(looks: Looks, *argv: str, limit: str = "10s", **around: Any) -> Result:
    given = Surroundings(**{"env": PATH, **around})
    return await looks.look(Probe.model_validate({"exec": argv, "timeout": limit}), lambda: given)


async def test_http_says_what_was_wrong(looks: Looks) -> None:
    """A good status is good; a bad one, silence, another protocol and nobody are named."""
    async with server(lambda _: reply()) as port:
        assert await http(looks, port) == Result(ok=True)
        assert await http(looks, port, host="localhost") == Result(ok=True)
        found = await http(looks, port, status=[503])
        assert found == Result(ok=False, message="status 200, not 503")
    async with server(lambda _: reply(status="500 No")) as port:
        assert (await http(looks, port)).message == "status 500, not 200-399"
        assert await http(looks, port, status=["500-599"]) == Result(ok=True)
    async with server(lambda _: None) as port:
        assert (await http(looks, port, timeout="100ms")).message == "no answer within 100ms"
    async with server(lambda _: b"220 smtp ready\r\n") as port:
        said = f'no HTTP from 127.0.0.1:{port}: it answered "220 smtp ready"'
        assert (await http(looks, port)).message == said
    async with server(lambda _: b"HTTP/9 x\r\n\r\n") as port:
        assert (await http(looks, port)).message.startswith(f"no HTTP from 127.0.0.1:{port}: ")
    refused = await http(looks, port)
    assert refused == Result(ok=False, message=f"connection refused: 127.0.0.1:{port}")
    lost = await http(looks, port, host="no-such-host.invalid")
    assert lost.message.startswith("cannot find no-such-host.invalid")


async def test_http_sends_what_is_written(looks: Looks) -> None:
    """Method, path, headers, even a secret one; Host names where it goes."""
    seen = []

    def answer(request: bytes) -> bytes:
        seen.append(request.decode().split("\r\n"))
        return reply()

    headers = {"Authorization": Sealed.of("Bearer hunter2", b"k"), "User-Agent": "me"}
    async with server(answer) as port:
        await http(looks, port, path="/x?y=1", method="POST", headers=headers)
        await http(looks, port, headers={"host": "example.com"})
    assert seen[0][0] == "POST /x?y=1 HTTP/1.1"
    assert {f"Host: 127.0.0.1:{port}", "Authorization: Bearer hunter2", "User-Agent: me"} < {
        *seen[0]
    }
    assert [line for line in seen[1] if line.lower().startswith("host")] == ["host: example.com"]


async def test_a_secret_that_is_no_header_is_not_told(looks: Looks) -> None:
    """A key with a newline in it cannot be sent, and the complaint does not show it."""
    async with server(lambda _: reply()) as port:
        found = await http(looks, port, headers={"X-Key": Sealed.of("hunter2\nx: y", b"k")})
    assert found.ok is False
    assert "hunter2" not in found.message


async def test_redirects_are_not_followed(looks: Looks) -> None:
    """A 302 is a success of its own, wherever it points to."""
    async with server(lambda _: reply(status="302 Found", more="Location: /no\r\n")) as port:
        assert await http(looks, port) == Result(ok=True)
        assert (await http(looks, port, status=[200])).message == "status 302, not 200"


async def test_early_hints_and_chunks_are_understood(looks: Looks) -> None:
    """The status that counts is the last one; a body may come in chunks."""
    hints = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    chunks = b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n2\r\n1}\r\n0\r\n\r\n'
    async with server(lambda _: hints + b"HTTP/1.1 200 OK\r\n" + chunks) as port:
        assert await http(looks, port, json={"path": "a", "equals": 1}) == Result(ok=True)


async def test_a_body_without_end_does_not_hold_a_look_up(looks: Looks) -> None:
    """Nobody reads more of it than is polite."""
    endless = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (1 << 20)
    async with server(lambda _: endless) as port:
        assert await http(looks, port) == Result(ok=True)
        found = await http(looks, port, json={"path": "a", "equals": 1})
        assert found.message == "the answer is no JSON"


@pytest.mark.parametrize(
    ("body", "path", "equals", "why"),
    [
        ('{"db": {"nodes": [{"up": true}]}}', "db.nodes.0.up", True, ""),
        ('{"db": null}', "db", None, ""),
        ('{"n": 1.0}', "n", 1, ""),
        ('{"n": 1}', "n", True, "n is 1, not true"),
        ('{"n": "1"}', "n", 1, 'n is "1", not 1'),
        ('{"n": {"a": [1]}}', "n", 1, 'n is {"a": [1]}, not 1'),
        ('{"n": []}', "n.0", 1, "the answer has no n.0"),
        ('{"n": 1}', "n.x", 1, "the answer has no n.x"),
        ("<html>", "n", 1, "the answer is no JSON"),
        ("[" * 100_000, "n", 1, "the answer is no JSON"),
        ("x" * (JSON_LIMIT + 1), "n", 1, f"the answer is larger than {JSON_LIMIT} bytes"),
    ],
)
def test_a_json_value_is_found_and_compared(
    body: str, path: str, equals: str | float | bool | None, why: str
) -> None:
    """By keys and positions; true is not 1; what differs is named."""
    check = JsonValue(path=path, equals=equals)
    assert judge_json(check, body.encode()) == Result(ok=not why, message=why)


async def test_https_trusts_this_machine_only(looks: Looks, monkeypatch: Any) -> None:
    """A certificate nobody signed is fine on loopback and a failure elsewhere."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    async with server(lambda _: reply(), context) as port:
        assert await http(looks, port, scheme="https") == Result(ok=True)
        monkeypatch.setattr("reconciler.clients.http_check.is_loopback", lambda _: False)
        found = await http(looks, port, scheme="https")
        assert found.ok is False
        assert found.message.startswith(f"no TLS with 127.0.0.1:{port}: ")
    async with server(lambda _: reply()) as port:
        assert (await http(looks, port, scheme="https", timeout="1s")).ok is False


async def test_tcp_is_a_connection_and_nothing_more(looks: Looks) -> None:
    """Accepted is good; refused says where."""
    port = free_port()
    probe = Probe.model_validate({"tcp": {"port": port}})
    refused = Result(ok=False, message=f"connection refused: 127.0.0.1:{port}")
    assert await looks.look(probe, Surroundings) == refused
    with socket.create_server(("127.0.0.1", port)):
        assert await looks.look(probe, Surroundings) == Result(ok=True)


async def test_a_mute_name_server_holds_up_nobody(looks: Looks, monkeypatch: Any) -> None:
    """Not the loop, not other looks, not the end; and who asks again waits for the same answer."""
    over, asked = threading.Event(), []

    def mute(host: str, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        over.wait(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", mute)
    try:
        for _ in range(3):
            found = await http(looks, 1, host="mute.example", timeout="50ms")
            assert found.message == "no answer within 50ms"
        assert asked == ["mute.example"]
        assert (await run(looks, "true")).ok is True
        assert all(one.daemon for one in threading.enumerate() if one.name == "names")
    finally:
        over.set()


async def test_exec_is_run_as_the_process_is(looks: Looks, tmp_path: Path) -> None:
    """In its folder, with its environment and no other, under its umask."""
    script = 'test "$A" = b && test "$PWD" = "$1" && test $(umask) = 0027 && test -z "$HOME"'
    around = {"env": {**PATH, "A": "b"}, "cwd": str(tmp_path), "umask": "027"}
    assert await run(looks, "sh", "-c", script, "sh", str(tmp_path), **around) == Result(ok=True)


async def test_exec_tells_how_it_ended_and_what_it_said_last(looks: Looks) -> None:
    """With the last line of output; a secret of the process is masked."""
    found = await run(
        looks, "sh", "-c", "echo one; echo two hunter2 >&2; exit 1", secrets=("hunter2",)
    )
    assert found.message == "sh exited with code 1: two (secret)"
    assert (await run(looks, "sh", "-c", "kill -9 $$")).message == "sh was ended by signal 9"
    assert (await run(looks, "no-such-thing")).message.startswith(
        "cannot run no-such-thing: no such"
    )
    assert (await run(looks, "sh", "-c", "yes | head -c 1000000; exit 0")).ok is True
    assert (await run(looks, "true", cwd="/no/such")).ok is False


async def test_exec_has_the_rights_of_the_process(looks: Looks) -> None:
    """Root runs it as the user of the process; nobody else can, and says so."""
    found = await run(
        looks, "sh", "-c", "echo $(id -u):$(id -g):$(id -G); exit 1", user="1234:4321"
    )
    unknown = await run(looks, "true", user="no-such-user")
    if os.geteuid() == 0:
        assert found.message == "sh exited with code 1: 1234:4321:4321"
        assert "user no-such-user: unknown" in unknown.message
    else:
        mend = "only root may change it; run as root or remove user"
        assert found.message == f"cannot run sh: user 1234:4321: {mend}"
        assert mend in unknown.message


def tree(pid_file: Path) -> list[int]:
    """The two processes whose pids were written down; none until both are."""
    pids = [int(pid) for pid in pid_file.read_text().split()] if pid_file.exists() else []
    return pids if len(pids) == 2 else []


def is_live(pid: int) -> bool:
    """Whether it runs; one that only waits for its parent to notice does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("ending", ["timeout", "cancelled"])
async def test_exec_leaves_nothing_behind(looks: Looks, tmp_path: Path, ending: str) -> None:
    """A program that hangs is killed with its children, in time, and reaped."""
    pids = tmp_path / "pids"
    script = f"echo $$ >> {pids}; sleep 600 & echo $! >> {pids}; wait"
    limit = "300ms" if ending == "timeout" else "1h"
    work = asyncio.create_task(run(looks, "sh", "-c", script, limit=limit))
    processes = await eventually_async(lambda: tree(pids))
    if ending == "timeout":
        assert (await work).message == "sh did not end within 300ms"
    else:
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
    await eventually_async(lambda: not any(map(is_live, processes)))
    assert not [one for one in psutil.Process().children() if one.status() == "zombie"]


async def test_a_child_that_stays_is_ended_with_its_program(looks: Looks, tmp_path: Path) -> None:
    """A program that ends well takes what it left in the background with it."""
    pids = tmp_path / "pids"
    script = f"echo $$ >> {pids}; sleep 600 & echo $! >> {pids}"
    assert await run(looks, "sh", "-c", script) == Result(ok=True)
    await eventually_async(lambda: not any(map(is_live, tree(pids))))


async def test_looks_do_not_hold_up_the_loop(looks: Looks) -> None:
    """While many programs hang and servers are mute, the loop goes on."""
    async with server(lambda _: None) as port:
        work = [run(looks, "sleep", "60", limit="500ms") for _ in range(10)]
        work += [http(looks, port, timeout="500ms") for _ in range(50)]
        gathered = asyncio.gather(*work)
        turns = []
        while not gathered.done():
            before = time.monotonic()
            await asyncio.sleep(0.005)
            turns.append(time.monotonic() - before)
        assert {found.ok for found in gathered.result()} == {False}
    # Each of these would hold it for half a second; a busy machine does so once or twice.
    assert median(turns) < 0.25


async def test_a_disk_that_hangs_keeps_one_thread(
    looks: Looks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it is looked at; others are looked at meanwhile, and it is when it is back."""
    hangs, stat = threading.Event(), os.stat
    slow = tmp_path / "slow"

    def hang(path: Any, **how: Any) -> os.stat_result:
        if path == str(slow):
            hangs.wait(30)
        return stat(path, **how)

    monkeypatch.setattr("reconciler.clients.checks.os.stat", hang)
    probe = Probe.model_validate({"file": {"path": str(slow)}, "timeout": "10ms"})
    before = threading.active_count()
    for _ in range(50):
        assert (await looks.look(probe, Surroundings)).message == "no answer within 10ms"
    assert threading.active_count() <= before + 1
    other = Probe.model_validate({"file": {"path": str(tmp_path)}})
    assert (await looks.look(other, Surroundings)).ok
    slow.touch()
    hangs.set()
    patient = Probe.model_validate({"file": {"path": str(slow)}, "timeout": "10s"})
    assert (await looks.look(patient, Surroundings)).ok


async def test_what_a_killed_operator_ran_is_ended_by_the_next(tmp_path: Path) -> None:
    """With all below it; what this one runs goes on."""
    script = (
        "import os, sys\n"
        "from reconciler.clients.execution import Surroundings, execute\n"
        "line = 'setsid sleep 1009 & echo $$ > ' + sys.argv[1] + '; sleep 1009; true'\n"
        "around = Surroundings(env={'PATH': os.environ['PATH']})\n"
        "execute(('/bin/sh', '-c', line), lambda: around, 1000, os.eventfd(0))\n"
    )
    pids = tmp_path / "pids"
    # Its parent, as supervisord does, adopts what it leaves behind: that is this process's parent
    # in the real thing, and this process itself here.
    guard = (
        "import os, sys, time\n"
        "from reconciler.stack.kernel import Kernel\n"
        "Kernel().adopt_orphans()\n"
        "pid = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, '-c', *sys.argv[1:3]])\n"
        "while not os.path.exists(sys.argv[2]) or not open(sys.argv[2]).read().strip():\n"
        "    time.sleep(0.01)\n"
        "time.sleep(0.1)\n"
        "os.kill(pid, 9)\n"
        "os.waitpid(pid, 0)\n"
        "again = 'from reconciler.clients.execution import *; print(len(end_leftovers()))'\n"
        "os.spawnv(os.P_WAIT, sys.executable, [sys.executable, '-c', again])\n"
        "assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, '-c', again]) == 0\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", guard, script, str(pids), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert [int(line) for line in said.split()] == [3, 0]
    pid = int(await asyncio.to_thread(pids.read_text))
    assert not os.path.exists(f"/proc/{pid}/exe")  # noqa: ASYNC240, PTH110 (a file of the kernel)


async def test_a_file_is_judged_by_its_age(looks: Looks, tmp_path: Path) -> None:
    """Being there is enough, unless it must be fresh; a socket counts as well."""
    path = tmp_path / "beat"

    async def look(**said: Any) -> Result:
        probe = Probe.model_validate({"file": {"path": str(path), **said}})
        return await looks.look(probe, Surroundings)

    assert (await look()).message == f"{path}: no such file or directory"
    path.touch()
    assert await look(maxAge="60s") == Result(ok=True)
    os.utime(path, (0, time.time() - 90))
    assert await look() == Result(ok=True)
    assert (await look(maxAge="60s")).message.startswith(f"{path} was written 1m30")
    os.utime(path, (0, time.time() + 90))
    assert await look(maxAge="60s") == Result(ok=True)


def stamp(at: float, text: str, mark: str = "F") -> str:
    """A line as the keeper writes it."""
    when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))
    return f"{when}.{int(at % 1 * 1e6):06}Z stdout {mark} {text}\n"


class Logged:
    """A log and a search in it."""

    def __init__(self, path: Path, **check: Any) -> None:
        self.path = path
        self.search = LogSearch(path, Log.model_validate({"regex": "^ready$", **check}))

    def write(self, text: str) -> None:
        with self.path.open("a") as file:
            file.write(text)

    def look(self, born: float, *, adopted: bool = False) -> bool | None:
        return self.search.look(born, adopted=adopted).ok


def test_a_line_counts_from_the_birth_of_the_process_on(tmp_path: Path) -> None:
    """What the life before wrote is not what this one says; half a line is none."""
    log, now = Logged(tmp_path / "web.log"), time.time()
    assert log.look(now) is False  # no log yet
    log.write(stamp(now - 5, "ready"))
    assert log.look(now) is False
    log.write(stamp(now + 1, "not ready yet") + stamp(now + 2, "rea", "P"))
    assert log.look(now) is False
    log.write(stamp(now + 2, "dy"))
    assert log.look(now) is True
    assert log.look(now) is True
    assert log.look(now + 3) is False  # a new life
    log.write(stamp(now + 4, "ready"))
    assert log.look(now + 3) is True


def test_a_log_is_followed_through_rotation(tmp_path: Path) -> None:
    """A line that was rotated away between two looks is found all the same."""
    log, now = Logged(tmp_path / "web.log"), time.time()
    log.write(stamp(now, "begin"))
    assert log.look(now) is False
    log.write(stamp(now, "ready"))
    log.path.rename(tmp_path / "web.log.1")
    log.write(stamp(now, "more"))
    assert log.look(now) is True


def test_a_heartbeat_in_the_log_grows_old(tmp_path: Path) -> None:
    """With maxAge the newest line counts, by its own time."""
    log, now = Logged(tmp_path / "web.log", maxAge="30s"), time.time()
    log.write(stamp(now - 100, "ready"))
    assert log.look(now - 200) is False
    assert "old" in log.search.look(now - 200, adopted=False).message
    log.write(stamp(now, "ready"))
    assert log.look(now - 200) is True


def test_what_may_have_been_rotated_away_is_no_failure(tmp_path: Path) -> None:
    """Of a life that was there before us a missing line says nothing."""
    log, now = Logged(tmp_path / "web.log"), time.time()
    log.write(stamp(now, "other"))
    assert log.look(now - 100, adopted=True) is None


def test_lines_without_times_count_as_they_come(tmp_path: Path) -> None:
    """A log that supervisord itself wrote is searched too."""
    log = Logged(tmp_path / "web.log")
    log.write("begin\n")
    assert log.look(time.time() - 5) is False
    log.write("ready\n")
    assert log.look(time.time() - 5) is True


async def test_a_real_server_is_seen_to_come_up(looks: Looks, tmp_path: Path) -> None:
    """uvicorn: refused before, healthy after."""
    (tmp_path / "health.py").write_text(
        "from starlette.applications import Starlette\n"
        "from starlette.responses import JSONResponse\n"
        "from starlette.routing import Route\n"
        "async def health(_): return JSONResponse({'db': {'status': 'online'}})\n"
        "app = Starlette(routes=[Route('/health', health)])\n"
    )
    port = free_port()
    json = {"path": "db.status", "equals": "online"}
    ask: Callable[[], Awaitable[Result]] = partial(http, looks, port, path="/health", json=json)
    assert (await ask()).ok is False
    argv = ["-m", "uvicorn", "health:app", "--port", str(port), "--log-level", "warning"]
    child = await asyncio.create_subprocess_exec(sys.executable, *argv, cwd=tmp_path)
    try:

        async def healthy() -> bool:
            return bool((await ask()).ok)

        await eventually_async(healthy, 30)
    finally:
        child.terminate()
        await child.wait()
