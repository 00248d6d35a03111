"""Route, in the world: rules of the table that the gateway serves."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, assert_never

from ...clients.files import is_absent
from ...clients.gateway import GatewayDown, RuleRefused, Status
from ...clients.nginx import Runner
from ...clients.resolve import Found, Resolver
from ...clients.sockets import refuse_own, refuse_state
from ...clients.table import OWNER, Document, DropEntry, PutEntry, Table
from ...clients.table import PutPool as EditPool
from ...core.backend import socket_of
from ...core.errors import Transient, Waiting
from ...core.model import Json, Observed
from ...core.pool import Host, host_in
from .actions import DropRule, PutPool, PutRule, RouteAction
from .endpoint import host_of, pool_name, written_address
from .pool import pool_vitals
from .state import Rule, from_wire, to_wire

LOOK_AGAIN = 0.05
UPGRADE_TIME = 0.5
"""When a gateway that is being brought up to date is asked again (seconds)."""


class RouteDriver:
    """The routes of one stack. ``prefix`` is the gateway's folder.

    Without a resolver nobody looks names up: to read is to leave no trace. ``edition`` names the
    Lua that is to be running: what any other refuses may be fine.
    """

    def __init__(
        self,
        table: Table,
        runner: Runner,
        prefix: Path,
        resolver: Resolver | None = None,
        *,
        edition: str = "",
    ) -> None:
        self._table = table
        self._runner = runner
        self._prefix = prefix
        self._run = prefix.parents[1] / "run"
        self._resolver = resolver
        self._edition = edition
        self._document = Document()
        self._roots: set[str] = set()
        self._parsed: Mapping[str, _Parsed] = {}
        self._facts: _Facts | None = None
        self._seen: dict[str, Observed[Rule]] = {}

    async def observe(self) -> Mapping[str, Observed[Rule]]:
        """The rules that are served; with no gateway at all there certainly are none."""
        if await self._certainly_none():
            return {}
        status, document = await self._table.look()
        rules = await self._rules(document)
        hosts = self._look_up(rules, document, status.traffic.refusing)
        facts = _facts(status, document, hosts, await self._missing())
        if not facts.are(self._facts):
            self._seen = dict(self._see(rules, facts))
            self._facts = facts
        return self._seen

    async def apply(self, action: RouteAction) -> None:
        try:
            match action:
                case PutRule(name, rule):
                    backend = rule.proxy.backend if rule.proxy else None
                    await asyncio.to_thread(refuse_own, socket_of(backend), self._run)
                    root = rule.static.root if rule.static else None
                    await asyncio.to_thread(refuse_state, root, self._run.parent)
                    await self._table.change(PutEntry(name, to_wire(rule)))
                case DropRule(name):
                    await self._table.change(DropEntry(name))
                case PutPool(name, endpoints):
                    pool = [endpoint.to_wire() for endpoint in endpoints]
                    await self._table.change(EditPool(name, pool))
                case _:
                    assert_never(action)
        except GatewayDown as exc:
            await self._expect_gateway(exc)
        except RuleRefused as exc:
            if exc.code == self._edition:
                raise
            text = f"the gateway is not up to date yet, and says: {exc}"
            raise Waiting(text, reason="GatewayOutdated", after=UPGRADE_TIME) from exc

    async def _expect_gateway(self, exc: GatewayDown) -> None:
        """One that was just started needs a moment; one that does not run needs more than that."""
        if await self._runner.pid() is not None:
            raise Waiting(str(exc), reason="GatewayDown", after=LOOK_AGAIN) from exc
        if await self._certainly_none():
            text = "no gateway runs that would serve this route; its Gateway says why"
            raise Transient(text, reason="GatewayDown") from exc
        raise exc

    async def _certainly_none(self) -> bool:
        """No process, and nothing on disk that one would serve when it starts."""
        files = (self._prefix / "gateway.conf", self._prefix / "table.json")
        # The disk first, and not in a thread: it takes less than to ask somebody.
        return all(map(is_absent, files)) and await self._runner.pid() is None

    async def _rules(self, document: Document) -> Mapping[str, _Parsed]:
        if self._document is not document:  # one of the same name may come from another disk
            self._parsed = await asyncio.to_thread(_parse, document, self._parsed)
            self._roots = {one.rule.static.root for one in self._parsed.values() if one.rule.static}
            self._document = document
        return self._parsed

    async def _missing(self) -> frozenset[str]:
        if not self._roots:
            return frozenset()
        roots = self._roots
        return await asyncio.to_thread(
            lambda: frozenset(root for root in roots if not Path(root).is_dir())
        )

    def _look_up(
        self, rules: Mapping[str, _Parsed], document: Document, refusing: Collection[str]
    ) -> dict[str, Found]:
        """What is known of the hosts that requests are sent to, by their pools."""
        if self._resolver is None:
            return {}
        hosts = {one.host for one in rules.values()} | {host_in(document.default_backend)}
        wanted = {host.pool: host for host in hosts if host is not None}
        self._resolver.follow({host.name for host in wanted.values()})
        for pool, host in wanted.items():
            if any(one["address"] in refusing for one in document.pools.get(pool, ())):
                self._resolver.hurry(host.name)
        return {pool: self._resolver.found(host.name) for pool, host in wanted.items()}

    def _see(
        self, rules: Mapping[str, _Parsed], facts: _Facts
    ) -> Iterator[tuple[str, Observed[Rule]]]:
        """Every rule; what is seen as before is the very same object."""
        told: dict[tuple[int, str | None, str | None], dict[str, Json]] = {}
        for name, one in rules.items():
            version, before = min(one.since, facts.document.version), self._seen.get(name)
            refused = one.address if one.address in facts.refusing else None
            key = (version, pool_name(one.rule.proxy), refused)
            vitals = told.get(key) or told.setdefault(key, facts.of(version, one.rule))
            if one.rule.static is not None and one.rule.static.root in facts.missing:
                vitals = vitals | {"missing": one.rule.static.root}
            if before is None or before.state is not one.rule or before.vitals != vitals:
                before = Observed(one.rule, one.owned, vitals)
            yield name, before


class _Parsed(NamedTuple):
    """A rule as it was read from the very entry that is kept beside it."""

    entry: Mapping[str, Json]
    rule: Rule
    owned: bool
    since: int
    """The first version of the table that has it."""
    host: Host | None
    """The host name its requests go to."""
    address: str | None
    """The address they go to, where that is written."""


class _Facts(NamedTuple):
    """What else is served: pools, which version by whom, and who refuses connections."""

    document: Document
    workers: Mapping[str, int]
    refusing: frozenset[str]
    hosts: Mapping[str, Found]
    missing: frozenset[str]
    """Folders that are to be served and are not there."""

    def are(self, others: _Facts | None) -> bool:
        """Whether there is nothing else to tell than by ``others``."""
        return others is not None and others.document is self.document and others == self

    def of(self, version: int, rule: Rule) -> dict[str, Json]:
        """What to tell of a rule that is in the table since ``version``."""
        behind = sorted(name for name, served in self.workers.items() if served < version)
        found: dict[str, Json] = {"version": version, "behind": behind}
        found |= pool_vitals(rule.proxy, self.document.pools, self.refusing)
        host = self.hosts.get(found.get("pool", ""))
        return found if host is None else found | host.told()


def _parse(document: Document, known: Mapping[str, _Parsed]) -> dict[str, _Parsed]:
    """Read what was not read before: of thousands one has changed."""
    rules = {}
    for name, entry in document.rules.items():
        before = known.get(name)
        is_known = before is not None and before.entry is entry
        rules[name] = before if before and is_known else _read(entry, document.version)
    return rules


def _read(entry: Mapping[str, Json], version: int) -> _Parsed:
    """The rule, and whether it is ours. Whoever wrote another may say what a Route cannot."""
    owned = entry.get("managed_by") == OWNER
    try:
        rule = from_wire(entry)
        proxy = rule.proxy
        return _Parsed(entry, rule, owned, version, host_of(proxy), written_address(proxy))
    except ValueError:
        return _Parsed(entry, Rule(), owned, version, None, None)


def _facts(
    status: Status, document: Document, hosts: Mapping[str, Found], missing: frozenset[str]
) -> _Facts:
    workers = {name: worker.version for name, worker in status.workers.items()}
    return _Facts(document, workers, frozenset(status.traffic.refusing), hosts, missing)
