"""What each page that edits specs needs: the desk, who may, what he saw, what a file holds."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Final, Protocol, TypeAlias

from starlette.exceptions import HTTPException
from starlette.requests import Request

from ..core.model import Json, Ref
from ..specs.desk import Desk, Wish
from ..specs.nodes import USUAL
from ..specs.scalars import LARGEST
from .answers import tag_of
from .callers import caller_of
from .credentials import Scope
from .view import View

DEEPEST: Final = 24
_NO_TEXT: Final = re.compile("[\0\ud800-\udfff]")
ANY: Final = "*"

Compose: TypeAlias = Callable[[Desk], Wish]


class Writes(Protocol):
    """What the pages need to read and edit specs."""

    async def documents(self, kind: str) -> Mapping[Ref, Json]:
        """All of a kind as they are written."""
        ...

    async def document(self, ref: Ref) -> Json:
        """One resource as it is written; None when it is not."""
        ...

    async def write(self, compose: Compose, *, dry_run: bool = False) -> View:
        """Edit the specs as ``compose`` says; or only say what would be."""
        ...


def is_plain(value: Json, depth: int = 0) -> bool:
    """Whether a file can hold it: no NaN, no half characters, no NUL, nothing without end."""
    if depth > DEEPEST:
        return False
    if isinstance(value, str):
        return len(value) <= USUAL.scalar and _NO_TEXT.search(value) is None
    if isinstance(value, dict):
        return all(is_plain(k) and is_plain(v, depth + 1) for k, v in value.items())
    if isinstance(value, list):
        return all(is_plain(one, depth + 1) for one in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, int) or abs(value) <= LARGEST


def demand_admin(request: Request, what: str = "changing the specs") -> str:
    """Who does what takes the scope admin; the door has seen to the rest."""
    caller = caller_of(request)
    if not caller.scope.allows(Scope.ADMIN):
        raise HTTPException(403, f"{what} takes the scope admin")
    return caller.name


def demand(if_match: str, now: Json) -> None:
    """The caller must have seen what is written now."""
    if not if_match:
        raise HTTPException(428, "say what you have seen: If-Match with the ETag you read, or *")
    tags = {one.strip().removeprefix("W/") for one in if_match.split(",")}
    if tags.isdisjoint({ANY, tag_of(now)}):
        raise HTTPException(412, "it was changed in the meantime: read it again")


def merge(now: Json, change: Json) -> Json:
    """JSON merge patch, RFC 7386."""
    if not isinstance(change, dict):
        return change
    merged = dict(now) if isinstance(now, dict) else {}
    for key, value in change.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged
