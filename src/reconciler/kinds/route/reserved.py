"""Paths of the operator's own: no route is ever asked about them. As reserved.lua has them."""

from __future__ import annotations

from typing import Final

HEALTH: Final = frozenset({"/health", "/healthz", "/livez", "/readyz"})
EXACT: Final = HEALTH | {"/metrics", "/admin/routes.json", "/admin/password", "/api/sync-progress"}
BELOW: Final = ("/health/", "/admin/ui/", "/admin/api/", "/api/pm/", "/sync/api/")


def is_reserved(path: str) -> bool:
    """Whether a request for this path is the operator's."""
    return path in EXACT or path.startswith(BELOW)
