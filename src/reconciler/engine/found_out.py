"""What was found out last, in a file: for a new operator, and for whoever only looks."""

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
        write_atomic(path, json.dumps(facts, sort_keys=True).encode(), durable=False)
    except Transient as exc:
        log.warning("what was found out cannot be kept: %s", exc)
