"""Loads httpx when it is first needed, without what it brings along and without its logs."""

from __future__ import annotations

import logging
import sys
from typing import Any


def load() -> Any:
    """Httpx without its command line, which brings a library for terminals along: megabytes."""
    nothing: Any = None  # Python's own word for a module that is not to be had
    sys.modules.setdefault("httpx._main", nothing)
    import httpx

    for name in ("httpx", "httpcore"):  # they write urls and headers, and thus secrets
        logging.getLogger(name).setLevel(logging.WARNING)
    return httpx
