"""Uvicorn's server without its command line: that loads a parser, a reloader, a file watcher."""

from __future__ import annotations

import sys
from types import ModuleType

__all__ = ["Config", "Server"]


def _load_package() -> None:
    """Two megabytes less than as it loads itself; whoever wants the rest can still import it."""
    if "uvicorn" in sys.modules:
        return
    aside = ModuleType("uvicorn.main")
    vars(aside).update(Server=None, main=None, run=None)
    sys.modules[aside.__name__] = aside
    try:
        import uvicorn  # noqa: F401 (loading it is the point)
    finally:
        del sys.modules[aside.__name__]


_load_package()

from uvicorn.config import Config  # noqa: E402 (see above)
from uvicorn.server import Server  # noqa: E402 (see above)
