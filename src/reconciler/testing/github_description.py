"""GitHub's own description of its API, from npm: what the fake says is held to it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from .github_hub import Exchanged

PACKAGE: Final = "@octokit/openapi@23.0.2"
_FILE: Final = "package/generated/api.github.com.json"
_PATHS: Final = re.compile(r"/repos/\{owner\}/\{repo\}/releases(/.*)?")
_UNTOLD: Final = frozenset({206, 401, 403, 416, 429, 500, 502, 503})
"""What any request may be answered with, or what HTTP says and not the description."""


def fetch(cache: Path) -> Description | None:
    """The part about releases, kept in a folder once it was fetched; None without npm."""
    kept = cache / f"{PACKAGE.replace('/', '-')}.json"
    if not kept.exists():
        if shutil.which("npm") is None:
            return None
        cache.mkdir(parents=True, exist_ok=True)
        draft = kept.with_name(f".{os.getpid()}-{kept.name}")
        draft.write_text(json.dumps(_cut(_unpack())))
        draft.replace(kept)
    return Description(json.loads(kept.read_text()))


class Description:
    """Tells what is wrong with an exchange."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self._paths = told["paths"]
        self._components = told["components"]

    def demand(self, exchanged: Exchanged) -> None:
        """Raises AssertionError when GitHub would not have said so, or not have been asked so."""
        about = f"{exchanged.method} {exchanged.path} {exchanged.status}"
        found = self._operation(exchanged)
        assert found is not None, f"{about}: no such operation"
        self._demand_query(found, exchanged, about)
        if exchanged.headers.get("Content-Type", "").startswith("application/json"):
            content = found["requestBody"]["content"]["application/json"]
            self._demand_schema(content["schema"], exchanged.body, f"{about}: request")
        if exchanged.status in _UNTOLD:
            return
        answers = found["responses"]
        assert str(exchanged.status) in answers, f"{about}: no such answer"
        answer = self._resolved(answers[str(exchanged.status)])
        content = answer.get("content", {}).get("application/json")
        if content is not None and exchanged.answer is not None:
            self._demand_schema(content["schema"], exchanged.answer, about)

    def _operation(self, exchanged: Exchanged) -> Any:
        path = exchanged.path.removeprefix("/api/uploads")
        for template in sorted(self._paths, key=lambda one: one.count("{")):
            if re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", template), path):
                return self._paths[template].get(exchanged.method.lower())
        return None

    def _demand_query(self, operation: Any, exchanged: Exchanged, about: str) -> None:
        known = [self._resolved(one) for one in operation.get("parameters", ())]
        known = [one for one in known if one["in"] == "query"]
        names = {one["name"] for one in known}
        assert set(exchanged.query) <= names, f"{about}: {set(exchanged.query) - names}"
        needed = {one["name"] for one in known if one.get("required")}
        assert needed <= set(exchanged.query), f"{about}: without {needed}"

    def _demand_schema(self, schema: Any, value: Any, about: str) -> None:
        import jsonschema_rs

        whole = {"components": self._components, "allOf": [schema]}
        flaws = list(jsonschema_rs.Draft202012Validator(whole).iter_errors(value))
        assert not flaws, f"{about}: {flaws[0].instance_path} {flaws[0].message}"

    def _resolved(self, one: Any) -> Any:
        if "$ref" not in one:
            return one
        found = {"components": self._components}
        for part in one["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return found


def _unpack() -> Any:
    with tempfile.TemporaryDirectory() as folder:
        words = ["npm", "pack", "--silent", "--ignore-scripts", PACKAGE]
        done = subprocess.run(words, cwd=folder, capture_output=True, check=True, text=True)
        path = Path(folder, done.stdout.strip().splitlines()[-1])
        with tarfile.open(path, "r|gz") as archive:  # as it comes: the rest is large
            for member in archive:
                content = archive.extractfile(member) if member.name == _FILE else None
                if content is not None:
                    return json.load(content)
    raise AssertionError(f"{PACKAGE} has no {_FILE}")


def _cut(whole: Any) -> Any:
    """The paths of releases, and all that they name."""
    paths = {path: told for path, told in whole["paths"].items() if _PATHS.fullmatch(path)}
    components: dict[str, dict[str, Any]] = {}
    left = list(_refs(paths))
    while left:
        kind, name = left.pop().removeprefix("#/components/").split("/")
        if name not in components.setdefault(kind, {}):
            components[kind][name] = whole["components"][kind][name]
            left += _refs(components[kind][name])
    # Its words for people name this state, its schema does not.
    components["schemas"]["release-asset"]["properties"]["state"]["enum"].append("starter")
    return _nullable({"paths": paths, "components": components})


def _refs(value: Any) -> Iterator[str]:
    children = value.values() if isinstance(value, dict) else value
    for one in children if isinstance(value, dict | list) else ():
        yield from _refs(one)
    if isinstance(value, dict) and isinstance(value.get("$ref"), str):
        yield value["$ref"]


def _nullable(value: Any) -> Any:
    """``nullable`` is a word of OpenAPI 3.0 that JSON Schema does not know."""
    if isinstance(value, list):
        return [_nullable(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {name: _nullable(one) for name, one in value.items() if name != "examples"}
    if found.pop("nullable", False) is True:
        return {"anyOf": [found, {"type": "null"}]}
    return found
