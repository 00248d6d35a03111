"""What a Probe looks like in the world. Desired and observed share this shape."""

from __future__ import annotations

from typing import Annotated

from ...core.model import Apply, Resource, State
from ...core.probe import Http, Probe, Probes, Tcp
from ...core.sealed import Sealed
from .spec import ProbeSpec


class Watched(State):
    """What is looked at, how and how often; by default nothing is."""

    http: Annotated[Http | None, Apply.LIVE] = None
    tcp: Annotated[Tcp | None, Apply.LIVE] = None
    exec: Annotated[tuple[str, ...] | None, Apply.LIVE] = None
    env: Annotated[dict[str, str | Sealed], Apply.LIVE] = {}  # noqa: RUF012 (a pydantic default is copied)
    working_dir: Annotated[str, Apply.LIVE] = "/"
    period: Annotated[float, Apply.LIVE] = 10.0
    timeout: Annotated[float, Apply.LIVE] = 1.0
    success_threshold: Annotated[int, Apply.LIVE] = 1
    failure_threshold: Annotated[int, Apply.LIVE] = 3


def render(resource: Resource[ProbeSpec]) -> Watched:
    """The wanted shape."""
    spec = resource.spec
    return Watched(
        http=spec.http,
        tcp=spec.tcp,
        exec=spec.exec,
        env=spec.env,
        working_dir=str(resource.root / spec.working_dir) if spec.exec else "/",
        period=spec.period,
        timeout=spec.timeout,
        success_threshold=spec.success_threshold,
        failure_threshold=spec.failure_threshold,
    )


def probes(watched: Watched) -> Probes:
    """The same as the probe of a process: whether it may be used."""
    if watched.http is None and watched.tcp is None and watched.exec is None:
        return Probes()
    # The values were checked when they were written; durations are seconds by now.
    return Probes(
        readiness=Probe.model_construct(
            http=watched.http,
            tcp=watched.tcp,
            exec=watched.exec,
            period=watched.period,
            timeout=watched.timeout,
            success_threshold=watched.success_threshold,
            failure_threshold=watched.failure_threshold,
        )
    )
