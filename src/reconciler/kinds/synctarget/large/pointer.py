"""What stands in git for a large file: its hash, its size and where its content lies. Pure."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

from ....core.model import Json

LARGEST: Final = 16384
"""Bytes of the largest file that can be a pointer."""
SUFFIX: Final = ".pointer"
"""What earlier tools add to the name of a file that they replaced."""
RELEASE: Final = "release"
_hash: Final = re.compile(r"[0-9a-f]{64}\Z")
_odd: Final = re.compile(r"[^A-Za-z0-9._-]+")
_SHORT: Final = 12
_NAME: Final = 100
_MOST: Final = 1 << 50


class Pointer(NamedTuple):
    """One content. ``path`` is where it lay, from the top of the repository."""

    sha256: str
    size: int
    name: str
    """What its store calls it."""
    path: str = ""
    store: str = RELEASE
    repo: str = ""
    tag: str = ""


def encode(pointer: Pointer) -> bytes:
    """The file that goes into git: the same for the same content, so there is no time in it."""
    where: dict[str, Json] = {"store": pointer.store}
    if pointer.store == RELEASE:
        where = {"repo": pointer.repo, "release_tag": pointer.tag}
    told = {
        "type": "release-asset",
        **where,
        "asset_name": pointer.name,
        "original_path": pointer.path,
        "size": pointer.size,
        "sha256": pointer.sha256,
    }
    return json.dumps(told, indent=1).encode() + b"\n"


def decode(content: bytes) -> Pointer | None:
    """What a pointer says, in our words or in either of the earlier tools'; None for all else."""
    try:
        told: Any = json.loads(content) if len(content) <= LARGEST else None
    except (ValueError, RecursionError):
        return None
    match told:
        case {"type": "release-asset", "sha256": found}:
            return _checked(told, found, str(told.get("original_path") or ""))
        case {"type": "lfs-pointer", "version": 1, "hash": str(found)}:
            return _checked(told, found.removeprefix("sha256:"), str(told.get("filename") or ""))
    return None


def short_name(sha256: str, path: str) -> str:
    """What a release calls a content: how its hash begins, and the file's name in plain letters."""
    return f"{sha256[:_SHORT]}-{_plain(path)}"


def long_name(sha256: str, path: str) -> str:
    """The same, where the short one is another's."""
    return f"{sha256}-{_plain(path)}"


def prefixes(sha256: str) -> tuple[str, ...]:
    """How the name of a content begins, whoever named it: hosts change odd letters of the rest."""
    return f"{sha256}-", f"{sha256[:_SHORT]}-"


def _plain(path: str) -> str:
    name = path.rpartition("/")[2].encode("ascii", "replace").decode().replace("?", "_")
    return _odd.sub("_", name).strip(".")[-_NAME:].lstrip(".") or "file"


def _checked(told: dict[str, Any], sha256: Any, path: str) -> Pointer | None:
    size, name = told.get("size"), told.get("asset_name")
    if not isinstance(sha256, str) or not _hash.match(sha256):
        return None
    if type(size) is not int or not 0 <= size <= _MOST or not isinstance(name, str) or not name:
        return None
    store = told.get("store", RELEASE)
    repo, tag = told.get("repo", ""), told.get("release_tag", "")
    if not all(isinstance(one, str) for one in (store, repo, tag)):
        return None
    return Pointer(sha256, size, name, path, store, repo, tag)
