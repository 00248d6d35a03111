"""Makes names legal, and different from each other."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from ...core.units import LONGEST_NAME, legal_name
from ...kinds.process.spec import RESERVED
from .draft import Draft

_instance: Final = re.compile(r"(.+)-(0|[1-9][0-9]*)")


def legal(text: str) -> str:
    """The nearest name that is one: ``My_App`` becomes ``my-app``."""
    return legal_name(text, "process")


def give_names(drafts: Iterable[Draft], taken: Iterable[str] = ()) -> None:
    """Name all drafts, and say where the name had to change."""
    used = {*RESERVED, *taken}
    for draft in drafts:
        wanted = draft.name or legal(draft.original)
        draft.name = next(name for name in _candidates(wanted) if _is_free(name, used))
        used.add(draft.name)
        if draft.spec and draft.name != draft.original:
            draft.nearly("name", f"{draft.original} is called {draft.name} now")


def _candidates(name: str) -> Iterable[str]:
    yield name
    yield f"{name[: LONGEST_NAME - 4]}-app"
    letters = "abcdefghijklmnopqrstuvwxyz"
    for first in letters:
        for second in letters:
            yield f"{name[: LONGEST_NAME - 3]}-{first}{second}"


def _is_free(name: str, used: set[str]) -> bool:
    """``web-0`` is also what the first instance of ``web`` is called."""
    match = _instance.fullmatch(name)
    if name in used or (match and match[1] in used):
        return False
    return not any(other.startswith(f"{name}-") and _instance.fullmatch(other) for other in used)
