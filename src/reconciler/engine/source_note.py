"""What was found out about the source last: for a new operator, and for whoever only looks."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from ..clients.files import write_atomic
from ..core.errors import Transient
from ..core.model import Json

log = logging.getLogger(__name__)


def read_note(path: Path) -> dict[str, Json]:
    """What is known; nothing where that was never written, or makes no sense."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_note(path: Path, facts: dict[str, Json]) -> None:
    """Keep it. It is found out again where that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomic(path, json.dumps(facts, sort_keys=True).encode(), durable=False)
    except (OSError, Transient) as exc:
        log.warning("what is known of the source cannot be kept: %s", exc)
