"""A gateway in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import assert_never

from ..core.errors import Transient
from ..core.model import Observed
from ..core.pool import unused_pools
from ..kinds.gateway.actions import (
    Configure,
    DropPools,
    GatewayAction,
    KeepTable,
    Retire,
    SetDefault,
    Start,
)
from ..kinds.gateway.actions import PutPool as PoolOfDefault
from ..kinds.gateway.state import Listener
from ..kinds.route.actions import DropRule, PutPool, PutRule, RouteAction
from ..kinds.route.endpoint import Endpoint
from ..kinds.route.pool import pool_vitals
from ..kinds.route.state import Rule, to_wire


@dataclass
class GatewayWorld:
    """What both fakes see and change. A hand may change it too."""

    name: str | None = None
    listener: Listener | None = None
    version: int = 0
    rules: dict[str, tuple[Rule, bool]] = field(default_factory=dict)
    pools: dict[str, tuple[Endpoint, ...]] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        return self.listener is not None and self.listener.started


class FakeGatewayDriver:
    """A Gateway without nginx."""

    def __init__(self, world: GatewayWorld) -> None:
        self.world = world

    async def observe(self) -> Mapping[str, Observed[Listener]]:
        world = self.world
        if world.listener is None or world.name is None:
            return {}
        return {world.name: Observed(world.listener, owned=True, vitals=self._vitals())}

    async def apply(self, action: GatewayAction) -> None:
        world = self.world
        match action:
            case Configure(name, listen, bind, settings):
                before = world.listener or Listener(listen=listen, bind=bind, started=False)
                world.name = name
                fresh = {"listen": listen, "bind": bind, "loaded": True, "code": "current"}
                world.listener = before.model_copy(update={**dict(settings), **fresh})
            case Start() | SetDefault() | KeepTable():
                self._change(action)
            case Retire(name):
                if world.name == name:
                    world.name = world.listener = None
                    world.rules.clear()
                    world.pools.clear()
            case PoolOfDefault(name, endpoints):
                world.pools[name] = tuple(Endpoint(*each) for each in endpoints)
            case DropPools(names):
                for name in names:
                    world.pools.pop(name, None)
            case _:
                assert_never(action)

    def _change(self, action: Start | SetDefault | KeepTable) -> None:
        if self.world.listener is None:
            raise Transient("there is no gateway", reason="GatewayDown")
        update: dict[str, object] = {}
        match action:
            case Start():
                update = {"started": True}
            case SetDefault(backend):
                update = {"default_backend": backend}
            case KeepTable():
                pass
        self.world.listener = self.world.listener.model_copy(update=update)

    def _vitals(self) -> dict[str, object]:
        workers = {"0": self.world.version} if self.world.running else {}
        state = "running" if self.world.running else "stopped"
        rules = (to_wire(rule) for rule, _ in self.world.rules.values())
        unused = unused_pools(self.world.pools, rules)
        return {
            "state": state,
            "workerCount": len(workers),
            "workers": workers,
            "unusedPools": list(unused),
        }


class FakeRouteDriver:
    """Routes without nginx."""

    def __init__(self, world: GatewayWorld) -> None:
        self.world = world

    async def observe(self) -> Mapping[str, Observed[Rule]]:
        world = self.world
        if world.listener is not None and not world.running:
            raise Transient("the gateway does not answer", reason="GatewayDown")
        vitals = {"version": world.version, "behind": []}
        pools = {name: [one.to_wire() for one in pool] for name, pool in world.pools.items()}
        return {
            name: Observed(rule, owned, {**vitals, **pool_vitals(rule.proxy, pools)})
            for name, (rule, owned) in world.rules.items()
        }

    async def apply(self, action: RouteAction) -> None:
        if not self.world.running:
            raise Transient("the gateway does not answer", reason="GatewayDown")
        self.world.version += 1
        match action:
            case PutRule(name, rule):
                self.world.rules[name] = (rule, True)
            case DropRule(name):
                self.world.rules.pop(name, None)
            case PutPool(name, endpoints):
                self.world.pools[name] = endpoints
            case _:
                assert_never(action)
