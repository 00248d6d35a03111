"""When a schedule fires."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from functools import cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_NAMES: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_FIELDS: Final = 5


def check_schedule(text: str) -> str:
    """The five fields that ``text`` stands for. Raises ValueError with an example."""
    plain = _NAMES.get(text.strip().lower(), text)
    if len(plain.split()) != _FIELDS:
        raise ValueError(
            f"a schedule has {_FIELDS} fields: minute, hour, day, month, weekday; "
            'write for example "0 4 * * *"'
        )
    try:
        next(CronSim(plain, datetime(2024, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration) as exc:
        why = str(exc) or "it never fires"
        raise ValueError(f'not a schedule ({why}); write for example "0 4 * * *"') from None
    return " ".join(plain.split())


def check_timezone(text: str) -> str:
    """``text``, a time zone this machine knows. Raises ValueError with an example."""
    try:
        ZoneInfo(text)
    except (OSError, ValueError, LookupError):
        raise ValueError(
            "not a time zone this machine knows; write for example Europe/Berlin or UTC"
        ) from None
    return text


def next_fire(schedule: str, timezone: str | None, after: float) -> float:
    """The first time past ``after``, in Unix seconds; without a zone, in that of the machine."""
    moment = datetime.fromtimestamp(after, UTC)
    zone = ZoneInfo(timezone) if timezone else _local(os.environ.get("TZ", ""))
    return next(CronSim(schedule, moment.astimezone(zone))).timestamp()


@cache
def _local(name: str) -> tzinfo | None:
    """The machine's own zone with its summer times; None when that is not known."""
    with suppress(OSError, ValueError, LookupError):
        return ZoneInfo(name.removeprefix(":"))
    with suppress(OSError, ValueError), Path("/etc/localtime").open("rb") as file:
        return ZoneInfo.from_file(file)
    return None
