"""The original's lists of targets and excludes, kept as specs: what an edit of them comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Final

from ..core.errors import Terminal
from ..core.model import Json, Ref
from ..specs.desk import Desk, Wish
from ..specs.environment import Target, targets_of
from ..specs.yaml_text import to_document
from .view import View

HOME: Final = "20-backup.yaml"
KIND: Final = "SyncTarget"
WHY: Final = "asked through /sync/api"


class Lists:
    """The targets there are, in files and in variables; ``author`` edits those of the files."""

    def __init__(self, targets: Sequence[View], repositories: Sequence[View], author: str) -> None:
        self._fixed = {one["path"]: one for one in targets if not _in_file(one)}
        self._names = {one["name"] for one in targets}
        self._repositories = [one["name"] for one in repositories]
        self._author = author

    def with_targets(self, desk: Desk, wanted: Sequence[str]) -> Wish:
        """The edit that makes just these the targets. What a variable says cannot be edited."""
        written = desk.documents(KIND)
        whole = [one.path for one in targets_of(wanted, ())]
        if gone := [path for path in self._fixed if path not in whole]:
            raise _fixed(f"{gone[0]} is kept", self._fixed[gone[0]])
        known = {_path(document): ref for ref, document in written.items()}
        documents: dict[Ref, Json] = {ref: None for path, ref in known.items() if path not in whole}
        new = [path for path in whole if path not in known and path not in self._fixed]
        names = {ref.name for ref in written} | self._names
        for target in _named(new, names):
            spec = {"repository": self._repository(), "path": target.path}
            documents[Ref(KIND, target.name)] = to_document(KIND, target.name, spec)
        return Wish(documents, self._author, self._home(desk), WHY)

    def with_excludes(self, desk: Desk, wanted: Sequence[str]) -> Wish:
        """The edit that makes just these the excludes, each with the target it lies in."""
        written = desk.documents(KIND)
        places = [*map(_path, written.values()), *self._fixed]
        found = {one.path: one.excludes for one in targets_of(places, wanted)}
        inside = {f"{path}{one}" for path, parts in found.items() for one in parts}
        if strange := [one for one in wanted if one.strip("/") not in inside]:
            raise Terminal(f"{strange[0]} lies in no folder that is kept", reason="Invalid")
        for path, one in self._fixed.items():
            if set(found.get(path, ())) != set(one["excludes"]):
                raise _fixed(f"what is left out of {path} is said", one)
        documents = {
            ref: _excluding(document, found.get(_path(document), ()))
            for ref, document in written.items()
        }
        return Wish(documents, self._author, self._home(desk), WHY)

    def _repository(self) -> str:
        if len(self._repositories) == 1:
            return str(self._repositories[0])
        if not self._repositories:
            text = "there is no Repository yet: write one, or set GITHUB_REPO and GITHUB_PAT"
            raise Terminal(text, reason="Refused")
        text = f"say in a spec which Repository keeps it: {', '.join(self._repositories)}"
        raise Terminal(text, reason="Refused")

    def _home(self, desk: Desk) -> str:
        used = Counter(desk.homes(KIND).values())
        return used.most_common(1)[0][0] if used else HOME


def _named(new: Iterable[str], taken: set[str]) -> list[Target]:
    """Targets with names that nobody has."""
    found: list[Target] = []
    for one in targets_of([*new], ()):
        name, number = one.name, 1
        while name in taken:
            number += 1
            name = f"{one.name[:58]}-{number}"
        taken.add(name)
        found.append(one._replace(name=name))
    return found


def _in_file(target: View) -> bool:
    return bool(PurePath(str(target["origin"]).partition(":")[0]).suffix)


def _fixed(what: str, target: View) -> Terminal:
    text = f"{what} by the variable {target['origin']}: change it there, where the stack is started"
    return Terminal(text, reason="NotEditable")


def _path(document: Json) -> str:
    spec = document.get("spec") if isinstance(document, dict) else None
    return str((spec or {}).get("path", ""))


def _excluding(document: Mapping[str, Json], excludes: Sequence[str]) -> Json:
    spec = {**document["spec"]}
    before = [str(one).strip("/") for one in spec.get("excludes") or ()]
    if sorted(before) != sorted(excludes):
        spec["excludes"] = list(excludes)
        if not excludes:
            del spec["excludes"]
    return {**document, "spec": spec}
