"""Names that git takes for its own folder, on this system or on one that folds names."""

from __future__ import annotations

import re
from typing import Final

# What HFS+ leaves out of names: utf8.c of git, next_hfs_char.
_UNSEEN: Final = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
# fsck.c and path.c of git: is_ntfs_dotgit, also behind any backslash.
_SHORT: Final = re.compile(r"(?:\A|\\)(?:\.git|git~1)[. ]*(?:\Z|[\\:])", re.IGNORECASE)


def is_dotgit(name: str) -> bool:
    """Whether git refuses a file or folder of this name, on any system.

    Hosts check what is pushed to them by git's own list: one such name and they take nothing.
    """
    if ".git" not in name.lower() and "~1" not in name and name.isascii():
        return False
    return bool(_SHORT.search(name)) or _UNSEEN.sub("", name).lower() == ".git"
