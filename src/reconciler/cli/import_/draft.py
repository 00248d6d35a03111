"""What an import comes to: drafts of resources, and what became of every field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from ...core.model import Json
from ...kinds.process.spec import ProcessSpec
from ...specs.yaml_text import to_document
from .secrets import open_secrets

ORIGINAL: Final = "reconciler.dev/imported-as"
"""The annotation that keeps the name a process had."""


BACKUPS: Final = "20-backup.yaml"
"""Where what is kept goes."""
ROUTES: Final = "50-routes.yaml"
"""Where routes go: they are read together, and the API adds to it."""


class Fate(StrEnum):
    """What became of a field."""

    CARRIED = "carried over"
    NEARLY = "approximated"
    DROPPED = "dropped"
    ADVICE = "advice"


class Note(NamedTuple):
    """What became of one field; ``text`` says why, and what to do."""

    field: str
    fate: Fate
    text: str = ""
    paths: tuple[str, ...] = ()
    """Where it stands in the spec."""


@dataclass
class Draft:
    """One resource on its way to a spec. An empty ``spec`` is one that cannot be carried over."""

    original: str
    name: str = ""
    spec: dict[str, Json] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    kind: str = "Process"
    suspend: bool = False

    def carry(self, name: str, **values: Json) -> None:
        """Take a field over as it is; ``values`` go into the spec, where there are any."""
        self.notes.append(Note(name, Fate.CARRIED, paths=self.put(values)))

    def nearly(self, name: str, text: str, **values: Json) -> None:
        """Take a field over as well as can be; what was said to be carried over is not, then."""
        paths = self.put(values)
        for note in [one for one in self.notes if one[:2] == (name, Fate.CARRIED)]:
            self.notes.remove(note)
            paths += note.paths
        self.notes.append(Note(name, Fate.NEARLY, text, paths))

    def drop(self, name: str, text: str) -> None:
        """Leave a field behind."""
        self.notes.append(Note(name, Fate.DROPPED, text))

    def advise(self, name: str, text: str) -> None:
        """Say what would be better."""
        self.notes.append(Note(name, Fate.ADVICE, text))

    def put(self, values: Mapping[str, Json]) -> tuple[str, ...]:
        """Write values down; ``restart__policy`` goes into the part ``restart``. Says where."""
        for path, value in values.items():
            part, parted, key = path.partition("__")
            if parted:
                self.spec.setdefault(part, {})[key] = value
            else:
                self.spec[part] = value
        return tuple(path.replace("__", ".") for path in values)

    def settle(self) -> None:
        """Take out what a spec cannot hold, and look for secrets in the open."""
        if self.kind == "Process":  # each kind but this one is made fitting where it is read
            self._fit()
            for field_, text in open_secrets(self.spec):
                self.advise(field_, text)
        if not self.spec:  # of what is left out nothing is carried over
            self.notes = [note for note in self.notes if note.fate is Fate.DROPPED]

    def _fit(self) -> None:
        for path in _early(self.spec):
            self._take_back(path, "not supported yet")
        while self.spec and (wrong := _first_flaw(self.spec)) is not None:
            where, text = wrong
            self._take_back(_take_out(self.spec, where), f"a spec cannot hold it: {text}")

    def _take_back(self, path: str, text: str) -> None:
        """Drop what was carried to ``path`` after all, under the name that its field has."""
        told = [note for note in self.notes if any(_is_at(one, path) for one in note.paths)]
        self.notes = [note for note in self.notes if note not in told]
        for name in dict.fromkeys(note.field for note in told) or (path or "all of it",):
            self.drop(name, text)

    @property
    def tells_secrets(self) -> bool:
        """Whether the spec holds what looks like a secret."""
        return self.kind == "Process" and any(open_secrets(self.spec))

    def document(self) -> dict[str, Json]:
        """The resource as it is written."""
        order = [name for name in _ORDER if name in self.spec]
        rest = self.spec.keys() - {*order}
        is_process = self.kind == "Process"
        names = [*order, *sorted(rest)] if is_process else self.spec
        spec = {name: self.spec[name] for name in names}
        renamed = is_process and self.name != self.original
        kept = {ORIGINAL: self.original} if renamed else self.annotations
        about = {"labels": self.labels, "annotations": kept, "suspend": self.suspend}
        return to_document(self.kind, self.name, spec, metadata=about)

    @property
    def file(self) -> str:
        """The file it is written to, where a folder is given."""
        if self.kind == "Process":
            return f"{self.name}.yaml"
        return BACKUPS if self.kind in {"Repository", "SyncTarget"} else ROUTES


@dataclass
class Import:
    """All that came of one file. ``notes`` are about the file as a whole."""

    source: str
    drafts: list[Draft] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    """The files it was read from."""
    whole: bool = True
    """Whether all of these could be found."""


def _first_flaw(spec: Mapping[str, Json]) -> tuple[tuple[str, ...], str] | None:
    """What the spec would be refused for, and where; secrets are only there when it is loaded."""
    env = spec.get("env", {})
    plain = {name: value if isinstance(value, str) else "" for name, value in env.items()}
    try:
        ProcessSpec.model_validate({**spec, "env": plain}, by_alias=True, by_name=False)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        known = tuple(str(part) for part in first["loc"][:2])
        return known, first["msg"].removeprefix("Value error, ")
    return None


def _take_out(spec: dict[str, Json], path: tuple[str, ...]) -> str:
    """Remove what ``path`` means, or the nearest thing that can be removed; says what it was."""
    within = spec.get(path[0]) if path else None
    if len(path) > 1 and isinstance(within, dict) and path[1] in within:
        del within[path[1]]
        if not within:
            del spec[path[0]]
        return ".".join(path)
    if within is not None and path[0] not in {"command", "shell", "script"}:
        del spec[path[0]]
    else:
        spec.clear()
    return path[0] if path else ""


def _is_at(one: str, path: str) -> bool:
    return one == path or one.startswith(f"{path}.")


_ORDER: Final = tuple(info.alias or name for name, info in ProcessSpec.model_fields.items())


def _early(spec: dict[str, Any]) -> Iterator[str]:
    for path in ProcessSpec.not_yet:
        name, _, value = path.partition("=")
        part, parted, key = name.partition(".")
        within = spec.get(part, {}) if parted else spec
        found = within.get(key if parted else part) if isinstance(within, dict) else None
        if found is not None and value in {"", found}:
            del within[key if parted else part]
            yield path
