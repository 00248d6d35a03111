"""The operator's own paths."""

from __future__ import annotations

import re

from reconciler.core.own_paths import OWN_PATHS
from reconciler.kinds.gateway.files import shipped


def test_the_gateway_has_the_same_ones() -> None:
    """What the gateway passes to the operator is what no route is asked about."""
    lua = shipped()["lua/reconciler/request/reserved.lua"].decode()
    assert sorted(re.findall(r'\["(/[^"]+)"\] = "', lua)) == sorted(OWN_PATHS)
