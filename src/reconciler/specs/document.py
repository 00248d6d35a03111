"""One YAML document -> one checked resource, or what is wrong with it."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Annotated, Any, Final, NamedTuple

from pydantic import BaseModel, Field, ValidationError

from ..core.kind import AnyKind, Kinds
from ..core.model import Drift, Json, Need, Origin, Ref, Resource, Spec
from ..core.offer import Target
from ..core.sealed import Sealed
from ..core.units import NAME_PATTERN
from . import nodes
from .around import Around
from .expand import Location, Reading
from .nodes import Flaw, Limits, Mark, Node, Scalar
from .problem import shorten
from .scalars import NOTHING
from .wording import explain, guess

API_VERSION: Final = "reconciler.dev/v1"
FIELDS: Final = ("apiVersion", "kind", "metadata", "spec")
NAME_RULE: Final = "at most 63 of a-z, 0-9 and -, with a letter or digit at both ends"


class Metadata(BaseModel, extra="forbid", use_attribute_docstrings=True):
    """What is said about a resource, whatever its kind."""

    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    """Unique among the resources of its kind."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Words to select resources by."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """Notes that nothing acts on."""
    suspend: bool = False
    """Leave this resource as it is until further notice."""
    drift: Drift = Drift.CORRECT
    """What to do about a change made outside the specs."""


class Checked(NamedTuple):
    """What one document came to; lines count from the start of its text."""

    ref: Ref | None
    resource: Resource[Any] | None
    flaws: tuple[Flaw, ...]
    mark: Mark
    files: Mapping[Path, str]
    """What it was read from besides its own text, with a word for the content."""
    needs: tuple[Need, ...] = ()
    targets: tuple[Target, ...] = ()


class Checker:
    """Checks documents against the kinds there are."""

    def __init__(self, kinds: Kinds, around: Around, limits: Limits) -> None:
        self._kinds = kinds
        self._around = around
        self._limits = limits

    def check(self, node: Node) -> Checked | None:
        """The resource of one document; None when the document is empty."""
        if isinstance(node, Scalar) and node.plain and node.text in NOTHING:
            return None
        if not isinstance(node, nodes.Mapping):
            message = f"a document must be a mapping of {', '.join(FIELDS)}"
            return Checked(None, None, (Flaw(node.mark, message),), node.mark, {})
        work = _Work(self._kinds, self._around, node)
        resource = work.run()
        flaws = sorted(set(work.flaws), key=lambda flaw: flaw[:2])[: self._limits.flaws]
        checked = Checked(work.ref, resource, tuple(flaws), work.mark, work.files)
        if resource is None:
            return checked
        kind = self._kinds[resource.ref.kind]
        needs, targets = tuple(kind.needs(resource)), tuple(kind.points_at(resource))
        return checked._replace(needs=needs, targets=targets)


