"""Which files are only this machine's: what the kernel notes of them is all that happens."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

LOCAL: Final = frozenset(
    {"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "tmpfs", "xfs", "zfs"}
)
"""Those of which that is known; of a disk shared with a host or a network it is not."""


def are_local(paths: Iterable[Path]) -> bool:
    """Whether nobody but this machine can write there. Blocks."""
    try:
        kinds = dict(map(_device, Path("/proc/self/mountinfo").read_text().splitlines()))
        return all(kinds.get(os.stat(path).st_dev) in LOCAL for path in paths)  # noqa: PTH116 (plain)
    except (OSError, ValueError, LookupError):
        return False


def _device(row: str) -> tuple[int, str]:
    """A mount's device, and its kind of file system."""
    before, _, after = row.partition(" - ")
    major, minor = before.split()[2].split(":")
    return os.makedev(int(major), int(minor)), after.split()[0]
