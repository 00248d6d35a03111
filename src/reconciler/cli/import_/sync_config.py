"""Reads the original's sync-config.json, and the variables around it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...specs.environment import REPOSITORY, Environment
from ...specs.yaml_text import from_yaml
from ..outcome import Failure
from .draft import Draft, Import
from .json_text import read_json, with_whole_characters


def is_sync_config(found: Any) -> bool:
    """Whether JSON is such a file."""
    if not isinstance(found, dict) or not found.keys() <= {"targets", "excludes"}:
        return False
    return bool(found) and all(isinstance(one, list) for one in found.values())


def import_sync_config(path: Path, environ: Mapping[str, str]) -> Import:
    """A Repository and its SyncTargets; what the file leaves empty is what the variables say."""
    found = read_json(path)
    if found != with_whole_characters(found):
        why = "half of a character (\\ud800 or the like), which no path can hold"
        raise Failure(f"{path} holds {why}", hint="write that path anew")
    if not is_sync_config(found):
        raise Failure(f"{path} is no sync-config.json", hint='{"targets": […], "excludes": […]}')
    targets, excludes = (
        [one for one in found.get(name, []) if isinstance(one, str) and one.strip()]
        for name in ("targets", "excludes")
    )
    said = Environment(environ, targets, excludes)
    result = Import(str(path), files=[path])
    for text in said.files((), ()).values():
        result.drafts += [_draft(document) for document in from_yaml(text.data)]
    _advise(result, said, excludes)
    return result


def _draft(document: Any) -> Draft:
    name, kind = document["metadata"]["name"], document["kind"]
    draft = Draft(name, name, dict(document["spec"]), kind=kind)
    for field in draft.spec:
        draft.carry(field)
    return draft


def _advise(result: Import, said: Environment, excludes: list[str]) -> None:
    inside = {f"{one.path.rstrip('/')}/{part}" for one in said.targets() for part in one.excludes}
    for draft in result.drafts:
        if draft.kind != REPOSITORY.kind:
            continue
        if not said.url():
            draft.advise("url", "set GITHUB_REPO and GITHUB_PAT, or write the url: nothing is kept")
        for path in excludes:
            if path.strip("/") not in inside:
                draft.drop(f"excludes {path}", "lies in no target")