class _Work:
    """The check of one document."""

    def __init__(self, kinds: Kinds, around: Around, node: nodes.Mapping) -> None:
        self.ref: Ref | None = None
        self.flaws: list[Flaw] = []
        self.files: Mapping[Path, str] = {}
        self.mark = next((entry.key for entry in node.entries.values()), node.mark)
        self._kinds = kinds
        self._around = around
        self._node = node

    def run(self) -> Resource[Any] | None:
        self._check_fields()
        kind = self._kind()
        metadata = self._metadata()
        if kind is not None and metadata is not None:
            self.ref = Ref(kind.name, metadata.name)
        spec, digest = self._spec(kind) if kind else (None, "")
        if spec is None or metadata is None or kind is None or self.flaws:
            return None
        return Resource(
            Ref(kind.name, metadata.name),
            spec,
            Origin(PurePath(), self.mark.line),
            digest=digest,
            root=self._around.root,
            suspend=metadata.suspend,
            drift=metadata.drift,
            labels=metadata.labels,
            annotations=metadata.annotations,
        )

    def _check_fields(self) -> None:
        for name, entry in self._node.entries.items():
            if name not in FIELDS:
                message = f'unknown field "{shorten(name)}"'
                self.flaws.append(Flaw(entry.key, message, guess(name, FIELDS)))
        version = self._text("apiVersion")
        if version is not None and version.text != API_VERSION:
            self.flaws.append(Flaw(version.mark, f'"apiVersion" must be {API_VERSION}'))

    def _text(self, name: str) -> Scalar | None:
        entry = self._node.entries.get(name)
        if entry is None:
            self.flaws.append(Flaw(self.mark, f'"{name}" is missing'))
            return None
        if isinstance(entry.value, Scalar):
            return entry.value
        self.flaws.append(Flaw(entry.key, f'"{name}" must be text'))
        return None

    def _kind(self) -> AnyKind | None:
        written = self._text("kind")
        if written is None:
            return None
        kind = self._kinds.get(written.text)
        if kind is None:
            hint = guess(written.text, self._kinds) or f"one of {', '.join(sorted(self._kinds))}"
            message = f'unknown kind "{shorten(written.text)}"'
            self.flaws.append(Flaw(written.mark, message, hint))
        return kind

    def _metadata(self) -> Metadata | None:
        entry = self._node.entries.get("metadata")
        if entry is None:
            self.flaws.append(Flaw(self.mark, '"metadata" is missing'))
            return None
        if not isinstance(entry.value, nodes.Mapping):
            self.flaws.append(Flaw(entry.key, '"metadata" must be a mapping'))
            return None
        reading = Reading(self._around)
        name = entry.value.entries.get("name")
        data = reading.read(entry.value)
        if name is not None and isinstance(name.value, Scalar):
            data["name"] = name.value.text
        try:
            metadata = Metadata.model_validate(data)
        except ValidationError as exc:
            self.flaws += map(_name_rule, explain(exc, Metadata, entry))
            return None
        self.flaws += reading.flaws
        return metadata

    def _spec(self, kind: AnyKind) -> tuple[Spec | None, str]:
        entry = self._node.entries.get("spec")
        node = entry.value if entry else nodes.Mapping(self.mark)
        mark = entry.key if entry else self.mark
        if isinstance(node, Scalar) and node.plain and node.text in NOTHING:
            node = nodes.Mapping(mark)
        if not isinstance(node, nodes.Mapping):
            self.flaws.append(Flaw(mark, '"spec" must be a mapping'))
            return None, ""
        early = dict(_find_early(node, frozenset(getattr(kind.Spec, "not_yet", ()))))
        self.flaws += early.values()
        reading = Reading(self._around, early)
        data = self._read(kind, node, reading)
        try:
            spec = kind.Spec.model_validate(data, by_alias=True, by_name=False)
        except ValidationError as exc:
            excused = (*early, *reading.unresolved)
            self.flaws += explain(exc, kind.Spec, nodes.Entry(mark, node), excused=excused)
            return None, ""
        return spec, digest_of(kind.name, data, self._around.key)

    def _read(self, kind: AnyKind, node: nodes.Mapping, reading: Reading) -> Json:
        data = reading.read(node)
        if isinstance(data, dict):
            data = {**kind.defaults_in(self._around.environ), **data}
        if "envFile" in node.entries and "env_file" in kind.Spec.model_fields:
            reading.merge_env_files(node.entries["envFile"].value, data)
        if "reload" in node.entries and "reload" in kind.Spec.model_fields:
            _sign(reading, node, data)
        self.flaws += reading.flaws
        self.files = reading.files
        return data


def _sign(reading: Reading, node: nodes.Mapping, data: dict[str, Json]) -> None:
    """The content of the files that a process is told to read again is part of its spec."""
    entry, reload = node.entries.get("reload"), data.get("reload")
    if entry is None or not isinstance(entry.value, nodes.Mapping) or not isinstance(reload, dict):
        return
    if files := entry.value.entries.get("files"):
        reading.sign_files(files.value, ("reload", "files"), reload)


def _name_rule(flaw: Flaw) -> Flaw:
    return flaw._replace(message=flaw.message.replace(f"of the form {NAME_PATTERN}", NAME_RULE))


def _find_early(
    node: Node, early: frozenset[str], at: Location = (), dotted: str = ""
) -> Iterator[tuple[Location, Flaw]]:
    """The fields and values in ``node`` whose time has not come."""
    if isinstance(node, nodes.Sequence):
        for n, item in enumerate(node.items):
            yield from _find_early(item, early, (*at, n), dotted)
    if not isinstance(node, nodes.Mapping) or not early:
        return
    for key, entry in node.entries.items():
        path = f"{dotted}.{key}" if dotted else key
        place = (*at, key)
        if path in early:
            yield place, Flaw(entry.key, f'"{shorten(path)}" is not supported yet')
        elif isinstance(entry.value, Scalar) and f"{path}={entry.value.text}" in early:
            message = f'"{path}: {entry.value.text}" is not supported yet'
            yield place, Flaw(entry.value.mark, message)
        else:
            yield from _find_early(entry.value, early, place, path)


def digest_of(kind: str, data: Json, key: bytes) -> str:
    """One word for a spec's content; without ``key`` it tells nothing about a secret in it."""
    text = _SORTED.encode([kind, data]).encode("utf-8", "surrogatepass")
    return hmac.digest(key, text, "sha256").hex()[:32]


def _plain(value: object) -> Json:
    if isinstance(value, Sealed):
        return {"sealed": value.digest}
    raise TypeError(f"{type(value).__name__} has no place in a spec")


_SORTED: Final = json.JSONEncoder(sort_keys=True, default=_plain)
