"""Process: a program kept running by supervisord."""

from ...core.kind import Kind
from .actions import ProcessAction, steps
from .health import health
from .spec import ProcessSpec, collisions, instances, needs, paused
from .state import Program, render

__all__ = ["KIND", "collisions"]

KIND: Kind[ProcessSpec, Program, ProcessAction] = Kind(
    name="Process",
    Spec=ProcessSpec,
    State=Program,
    wave=10,
    render=render,
    steps=steps,
    health=health,
    needs=needs,
    instances=instances,
    paused=paused,
    plural="processes",
    short="proc",
)
