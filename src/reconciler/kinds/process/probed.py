"""The probes of a process: what they may name, and what that means for one instance."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from ...core.probe import File, Http, Probe, Probes, Tcp
from ...core.sealed import Sealed
from .parts import Port


def check_probes(probes: Probes, ports: tuple[Port, ...]) -> None:
    """Raise ValueError for a port that is not there, and for a secret that would be."""
    names = [str(port.name) for port in ports]
    for role, probe in probes.items():
        for check in (probe.http, probe.tcp):
            if check is not None and isinstance(check.port, str) and check.port not in names:
                known = f"one of {', '.join(names)}" if names else "a port under ports"
                raise ValueError(
                    f"the {role} probe: no port is called {check.port}; write {known}, or a number"
                )
        headers = probe.http.headers if probe.http is not None else {}
        if any(isinstance(value, Sealed) for value in headers.values()):
            raise ValueError(
                f"the {role} probe: a secret cannot be a header here; "
                "use exec, which gets the environment of the process"
            )


def placed(
    probes: Probes, written: tuple[Port, ...], ports: Mapping[str, int], folder: str
) -> Probes:
    """The probes of one instance: its own ports by number, paths from its working directory."""
    # A number that is declared means the port of the instance that is probed.
    numbers: dict[Any, int] = dict(ports)
    numbers |= {port.port: ports[port.name] for port in written if isinstance(port.port, int)}
    return Probes(**{role: _placed(probe, numbers, folder) for role, probe in probes.items()})


def _placed(probe: Probe, numbers: Mapping[int | str, int], folder: str) -> Probe:
    update: dict[str, Http | Tcp | File] = {}
    if probe.http is not None:
        port = numbers.get(probe.http.port, probe.http.port)
        update["http"] = probe.http.model_copy(update={"port": port})
    if probe.tcp is not None:
        port = numbers.get(probe.tcp.port, probe.tcp.port)
        update["tcp"] = probe.tcp.model_copy(update={"port": port})
    if probe.file is not None:
        path = str(PurePath(folder) / probe.file.path)
        update["file"] = probe.file.model_copy(update={"path": path})
    return probe.model_copy(update=update)
