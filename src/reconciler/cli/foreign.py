"""Another supervisord: what it runs, and what its files say it was told to run."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from ..clients.supervisord import ProcessInfo, Supervisord
from ..core.errors import ReconcileError
from ..kinds import KINDS
from ..kinds.process.adoption import full_name
from ..kinds.process.looks import Looks, look
from ..kinds.process.state import Program, render
from ..specs.load import Loader
from ..specs.source import open_source
from ..specs.yaml_text import to_yaml
from .import_.draft import ORIGINAL
from .import_.supervisord import import_supervisord
from .outcome import Failure

USUAL: Final = (
    "supervisord.conf",
    "etc/supervisord.conf",
    "/etc/supervisord.conf",
    "/etc/supervisor/supervisord.conf",
)
TICKS: Final = os.sysconf("SC_CLK_TCK")
KEY: Final = b"of this reading alone"


@dataclass
class Daemon:
    """One supervisord that is not ours. ``distrust`` says why its files are no proof."""

    socket: Path
    looks: Looks
    infos: Sequence[ProcessInfo]
    distrust: str = ""
    _written: Mapping[str, Program] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """All its processes."""
        return [full_name(info) for info in self.infos]

    def written(self, process: str) -> Program | None:
        """What a process was started with by its file; None where that is no proof."""
        return self._written.get(process)

    def partner(self, original: str, index: int) -> ProcessInfo | None:
        """The process that ``original`` (``group:name`` or a name) means, or its ``index``-th."""
        group, parted, name = original.partition(":")
        members = [info for info in self.infos if info["group"] == group]
        exact = [info for info in members if info["name"] == name]
        if parted and exact:
            return exact[0] if index == 0 else None
        members = [info for info in members if info["name"].startswith(name)]
        members.sort(key=lambda info: (len(info["name"]), info["name"]))
        return members[index] if index < len(members) else None

    def believe(self, conf: Path) -> None:
        """Take its files for what it was told, if they are older than itself."""
        result = import_supervisord(conf)
        began = time.time() - _uptime() + self.looks.born / TICKS
        if late := [path for path in result.files if path.stat().st_mtime > began]:
            self.distrust = f"{late[0]} was changed since supervisord began"
            return
        for draft in result.drafts:
            draft.settle()
        text = to_yaml(draft.document() for draft in result.drafts if draft.spec)
        with TemporaryDirectory(prefix="reconciler-") as name:
            (Path(name) / "all.yaml").write_text(text)
            loader = Loader(
                KINDS,
                open_source(Path(name), worktree=True),
                root=Path(self.looks.working_dir),
                environ=self.looks.env,
                key=KEY,
            )
            self._written = dict(self._programs(loader))

    def _programs(self, loader: Loader) -> Mapping[str, Program]:
        found = {}
        for ref, resource in loader.load().resources.items():
            if ref.kind != "Process":
                continue
            for instance in KINDS["Process"].instances(resource):
                original = instance.annotations.get(ORIGINAL, ref.name)
                if info := self.partner(original, instance.index):
                    found[full_name(info)] = render(instance)
        return found


async def find_daemon(socket: Path, conf: Path | None) -> Daemon:
    """Who listens there, and what it runs. Raises Failure."""
    wire = Supervisord(socket)
    try:
        infos, pid = await wire.processes(), int(await wire.call("supervisor.getPID"))
    except ReconcileError as error:
        raise Failure(
            f"no supervisord can be asked at {socket}: {error}",
            hint="name the file of [unix_http_server]; it must need no password",
        ) from error
    finally:
        await wire.aclose()
    looks = look(pid)
    if looks is None:
        raise Failure(f"the supervisord at {socket} (pid {pid}) is not on this machine")
    daemon = Daemon(socket, looks, infos)
    path = conf or _find_conf(looks)
    if path is None:
        daemon.distrust = "its file is not known; name it with --conf"
    else:
        daemon.believe(path)
    return daemon


def _find_conf(looks: Looks) -> Path | None:
    """The file it was started with."""
    folder, words = Path(looks.working_dir), looks.argv
    for number, word in enumerate(words):
        if word in {"-c", "--configuration"} and number + 1 < len(words):
            return folder / words[number + 1]
        if word.startswith("--configuration="):
            return folder / word.partition("=")[2]
    there = (folder / name for name in USUAL)
    return next((path for path in there if path.is_file()), None)


def _uptime() -> float:
    return float(Path("/proc/uptime").read_text().split()[0])
