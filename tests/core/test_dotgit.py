"""Names that git takes for its own: as its own check has them, and no others."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

from reconciler.clients.git_objects import FILE, Entry, ObjectStore, encode_tree
from reconciler.core.dotgit import is_dotgit

BLOB = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
NAMES = [
    *(".git", ".GIT", ".Git", "git~1", "GIT~1", ".git.", ".git ", ".git. .", "git~1 ", ".git::x"),
    *(".git:stream", ".git\\x", "a\\.git", "a\\git~1", "\\.git", ".g\u200cit", "\u206f.GIT\ufeff"),
    *(".gitx", "my.git", ".gitignore", "git~2", "git~10", ".gi\u0131t", "a.git", ".git~1", "git"),
    *(".git.x", "\\", "a\\b", ".\u200cgitx", "\u200b.git", "..git", ".git-", "ünï", "~1", "git ~1"),
]


def refused_by_git(place: Path, names: set[str]) -> set[str]:
    """Those of which a tree is one that git's own check takes offence at."""
    subprocess.run(["git", "init", "--quiet", "--bare", str(place)], check=True)
    trees = {}
    with ObjectStore(place) as store:
        store.content("blob", b"")
        for name in names:
            trees[store.content("tree", encode_tree({name: Entry(FILE, BLOB)}))] = name
        store.settle()
    told = subprocess.run(
        ["git", "fsck", "--no-dangling"], cwd=place, capture_output=True, check=False
    )
    lines = (line.split() for line in told.stderr.decode().splitlines() if "hasDotgit" in line)
    return {trees[line[3].rstrip(":")] for line in lines}


def test_is_what_git_says(tmp_path: Path) -> None:
    """A name is refused exactly when git's own check refuses it, whatever it is made of."""
    dice = random.Random()
    made = {"".join(dice.choices("gGit.~1\\: \u200c", k=dice.randint(1, 7))) for _ in range(500)}
    made |= {dice.choice(NAMES) + dice.choice(["", ".", " ", "x", ":"]) for _ in range(200)}
    names = {*NAMES, *made}
    refused = refused_by_git(tmp_path, names)
    assert len(refused) > 15
    assert {name for name in names if is_dotgit(name)} == refused
