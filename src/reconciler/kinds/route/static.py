"""A folder that is served as it is."""

from __future__ import annotations

import re
from pathlib import PurePath
from posixpath import normpath
from typing import Annotated, Final

from pydantic import AfterValidator, StringConstraints

from ...core.model import Spec

_FOLDER: Final = re.compile(r"[^\x00-\x1f\x7f]+")
_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


def _folder(text: str) -> str:
    if not _FOLDER.fullmatch(text):
        raise ValueError("not the path of a folder")
    return text


def _file_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("not the name of a file; write for example index.html")
    return text


class Static(Spec):
    """Serve the files of a folder. ``match.pathPrefix`` stands for the folder itself.

    Links and names that begin with a dot are not served, except ``/.well-known/``.
    """

    root: Annotated[str, StringConstraints(max_length=1024), AfterValidator(_folder)]
    """The folder, relative to the spec root."""
    index: Annotated[str, StringConstraints(max_length=128), AfterValidator(_file_name)] = (
        "index.html"
    )
    """The file that is served for a folder."""
    spa: bool = False
    """Whether pages that are not there are the index of the root, whose script knows them."""


def in_place(static: Static | None, root: PurePath) -> Static | None:
    """The same with its folder's whole path."""
    if static is None:
        return None
    return static.model_copy(update={"root": normpath(str(root / static.root))})
