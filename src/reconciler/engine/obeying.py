"""Carries orders out: each once, and what came of it is told whoever asked for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

from ..core.errors import ReconcileError, Transient, Waiting
from ..core.kind import Driver, Drivers
from ..core.model import Json, Ref, Step

log = logging.getLogger(__name__)

Ended: TypeAlias = Mapping[str, Json] | ReconcileError
"""What an order did, or why it failed."""


async def obey(
    due: Iterable[Step],
    drivers: Drivers,
    failures: dict[Ref, ReconcileError],
    ended: dict[str, Ended],
) -> None:
    """Do what was ordered, of different things side by side."""
    work: dict[tuple[str, Ref], list[Any]] = {}
    for step in due:
        if step.order:
            work.setdefault((step.order, step.ref), []).append(step.action)
    async with asyncio.TaskGroup() as group:
        for (order, ref), actions in work.items():
            if ref not in failures:  # what its own pass could not do comes first
                doing = _Doing(order, ref, drivers[ref.kind])
                group.create_task(doing.run(actions, failures, ended))


class _Doing(NamedTuple):
    """One order on its way."""

    order: str
    ref: Ref
    driver: Driver[Any, Any]

    async def run(
        self,
        actions: list[Any],
        failures: dict[Ref, ReconcileError],
        ended: dict[str, Ended],
    ) -> None:
        did: dict[str, Json] = {}
        try:
            for action in actions:
                did |= await self.driver.apply(action) or {}
            ended[self.order] = did
        except Waiting as exc:
            failures[self.ref] = exc
        except ReconcileError as exc:
            ended[self.order] = exc
        except Exception as exc:  # a fault of ours in one ref must not stop the others
            log.exception("what was ordered of %s failed", self.ref)
            why = Transient(f"internal error: {type(exc).__name__}", reason="InternalError")
            ended[self.order] = why
