"""Paths of the operator on the public port. As reserved.lua has them."""

from __future__ import annotations

from typing import Final

EXACT: Final = (
    *("/health", "/healthz", "/livez", "/readyz", "/metrics"),
    *("/admin/routes.json", "/admin/password", "/api/sync-progress"),
)
BELOW: Final = ("/health/", "/admin/ui/", "/admin/api/", "/api/pm/", "/sync/api/")
"""All below these."""
OWN_PATHS: Final = (*EXACT, *BELOW)
