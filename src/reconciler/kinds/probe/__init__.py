"""Probe: something we do not run, and need to know the state of."""

from ...core.kind import Kind
from .actions import ProbeAction, steps
from .health import health
from .spec import ProbeSpec
from .state import Watched, render

__all__ = ["KIND"]

KIND: Kind[ProbeSpec, Watched, ProbeAction] = Kind(
    name="Probe",
    Spec=ProbeSpec,
    State=Watched,
    wave=0,
    render=render,
    steps=steps,
    health=health,
    needs=lambda _: (),
    elsewhere=True,
    plural="probes",
)
