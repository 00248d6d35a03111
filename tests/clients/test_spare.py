"""A file that is written into one that lay ready."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from reconciler.clients.spare import Spare
from reconciler.core.errors import Transient


@pytest.mark.parametrize("laid", [True, False])
@pytest.mark.parametrize("before", [b"", b"old" * 1000])
def test_a_file_says_what_it_is_to_say(tmp_path: Path, before: bytes, *, laid: bool) -> None:
    """New or not, with one that lay ready or without; only its owner may read it."""
    spare, path = Spare(tmp_path), tmp_path / "web.json"
    if before:
        path.write_bytes(before)
    for text in (b"one", b"two" * 100, b""):
        if laid:
            spare.lay()
        spare.put(path, text)
        assert path.read_bytes() == text
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {one.name for one in tmp_path.iterdir()} <= {"web.json", ".spare"}


def test_what_was_there_before_does_not_stay(tmp_path: Path) -> None:
    """The old content lies in the spare one only until there is time."""
    spare, path = Spare(tmp_path), tmp_path / "web.json"
    path.write_bytes(b"old")
    spare.lay()
    spare.put(path, b"new")
    spare.lay()
    assert (tmp_path / ".spare").read_bytes() == b""


def test_what_is_linked_elsewhere_stays_as_it_was(tmp_path: Path) -> None:
    """A copy that was made with links is not written to."""
    spare, path = Spare(tmp_path), tmp_path / "web.json"
    path.write_bytes(b"old")
    os.link(path, tmp_path / "copy")  # noqa: PTH (as cp -l does)
    for _ in range(3):
        spare.lay()
        spare.put(path, b"new")
    assert (tmp_path / "copy").read_bytes() == b"old"


def test_one_that_went_is_made_anew(tmp_path: Path) -> None:
    """Somebody tidied up."""
    spare = Spare(tmp_path)
    spare.lay()
    os.unlink(tmp_path / ".spare")  # noqa: PTH108 (as somebody would)
    spare.put(tmp_path / "web.json", b"new")
    assert (tmp_path / "web.json").read_bytes() == b"new"


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    """What somebody put there is not written to."""
    (tmp_path / "mine").write_bytes(b"mine")
    (tmp_path / ".spare").symlink_to("mine")
    spare = Spare(tmp_path)
    spare.lay()
    spare.put(tmp_path / "web.json", b"new")
    assert (tmp_path / "mine").read_bytes() == b"mine"
    assert (tmp_path / "web.json").read_bytes() == b"new"


def test_the_disk_refuses(tmp_path: Path) -> None:
    """With the path and the reason."""
    spare = Spare(tmp_path)
    spare.lay()
    (tmp_path / "web.json").mkdir()
    with pytest.raises(Transient, match=r"web\.json"):
        spare.put(tmp_path / "web.json", b"new")
