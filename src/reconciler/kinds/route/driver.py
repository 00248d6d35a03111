"""Route, in the world: rules of the table that the gateway serves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, assert_never

from ...clients.gateway import GatewayDown, Status
from ...clients.nginx import Runner
from ...clients.table import OWNER, Document, DropEntry, PutEntry, Table
from ...core.errors import Transient, Waiting
from ...core.model import Json, Observed
from .actions import DropRule, PutRule, RouteAction
from .state import Rule, from_wire, to_wire

LOOK_AGAIN = 0.05


class RouteDriver:
    """The routes of one stack. ``prefix`` is the gateway's folder."""

    def __init__(self, table: Table, runner: Runner, prefix: Path) -> None:
        self._table = table
        self._runner = runner
        self._prefix = prefix
        self._document = Document()
        self._parsed: Mapping[str, _Parsed] = {}

    async def observe(self) -> Mapping[str, Observed[Rule]]:
        """The rules that are served; with no gateway at all there certainly are none."""
        try:
            status, document = await self._table.look()
        except GatewayDown:
            if await self._certainly_none():
                return {}
            raise
        vitals = _vitals(status, document)
        rules = await self._rules(document)
        return {name: Observed(one.rule, one.owned, vitals) for name, one in rules.items()}

    async def apply(self, action: RouteAction) -> None:
        try:
            match action:
                case PutRule(name, rule):
                    await self._table.change(PutEntry(name, to_wire(rule)))
                case DropRule(name):
                    await self._table.change(DropEntry(name))
                case _:
                    assert_never(action)
        except GatewayDown as exc:
            await self._expect_gateway(exc)

    async def _expect_gateway(self, exc: GatewayDown) -> None:
        """One that was just started needs a moment; one that does not run needs more than that."""
        if await self._runner.pid() is not None:
            raise Waiting(str(exc), reason="GatewayDown", after=LOOK_AGAIN) from exc
        if await self._certainly_none():
            text = "there is no gateway to serve this route; add a Gateway to the specs"
            raise Transient(text, reason="GatewayDown") from exc
        raise exc

    async def _certainly_none(self) -> bool:
        """No process, and nothing on disk that one would serve when it starts."""
        if await self._runner.pid() is not None:
            return False
        files = (self._prefix / "gateway.conf", self._prefix / "table.json")
        return not await asyncio.to_thread(lambda: any(path.exists() for path in files))

    async def _rules(self, document: Document) -> Mapping[str, _Parsed]:
        if self._document is not document:  # one of the same name may come from another disk
            self._parsed = await asyncio.to_thread(_parse, document, self._parsed)
            self._document = document
        return self._parsed


class _Parsed(NamedTuple):
    """A rule as it was read from the very entry that is kept beside it."""

    entry: Mapping[str, Json]
    rule: Rule
    owned: bool


def _parse(document: Document, known: Mapping[str, _Parsed]) -> dict[str, _Parsed]:
    """Read what was not read before: of thousands one has changed."""
    rules = {}
    for name, entry in document.rules.items():
        before = known.get(name)
        rules[name] = before if before and before.entry is entry else _read(entry)
    return rules


def _read(entry: Mapping[str, Json]) -> _Parsed:
    """The rule, and whether it is ours. Whoever wrote another may say what a Route cannot."""
    owned = entry.get("managed_by") == OWNER
    try:
        return _Parsed(entry, from_wire(entry), owned)
    except ValueError:
        return _Parsed(entry, Rule(), owned)


def _vitals(status: Status, document: Document) -> dict[str, Json]:
    return {
        "version": document.version,
        "workers": {name: worker.version for name, worker in status.workers.items()},
    }
