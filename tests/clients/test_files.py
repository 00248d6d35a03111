"""Files are written whole, and a folder that cannot be read is not an empty one."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from reconciler.clients.files import create, is_absent, is_bare, list_files, write_atomic
from reconciler.core.errors import Transient


def test_written_whole_and_private(tmp_path: Path) -> None:
    """The new content, mode 0600, and nothing left beside it."""
    path = tmp_path / "all" / "new" / "a.json"
    write_atomic(path, b"one")
    write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    for folder in (path.parent, path.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["a.json"]


@pytest.mark.parametrize("swaps", [True, False])
def test_what_nobody_waits_for_is_whole_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, swaps: bool
) -> None:
    """Also where the file system cannot swap two files; a reader finds the old or the new one."""
    if not swaps:
        monkeypatch.setattr("reconciler.clients.files._EXCHANGE", 1 << 30)
    path, seen, done = tmp_path / "a.json", set(), threading.Event()
    write_atomic(path, b"0" * 5000, durable=False)

    def read() -> None:
        while not done.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 200):
        write_atomic(path, str(number % 10).encode() * 5000, durable=False)
    done.set()
    reader.join()
    assert {len(one) for one in seen} == {5000}
    assert all(len(set(one)) == 1 for one in seen)
    assert path.read_bytes() == b"9" * 5000
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["a.json"]


def test_a_refused_write_is_said(tmp_path: Path) -> None:
    """What stands in the way is named, and the old content stays."""
    (tmp_path / "file").write_text("old")
    with pytest.raises(Transient, match="cannot write"):
        write_atomic(tmp_path / "file" / "a.json", b"one")
    assert (tmp_path / "file").read_text() == "old"


def test_only_whole_files_are_listed(tmp_path: Path) -> None:
    """By name, without what is half written; no folder means no files."""
    for name in ("b.json", "a.json", ".c.json.1.tmp", "d.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in list_files(tmp_path, ".json")] == ["a.json", "b.json"]
    assert list_files(tmp_path / "none", ".json") == []


def test_what_cannot_be_read_is_not_empty(tmp_path: Path) -> None:
    """A file in the folder's place, or a closed folder, raises."""
    (tmp_path / "file").touch()
    with pytest.raises(Transient, match="cannot read"):
        list_files(tmp_path / "file", ".json")


def test_what_cannot_be_created_leaves_nothing(tmp_path: Path) -> None:
    """A refusing disk is told of with the path, and no part of a file stays."""
    (tmp_path / "here").write_text("a file, no folder")
    with pytest.raises(Transient, match="here/new"):
        create(tmp_path / "here" / "new", b"data")


def test_what_is_created_is_its_owners_alone(tmp_path: Path) -> None:
    """A new file is whole and private, and so is the folder it is the first in."""
    create(tmp_path / "folder" / "new", b"data")
    assert (tmp_path / "folder" / "new").read_bytes() == b"data"
    assert (tmp_path / "folder" / "new").stat().st_mode & 0o777 == 0o600


def test_only_what_is_certainly_bare_is_called_so(tmp_path: Path) -> None:
    """What cannot be read may hold anything."""
    assert is_bare(tmp_path)
    assert is_bare(tmp_path / "none")
    (tmp_path / "one").touch()
    assert not is_bare(tmp_path)
    assert not is_bare(tmp_path / "one")


def test_what_cannot_be_looked_at_is_not_absent(tmp_path: Path) -> None:
    """A name that the system refuses to look for may well be there."""
    file = tmp_path / "there"
    file.touch()
    assert not is_absent(file)
    assert is_absent(tmp_path / "gone")
    assert is_absent(file / "below")
    assert not is_absent(tmp_path / ("long" * 100))
