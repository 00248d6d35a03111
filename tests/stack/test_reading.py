"""Small files, read in one go."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.stack.reading import read_whole


@pytest.mark.parametrize("size", [0, 1, 1 << 14, (1 << 16) + 1])
def test_all_of_it_is_read(tmp_path: Path, size: int) -> None:
    """However it comes in pieces, and nothing stays open."""
    path, before = tmp_path / "file", len([*Path("/proc/self/fd").iterdir()])
    path.write_bytes(os.urandom(size))
    assert read_whole(str(path)) == path.read_bytes()
    assert len([*Path("/proc/self/fd").iterdir()]) == before


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    """By its path."""
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_whole(str(tmp_path / "nowhere"))
