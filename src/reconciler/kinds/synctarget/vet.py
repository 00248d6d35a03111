"""Looks at what a remote would have us put in place, before any of it is."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from ...clients.git_objects import FILE, LINK, PROGRAM, TREE, Entry
from ...core.dotgit import is_dotgit
from ...core.errors import Transient

log = logging.getLogger(__name__)

Listing = Mapping[str, Entry]

GITLINK: Final = "160000"
_OLD_FILE: Final = "100664"
"""As git itself wrote files long ago."""
_KNOWN: Final = frozenset({FILE, LINK, PROGRAM, TREE})
_NAMED: Final = 5


def vet(found: Mapping[str, Entry], name: str) -> dict[str, Entry]:
    """What may be put in place. Raises Transient when a path leads elsewhere.

    A repository inside has only its commit's name in the backup, which is nothing to put in place:
    tools that copied with ``git add`` left such for each folder that had a ``.git``.
    """
    wanted, inner = {}, []
    for path, entry in found.items():
        _demand_plain(path)
        if entry.mode == GITLINK:
            inner.append(path)
        elif entry.mode == _OLD_FILE:
            wanted[path] = Entry(FILE, entry.id)
        elif entry.mode in _KNOWN:
            wanted[path] = entry
        else:
            raise Transient(f"{path!r} is of a kind we do not know: {entry.mode}", reason="BadPath")
    if inner:
        more = f" and {len(inner) - _NAMED} more" if len(inner) > _NAMED else ""
        told = ", ".join(sorted(inner)[:_NAMED])
        log.warning("SyncTarget/%s: the backup has only the names of %s%s", name, told, more)
    return wanted


def _demand_plain(path: str) -> None:
    if any(part in {"", ".", ".."} or is_dotgit(part) for part in path.split("/")):
        raise Transient(f"the backup holds a path no folder may have: {path!r}", reason="BadPath")
