"""Process: a program kept running by supervisord."""

from dataclasses import replace

from ...core.kind import Kind
from .actions import ProcessAction, due, is_timed, reloads, steps
from .completion import endless
from .health import calls_for, health
from .offers import offers
from .spec import (
    ProcessSpec,
    collisions,
    instances,
    needs,
    paused,
    ports,
    resumed,
    watches,
    with_ports,
)
from .state import Program, StockProgram, render, render_stock
from .turns import addresses, keeps, keeps_stock, turns

__all__ = ["KIND", "STOCK", "collisions", "endless"]

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
    due=due,
    is_timed=is_timed,
    paused=paused,
    resumed=resumed,
    calls_for=calls_for,
    reloads=reloads,
    ports=ports,
    with_ports=with_ports,
    watches=watches,
    offers=offers,
    turns=turns,
    keeps=keeps,
    addresses=addresses,
    plural="processes",
    short="proc",
)

STOCK: Kind[ProcessSpec, Program, ProcessAction] = replace(
    KIND, State=StockProgram, render=render_stock, keeps=keeps_stock
)
"""The same over a supervisord without our keeper: some changes cost more there."""
