"""All dashboards."""

from __future__ import annotations

from typing import Final

from .backups import BACKUPS
from .gateway import GATEWAY, ONE_ROUTE
from .operator import OPERATOR
from .overview import OVERVIEW
from .panel import Dashboard
from .processes import PROCESS, PROCESSES
from .revisions import REVISIONS

DASHBOARDS: Final[tuple[Dashboard, ...]] = (
    OVERVIEW,
    PROCESSES,
    PROCESS,
    GATEWAY,
    ONE_ROUTE,
    BACKUPS,
    REVISIONS,
    OPERATOR,
)
