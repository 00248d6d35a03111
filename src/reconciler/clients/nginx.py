"""nginx as a program: which binary, which command line, and whether it accepts some files."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from ..core.errors import Terminal, Transient, Waiting
from .child import end, start
from .keeper import Keeper
from .supervisord import Fault, ProcessInfo, Refused, RunState, Supervisord

PACKAGES: Final = "nginx-light libnginx-mod-http-lua lua-resty-core lua-cjson"
PLACES: Final = ("/usr/local/openresty/bin", "/usr/local/sbin", "/usr/sbin")
MODULES: Final = ("ndk_http_module.so", "ngx_http_lua_module.so")
DEADLINE: Final = 20.0
LOOK_AGAIN: Final = 0.1
# A killed nginx leaves its socket behind, and nginx does not take over a socket that is there.
CLEAN_START: Final = 'rm -f -- "$1"; shift; exec "$@"'
CONTROL_SOCKET: Final = "../../run/gateway.sock"
_ALIVE: Final = frozenset({RunState.STARTING, RunState.RUNNING, RunState.STOPPING})


class Runner(Protocol):
    """Who runs the gateway's process."""

    async def pid(self) -> int | None:
        """Its process id; None when it certainly does not run."""
        ...

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def hang_up(self) -> None:
        """Have a running one read its files again."""
        ...


class SupervisedRunner:
    """The gateway as the reserved program ``gateway`` of supervisord."""

    def __init__(
        self, rpc: Supervisord, name: str = "gateway", *, keeper: Keeper | None = None
    ) -> None:
        self._rpc = rpc
        self._name = name
        self._keeper = keeper

    async def pid(self) -> int | None:
        info = await self._info()
        if info is None or RunState(info["state"]) not in _ALIVE:
            return None
        return int(info["pid"]) or None

    async def start(self) -> None:
        await self._rpc.start(self._name)

    async def stop(self) -> None:
        await self._rpc.stop(self._name)

    async def _info(self) -> ProcessInfo | None:
        """What supervisord says of it; where a keeper tells, with its look at everything."""
        others = await self._others()
        if others is None:
            return await self._rpc.process(self._name)
        return next((one for one in others if one["name"] == self._name), None)

    async def _others(self) -> Sequence[ProcessInfo] | None:
        """None where no keeper tells; another may have come with this very look."""
        if self._keeper is None or self._keeper.others is None:
            return None
        await self._keeper.look()
        return self._keeper.others

    async def hang_up(self) -> None:
        try:
            await self._rpc.signal(self._name, "HUP")
        except Refused as exc:
            if exc.fault is not Fault.NOT_RUNNING:
                raise
            # It has ended meanwhile; what is started next reads the new files anyway.
            text = "the gateway ended before it could read its files again"
            raise Waiting(text, reason="GatewayDown", after=LOOK_AGAIN) from exc


class Nginx(NamedTuple):
    """An nginx that speaks Lua, and the words to put before its own."""

    binary: str
    globals: str

    def argv(self) -> tuple[str, ...]:
        """The command line of the gateway; its working directory must be its prefix."""
        directives = f"daemon off; {self.globals}"
        run = (self.binary, "-p", "./", "-c", "nginx.conf", "-e", "stderr", "-g", directives)
        return ("/bin/sh", "-c", CLEAN_START, "gateway", CONTROL_SOCKET, *run)

    async def check(self, files: Mapping[str, bytes], *, near: Path) -> None:
        """Have nginx read ``files`` in a scratch folder. Raises Terminal with what it says."""
        with tempfile.TemporaryDirectory(prefix="gateway-", dir=near) as scratch:
            await self._check_in(Path(scratch), files)

    async def _check_in(self, scratch: Path, files: Mapping[str, bytes]) -> None:
        # The sockets and pids named in the files lie outside the prefix: give them a place here.
        prefix = scratch / "state" / "gateway"
        await asyncio.to_thread(_lay_out, scratch, files)
        code, said = await _run((self.binary, *self._check_words()), prefix)
        if code != 0:
            raise Terminal(f"nginx refuses its files: {_last_complaint(said)}", reason="BadConfig")

    def _check_words(self) -> tuple[str, ...]:
        return ("-t", "-q", "-p", "./", "-c", "nginx.conf", "-e", "stderr", "-g", self.globals)


async def find_nginx(path: str | None = None) -> Nginx:
    """The nginx of this machine: an openresty where there is one. Raises Terminal without one."""
    path = os.pathsep.join((path or os.environ.get("PATH", os.defpath), *PLACES))
    user = "user root; " if os.geteuid() == 0 else ""
    if openresty := shutil.which("openresty", path=path):
        return Nginx(openresty, user)
    binary = shutil.which("nginx", path=path)
    if binary is None:
        text = f"nginx is not installed; apt-get install {PACKAGES}"
        raise Terminal(text, reason="NginxMissing")
    _, said = await _run((binary, "-V"), Path("/"))
    folder = re.search(r"--modules-path=(\S+)", said)
    modules = [Path(folder[1] if folder else "/usr/lib/nginx/modules") / name for name in MODULES]
    if missing := [str(module) for module in modules if not module.exists()]:
        text = f"nginx cannot speak Lua: {missing[0]} is missing; apt-get install {PACKAGES}"
        raise Terminal(text, reason="NginxMissing")
    return Nginx(binary, user + " ".join(f"load_module {module};" for module in modules))


def _lay_out(scratch: Path, files: Mapping[str, bytes]) -> None:
    (scratch / "run").mkdir()
    for name, content in files.items():
        path = scratch / "state" / "gateway" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


async def _run(argv: Sequence[str], folder: Path) -> tuple[int, str]:
    try:
        process = await start(
            *argv, cwd=folder, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL
        )
    except OSError as exc:
        raise Transient(f"cannot run {argv[0]}: {exc.strerror}", reason="NginxFailed") from exc
    try:
        async with asyncio.timeout(DEADLINE):
            _, said = await process.communicate()
    except TimeoutError as exc:
        raise Transient(f"{argv[0]} did not end in time", reason="NginxFailed") from exc
    finally:
        await end(process)
    return process.returncode or 0, said.decode(errors="replace")


def _last_complaint(said: str) -> str:
    """What nginx says is wrong, without its clock."""
    lines = [line for line in said.splitlines() if "[emerg]" in line or "[error]" in line]
    text = (lines or said.splitlines() or ["no reason given"])[0]
    return re.sub(r"^.*\[(emerg|error)\] (\d+#\d+: )?", "", text)
