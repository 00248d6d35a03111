"""`route test` beside a running gateway."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.main import run
from reconciler.cli.terminal import Terminal

from .conftest import Gateway

pytestmark = pytest.mark.real

SPEC = """\
apiVersion: reconciler.dev/v1
kind: Route
metadata: {name: api}
spec:
  match: {pathPrefix: /api/, headers: [{name: X-Env, equals: a}]}
  respond: {status: 204}
"""


async def asked(gateway: Gateway, folder: Path, *words: str) -> tuple[int, Any]:
    """What `reconciler route test` ends with and says of the gateway."""
    out = io.StringIO()
    state = str(gateway.parts.place.state_dir)
    places = ("--specs", str(folder), "--state-dir", state, "-o", "json")
    code = await asyncio.to_thread(
        run, ["route", "test", *words, *places], Terminal(out=out, err=io.StringIO())
    )
    return code, json.loads(out.getvalue())["gateway"]


async def test_the_running_gateway_is_asked(gateway: Gateway, tmp_path: Path) -> None:
    """0 while it decides the same, 1 and its own answer when it does not."""
    folder = tmp_path / "specs"
    folder.mkdir()
    (folder / "r.yaml").write_text(SPEC)
    match = {"pathPrefix": "/api/", "headers": [{"name": "X-Env", "equals": "a"}]}
    await gateway.serve(api={"match": match, "respond": {"status": 204}})
    for words in (("/api/x", "-H", "X-Env: a"), ("/api/x",), ("/api/..",)):
        code, said = await asked(gateway, folder, *words)
        assert (code, said["agrees"], said["table"]) == (0, True, 1)
    await gateway.serve(other={"priority": 1, "respond": {"status": 200}})
    code, said = await asked(gateway, folder, "/api/x", "-H", "X-Env: a")
    assert (code, said["agrees"], said["route"]) == (1, False, "other")
