"""The last words of what ended."""

from __future__ import annotations

import logging
from typing import Final

from ..core.errors import ReconcileError
from ..core.kind import Hears
from ..core.model import Ref

log = logging.getLogger(__name__)

LINES: Final = 50
LONG: Final = 2000
"""Of the last words of what ended so many lines and characters are kept."""


async def last_lines(driver: Hears, ref: Ref) -> list[str]:
    """What a thing printed before it ended, as far as that is worth keeping."""
    try:
        lines = await driver.last_lines(ref.name)
    except ReconcileError:  # an event without last words is one all the same
        return []
    except Exception:
        log.exception("asking for the last words of %s failed", ref)
        return []
    return [line[:LONG] for line in lines][-LINES:]
