"""How well a Stack does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...core.model import Health, HealthCode, Observed
from ...core.revision import SHORT
from ...core.status import Told
from .state import StackState


def health(seen: Observed[StackState]) -> Health:
    source = seen.vitals.get("source")
    if source is None:
        return Health(HealthCode.HEALTHY, "InForce", "its settings are in force")
    if not source:
        return Health(HealthCode.PROGRESSING, "NotFetched", "the source was not asked yet")
    return _trouble(source) or Health(
        HealthCode.HEALTHY, "Followed", f"{source.get('url')} at {_short(source.get('current'))}"
    )


def _trouble(source: Mapping[str, Any]) -> Health | None:
    if not source.get("ok"):
        return _degraded(str(source.get("reason")), str(source.get("message")))
    if refused := source.get("refused"):
        first = (refused.get("problems") or [{}])[0]
        where = f"{first.get('path')}:{first.get('line')}:{first.get('column')} "
        text = f"{where if first.get('path') else ''}{first.get('message', '')}"
        return _degraded("Refused", f"commit {_short(refused.get('commit'))}: {text}")
    if held := source.get("held"):
        text = (
            f"{_short(held.get('to'))} does not follow from {_short(held.get('from'))}: history was"
            " rewritten; `reconciler reconcile --accept` lets it take over"
        )
        return _degraded("HistoryRewritten", text)
    return None


def _degraded(reason: str, message: str) -> Health:
    return Health(HealthCode.DEGRADED, reason, message)


def _short(commit: Any) -> str:
    return str(commit or "")[:SHORT]


def told(seen: Observed[StackState]) -> Iterator[Told]:
    """What is done for the whole beside the passes. It says nothing about the stack's health."""
    if seen.state.notifications:
        yield _notified(seen)
    if reverted := seen.vitals.get("revert"):
        yield Told(
            "Reverted",
            holds=bool(reverted.get("ok")),
            reason=str(reverted.get("reason")),
            message=str(reverted.get("message")),
        )


def _notified(seen: Observed[StackState]) -> Told:
    """Whether those who are to be told of events are."""
    sinks = seen.vitals.get("notifications") or {}
    failing = {name: one for name, one in sorted(sinks.items()) if one.get("error")}
    if failing:
        text = "; ".join(f"{name}: {one['error']}" for name, one in failing.items())
        return Told("Notified", holds=False, reason="NotDelivered", message=text)
    text = "whoever is to be told of events was told"
    return Told("Notified", holds=True, reason="Delivered", message=text)
