"""import admin_config.json: the rules of the original go on deciding as they did."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from reconciler.kinds import KINDS
from reconciler.kinds.route.match import Request, Table
from reconciler.kinds.route.original import RULE_ID, to_rule
from reconciler.kinds.route.state import render

from .test_import import CASES, load

CASE = CASES / "admin_config.json"


def rules_of(specs: Path) -> list[Any]:
    found = load(specs).resources.values()
    routes = [one for one in found if one.ref.kind == "Route"]
    return sorted(routes, key=lambda one: one.spec.order)


def decided(rules: list[Any], request: Request) -> str | None:
    """The id of the rule that the original would choose."""

    def fits(match: dict[str, Any]) -> bool:
        referer = request.referer or ""
        return (
            request.path.startswith(match.get("path_prefix") or "")
            and match.get("path_equal") in {None, request.path}
            and match.get("method") in {None, request.method}
            and match.get("host") in {None, request.host}
            and (match.get("referer_substr") or "") in referer
        )

    best: tuple[tuple[int, int, int], str] | None = None
    for rule in rules:
        match = rule.get("match") or {}
        lengths = (len(match.get(n) or "") for n in ("path_prefix", "referer_substr"))
        rank = (rule.get("priority", 0), *lengths)
        if fits(match) and rank[0] >= -1 and (best is None or rank > best[0]):
            best = (rank, rule["id"])
    return best and best[1]


def test_the_default_rules_decide_as_before(reconciler: Any, stack_dir: Path) -> None:
    """Of both eras: every path with every Referer goes where it went."""
    rules = json.loads(CASE.read_text())["rules"][:12]
    source = stack_dir / "admin_config.json"
    source.write_text(json.dumps({"rules": rules}))
    assert reconciler("import", str(source), "--write").code == 0
    found = rules_of(stack_dir / "specs")
    ids = {one.ref.name: one.annotations[RULE_ID] for one in found}
    table = Table({one.ref.name: render(one) for one in found})
    paths = ["/", "/webui", "/webui/", "/webui/a", "/api/ws/x", "/sync", "/sync/", "/gemini"]
    paths += ["/gemini/v1", "/filebrowser/x", "/api/auth/login", "/assets/app.js"]
    referers = [
        None,
        "http://h/webui/",
        "http://h/webui",
        "http://h/gemini/",
        "http://gemini/webui/",
    ]
    for path in paths:
        for referer in referers:
            request = Request(path, referer=referer)
            name = table.winner(request)
            assert (name and ids[name]) == decided(rules, request), request


def test_what_comes_is_what_the_api_tells(reconciler: Any, stack_dir: Path) -> None:
    """An imported rule is one of the original's list, as it was."""
    rules = json.loads(CASE.read_text())["rules"][:8]
    source = stack_dir / "rules.json"
    source.write_text(json.dumps({"rules": rules, "default_backend": "http://127.0.0.1:6185"}))
    assert reconciler("import", str(source), "--write").code == 0
    documents = [
        {
            "metadata": {"annotations": one.annotations},
            "spec": KINDS["Route"].Spec.model_dump(one.spec, by_alias=True, exclude_unset=True),
        }
        for one in rules_of(stack_dir / "specs")
    ]
    plain = json.loads(json.dumps(documents))
    assert [to_rule(one) for one in plain] == rules


def test_all_of_it_goes_into_one_file(reconciler: Any, stack_dir: Path) -> None:
    """Where the API writes too, and `validate` finds nothing."""
    shutil.copy(CASE, stack_dir / "x.json")
    said = reconciler("import", str(stack_dir / "x.json"), "--write")
    assert said.code == 1
    assert "admin_password" in said.err
    assert [one.name for one in (stack_dir / "specs").iterdir()] == ["50-routes.yaml"]
    assert "password" not in (stack_dir / "specs/50-routes.yaml").read_text()
    assert reconciler("validate").code == 0


def test_a_stack_has_one_gateway(reconciler: Any, stack_dir: Path) -> None:
    """Where there is one already, the default backend is told, and the specs stay valid."""
    (stack_dir / "specs").mkdir(exist_ok=True)
    text = (
        "apiVersion: reconciler.dev/v1\nkind: Gateway\nmetadata: {name: door}\nspec: {listen: 80}\n"
    )
    (stack_dir / "specs/00.yaml").write_text(text)
    source = stack_dir / "rules.json"
    rule = {"id": "a", "backend": "http://127.0.0.1:1", "match": {"path_prefix": "/a/"}}
    source.write_text(json.dumps({"rules": [rule], "default_backend": "http://127.0.0.1:6185"}))
    said = reconciler("import", str(source), "--write")
    assert said.code == 1
    told = " ".join(said.err.split())
    assert "one Gateway, Gateway/door (specs/00.yaml:1)" in told
    assert "write into it: defaultBackend: http://127.0.0.1:6185" in told
    assert reconciler("validate").code == 0
    (stack_dir / "specs/00.yaml").unlink()
    for _ in range(2):  # the second time, its own is no other
        assert reconciler("import", str(source), "--write", "--force").code == 0
    assert "kind: Gateway" in (stack_dir / "specs/50-routes.yaml").read_text()


@pytest.mark.parametrize("text", ["", "  \n", "[]", "nonsense", "{", '{"rules": 1}', "[" * 100_000])
def test_a_broken_file_is_told(reconciler: Any, tmp_path: Path, text: str) -> None:
    """An empty one, as a lost backup leaves it, opens nothing and writes nothing."""
    path = tmp_path / "admin_config.json"
    path.write_text(text)
    said = reconciler("import", str(path))
    assert (said.code, said.out) == (2, "")
    assert str(path) in said.err
