"""Who asked, and how much of what is written this caller may see."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from ..core.model import Json
from ..core.values import HIDDEN
from ..specs.problem import has_password, looks_secret
from .access import Caller
from .credentials import Scope
from .trust import CALLER

SAID_OF_A_NAME: Final = frozenset({"value", "equals", "contains", "regex"})
"""What stands beside a header's or a variable's name, and is as secret as that."""


def caller_of(request: Request) -> Caller:
    """Who asks; the door lets nobody in who is nobody."""
    caller: Caller = request.scope[CALLER]
    return caller


def shown(request: Request, view: Json) -> Json:
    """What is written, as this caller may see it: who may write it sees all of it."""
    return view if caller_of(request).scope.allows(Scope.ADMIN) else veiled(view)


def veiled(view: Json) -> Json:
    """A view without what stands in it in the open and looks secret."""
    if isinstance(view, list):
        return [veiled(one) for one in view]
    if not isinstance(view, dict):
        return HIDDEN if isinstance(view, str) and has_password(view) else view
    name = view.get("name")
    is_secret = isinstance(name, str) and looks_secret(name)
    return {
        key: HIDDEN
        if isinstance(value, str)
        and (key == "hash" or looks_secret(key) or (is_secret and key in SAID_OF_A_NAME))
        else veiled(value)
        for key, value in view.items()
    }
