"""What the table of routes holds, how it is written down, and how a change of it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Self, TypeAlias

from ..core.errors import Transient
from ..core.model import Json

OWNER: Final = "reconciler"
Entry: TypeAlias = Mapping[str, Json]
Op: TypeAlias = dict[str, Json]


class PutEntry(NamedTuple):
    """Have this rule in the table, as ours."""

    name: str
    rule: Entry


class DropEntry(NamedTuple):
    """Have it there no longer."""

    name: str


class PutDefault(NamedTuple):
    """Have this default backend."""

    backend: str | None


class PutPool(NamedTuple):
    """Have the requests for this pool go to these endpoints; None: there is no such pool."""

    name: str
    endpoints: Sequence[Entry] | None


Edit: TypeAlias = PutEntry | DropEntry | PutDefault | PutPool


class Document(NamedTuple):
    """One version of the table. ``rules`` are as they were written, by name."""

    etag: str = "0-"
    default_backend: str | None = None
    rules: Mapping[str, Entry] = {}
    pools: Mapping[str, Sequence[Entry]] = {}

    @property
    def version(self) -> int:
        return version_of(self.etag)


class Content:
    """What a table holds, changed in place: one route among thousands must not cost thousands."""

    def __init__(self, document: Document) -> None:
        self.etag = document.etag
        self.default_backend = document.default_backend
        self.rules = dict(document.rules)
        self.pools = dict(document.pools)

    @classmethod
    def read(cls, raw: bytes) -> tuple[Self, bool]:
        """A document with the changes behind it, as far as they can be read; whether to the end.

        Raises ValueError when not even the document can be.
        """
        first, *lines = raw.splitlines() or [b""]
        content = cls(parse(first))
        try:
            for line in lines:
                content.follow(line)
        except ValueError:
            return content, False
        return content, True

    def snapshot(self) -> Document:
        """What it holds at this moment."""
        return Document(self.etag, self.default_backend, dict(self.rules), dict(self.pools))

    def ops(self, edits: Iterable[Edit]) -> list[Op]:
        """What of these edits changes anything; of several about one thing the last one."""
        last = {_subject(edit): edit for edit in edits}
        return [op for op in map(self._op, last.values()) if op is not None]

    def _op(self, edit: Edit) -> Op | None:
        match edit:
            case PutEntry(name, rule):
                entry = {"name": name, "managed_by": OWNER, **_told(rule)}
                return {"put": entry} if self.rules.get(name) != entry else None
            case DropEntry(name):
                return {"drop": name} if name in self.rules else None
            case PutDefault(backend):
                return {"default": backend} if self.default_backend != backend else None
            case PutPool(name, endpoints):
                wanted = None if endpoints is None else [dict(one) for one in endpoints]
                known = self.pools.get(name)
                return {"pool": name, "endpoints": wanted} if known != wanted else None

    def take(self, ops: Iterable[Op], etag: str) -> None:
        """Be what these changes make of it, under this name."""
        for op in ops:
            match op:
                case {"put": rule}:
                    self.rules[rule["name"]] = rule
                case {"drop": name}:
                    self.rules.pop(name, None)
                case {"default": backend}:
                    self.default_backend = backend
                case {"pool": name, "endpoints": None}:
                    self.pools.pop(name, None)
                case {"pool": name, "endpoints": endpoints}:
                    self.pools[name] = endpoints
                case _:
                    raise ValueError(op)
        self.etag = etag

    def follow(self, line: bytes) -> None:
        """Take a change as it was written. Raises ValueError when it is not the next one."""
        said = json.loads(line)
        try:
            version, digest, ops = said["version"], said["digest"], said["ops"]
        except (KeyError, TypeError) as exc:
            raise ValueError(line) from exc
        if version != version_of(self.etag) + 1:
            raise ValueError(version)
        self.take(ops, f"{version}-{digest}")

    def delta(self, ops: Sequence[Op]) -> tuple[str, bytes]:
        """The name of the version these changes make, and the line that says so."""
        text = _dump(ops)
        return self._next(text, f'"ops":{text}')

    def whole(self) -> bytes:
        """All of it, in one line."""
        version, _, digest = self.etag.partition("-")
        return _line(int(version), digest, self._said()[1:-1])

    def replaced(self) -> tuple[str, bytes]:
        """The name of the version that says all this anew, and the document."""
        text = self._said()
        return self._next(text, text[1:-1])

    def _said(self) -> str:
        rules = list(self.rules.values())
        content = {"default_backend": self.default_backend, "rules": rules, "pools": self.pools}
        return _dump(content)

    def _next(self, text: str, said: str) -> tuple[str, bytes]:
        """The digest names what was there and what came, so equal names are equal tables."""
        digest = hashlib.sha256(f"{self.etag} {text}".encode()).hexdigest()[:16]
        version = version_of(self.etag) + 1
        return f"{version}-{digest}", _line(version, digest, said)


def version_of(etag: str) -> int:
    """The number in ``VERSION-DIGEST``."""
    return int(etag.partition("-")[0])


def parse(raw: bytes, etag: str | None = None) -> Document:
    """Read a whole document. Raises ValueError when it is none."""
    try:
        said: Any = json.loads(raw)
        # An empty object is how some writers spell an empty list.
        rules = {rule["name"]: rule for rule in said["rules"] or ()}
        pools = {name: list(each or ()) for name, each in (said.get("pools") or {}).items()}
        name = etag or f"{said['version']:d}-{said['digest']}"
        return Document(name, said.get("default_backend"), rules, pools)
    except (AttributeError, KeyError, TypeError) as exc:
        raise ValueError(type(exc).__name__) from exc


def parse_served(etag: str, raw: bytes) -> Document:
    """Read what the gateway says it serves."""
    try:
        return parse(raw, etag)
    except ValueError as exc:
        raise Transient("the table of routes cannot be read", reason="TableUnreadable") from exc


def _subject(edit: Edit) -> tuple[str, str]:
    match edit:
        case PutEntry(name) | DropEntry(name):
            return "rule", name
        case PutPool(name):
            return "pool", name
        case PutDefault():
            return "default", ""


def _told(rule: Json) -> Json:
    """Without what is empty: the gateway does not know an empty list from an empty object."""
    if isinstance(rule, Mapping):
        return {key: _told(value) for key, value in rule.items() if not _is_empty(value)}
    if isinstance(rule, (list, tuple)):
        return [_told(value) for value in rule]
    return rule


def _is_empty(value: Json) -> bool:
    return isinstance(value, (list, tuple, Mapping)) and not value


def _dump(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _line(version: int, digest: str, said: str) -> bytes:
    return f'{{"version":{version},"digest":"{digest}",{said}}}'.encode()
