"""Wire only: these modules know protocols and files, and no kind."""

from __future__ import annotations

import sys
from typing import Any

# httpx brings a command line of its own along, and with it a terminal library: megabytes that an
# operator would carry all its life. Without this module it does without.
_modules: dict[str, Any] = sys.modules
_modules.setdefault("httpx._main", None)
