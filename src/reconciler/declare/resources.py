"""The kinds as Python sees them."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Unpack

from ..core.kind import AnyKind
from ..core.model import Json, Ref
from ..core.units import NAME_PATTERN
from ..kinds import KINDS
from ..specs.document import NAME_RULE
from ..specs.yaml_text import to_document
from .fields import (
    GatewayFields,
    Metadata,
    ProbeFields,
    ProcessFields,
    RepositoryFields,
    RouteFields,
    StackFields,
    SyncTargetFields,
)
from .plain import plain_value, to_plain

PACKAGE = str(Path(__file__).parent)


class Place(NamedTuple):
    """Where in somebody's code a resource was declared."""

    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


class Declared:
    """One resource, as it was declared; it is checked when its stack is."""

    kind: ClassVar[str]

    def __init__(self, name: str, /, **fields: Any) -> None:
        self.ref = Ref(self.kind, _name(self.kind, name))
        about = {
            key: plain_value(fields.pop(key), (), f"{self.kind}.{key}")
            for key in Metadata.__annotations__
            if key in fields
        }
        self.place = here()
        self.metadata: Mapping[str, Json] = about
        self.spec = to_plain(_kind(self.kind).Spec, fields, self.kind)

    def document(self) -> dict[str, Json]:
        """The resource as it would stand in a file."""
        return to_document(*self.ref, self.spec, metadata=self.metadata)

    def __repr__(self) -> str:
        # The values may hold secrets.
        return f"<{self.ref} of {self.place}>"


class Process(Declared):
    """A program that is kept running: ``Process("web", command=["python3", "web.py"])``."""

    kind = "Process"

    def __init__(self, name: str, /, **fields: Unpack[ProcessFields]) -> None:
        super().__init__(name, **fields)


class Route(Declared):
    """Which requests go where."""

    kind = "Route"

    def __init__(self, name: str, /, **fields: Unpack[RouteFields]) -> None:
        super().__init__(name, **fields)


class Gateway(Declared):
    """The one public port, and what answers when no route matches."""

    kind = "Gateway"

    def __init__(self, name: str = "gateway", /, **fields: Unpack[GatewayFields]) -> None:
        super().__init__(name, **fields)


class Repository(Declared):
    """A git remote that keeps backups."""

    kind = "Repository"

    def __init__(self, name: str, /, **fields: Unpack[RepositoryFields]) -> None:
        super().__init__(name, **fields)


class SyncTarget(Declared):
    """A folder or file that is kept in a repository, and restored from it."""

    kind = "SyncTarget"

    def __init__(self, name: str, /, **fields: Unpack[SyncTargetFields]) -> None:
        super().__init__(name, **fields)


class Probe(Declared):
    """A check of something that runs elsewhere."""

    kind = "Probe"

    def __init__(self, name: str, /, **fields: Unpack[ProbeFields]) -> None:
        super().__init__(name, **fields)


class StackSettings(Declared):
    """What is said about the stack as a whole; at most one."""

    kind = "Stack"

    def __init__(self, name: str, /, **fields: Unpack[StackFields]) -> None:
        super().__init__(name, **fields)


def here() -> Place:
    """The line outside of this package that is being executed."""
    frame = sys._getframe()  # noqa: SLF001 (the one way to know who calls)
    while frame.f_back and str(Path(frame.f_code.co_filename).parent) == PACKAGE:
        frame = frame.f_back
    return Place(Path(frame.f_code.co_filename), frame.f_lineno)


def _name(kind: str, given: object) -> str:
    """What was given as a name, if it is one. Raises TypeError or ValueError."""
    if not isinstance(given, str):
        said = type(given).__name__
        raise TypeError(f'the name of a {kind} comes first, as text: {kind}("web", …), not {said}')
    if not re.fullmatch(NAME_PATTERN, given):
        raise ValueError(f"{given!r} is no name of a {kind}: {NAME_RULE}")
    return given


def _kind(name: str) -> AnyKind:
    if name not in KINDS:
        raise TypeError(f"this version knows no kind {name}")
    return KINDS[name]
