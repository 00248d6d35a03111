from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.core.model import Ref
from reconciler.kinds import KINDS
from reconciler.specs.load import Loader
from reconciler.specs.source import open_source

EVERYBODY = "0.0.0.0"  # noqa: S104 - the image asks for it
HEAD = "apiVersion: reconciler.dev/v1\nkind: "
ROUTE = HEAD + "Route\nmetadata: {name: a}\nspec: {match: {pathEqual: /a}, redirect: {to: /b}}\n"
GATEWAY = HEAD + "Gateway\nmetadata: {name: gateway}\nspec: "


@pytest.mark.parametrize(
    ("text", "bind"),
    [
        (ROUTE, EVERYBODY),
        (GATEWAY + "{}\n", EVERYBODY),
        (GATEWAY + "{bind: 127.0.0.2}\n", "127.0.0.2"),
    ],
)
def test_the_environment_gives_a_default(text: str, bind: str, tmp_path: Path) -> None:
    """The image opens the gateway to everybody unless the specs say otherwise."""
    specs = tmp_path / "specs"
    specs.mkdir()
    (specs / "a.yaml").write_text(text)
    environ = {"RECONCILER_BIND": EVERYBODY}
    source = open_source(specs)
    snapshot = Loader(KINDS, source, root=tmp_path, environ=environ, key=b"key").load()
    assert snapshot.problems == ()
    assert snapshot.resources[Ref("Gateway", "gateway")].spec.bind == bind
