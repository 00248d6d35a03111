"""SyncTarget: a folder or file that is kept in a repository, and restored before it is used."""

from __future__ import annotations

from ...core.kind import Kind
from ...core.model import Need, Ref
from .actions import SyncTargetAction, disturbs, due, parting, steps
from .health import health, told
from .orders import OBEYS
from .spec import SyncTargetSpec
from .state import SyncTargetState, render

KIND: Kind[SyncTargetSpec, SyncTargetState, SyncTargetAction] = Kind(
    name="SyncTarget",
    Spec=SyncTargetSpec,
    State=SyncTargetState,
    wave=5,
    render=render,
    steps=steps,
    health=health,
    tells=told,
    needs=lambda resource: (Need(Ref("Repository", resource.spec.repository), "configured"),),
    due=due,
    obeys=OBEYS,
    parting=parting,
    disturbs=disturbs,
    writers=lambda resource: resource.spec.writing,
    elsewhere=True,
    plural="synctargets",
    short="sync",
)
