"""The volatile facts of a resource, one by one, as people read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from ..core.lines import tame
from ..core.values import shown
from .ages import span

_STEP: Final = 1024


def vital(name: str, value: Any, now: datetime) -> str:
    """A fact in words: a time is told by how long it is off, not by its number."""
    try:
        return _WORDS[name](value, now.timestamp()) if name in _WORDS else _plain(value)
    except (TypeError, ValueError, LookupError):  # another version tells it in another way
        return _plain(value)


def _plain(value: Any) -> str:
    return tame(value) if isinstance(value, str) else shown(value)


def _uptime(value: Any, _: float) -> str:
    return span(value + 0)


def _ago(value: Any, now: float) -> str:
    return f"{span(now - float(value))} ago"


def _ahead(value: Any, now: float) -> str:
    return f"in {span(float(value) - now)}" if value > now else "now"


def _last_exit(value: Mapping[str, Any], now: float) -> str:
    how = f"killed by SIG{value['signal']}" if value["signal"] else f"exit code {value['code']}"
    return f"{how} after {span(float(value['uptime']))}, {_ago(value['at'], now)}"


def _warning(value: Mapping[str, Any], now: float) -> str:
    return f"{tame(str(value['message']))}, {_ago(value['at'], now)}"


def _cron(value: Mapping[str, Any], now: float) -> str:
    return f"its times are done with up to {_ago(value['at'], now)}"


def _size(value: Any, _: float) -> str:
    size, names = float(value), ["B", "KiB", "MiB", "GiB"]
    while size >= _STEP and len(names) > 1:
        size /= _STEP
        names.pop(0)
    return f"{size:.4g} {names[0]}"


_WORDS: Final[Mapping[str, Callable[[Any, float], str]]] = {
    "uptime": _uptime,
    "since": _ago,
    "next": _ahead,
    "lastExit": _last_exit,
    "warning": _warning,
    "cron": _cron,
    "memory": _size,
}
