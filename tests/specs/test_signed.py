from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.model import Ref
from reconciler.kinds import KINDS
from reconciler.specs.load import Loader, Snapshot
from reconciler.specs.outside import LARGEST, Outside
from reconciler.specs.source import open_source

HEAD = "apiVersion: reconciler.dev/v1\nkind: Process\nmetadata: {name: web}\nspec:\n  command: x\n"
WEB = Ref("Process", "web")


@pytest.fixture
def loader(tmp_path: Path) -> Loader:
    """Of a folder with one process in it."""
    (tmp_path / "specs").mkdir()
    source = open_source(tmp_path / "specs")
    return Loader(KINDS, source, root=tmp_path, environ={}, key=b"k")


def write(root: Path, reload: str) -> None:
    (root / "specs" / "web.yaml").write_text(f"{HEAD}  reload: {reload}\n")


def drawn(snapshot: Snapshot) -> Any:
    kind, resource = KINDS["Process"], snapshot.resources[WEB]
    return kind.render(kind.instances(resource)[0])


def test_what_its_files_hold_is_part_of_a_process(loader: Loader, tmp_path: Path) -> None:
    """Another content is another spec and another digest; the same content is neither."""
    write(tmp_path, "{files: [a.conf, sub/b.conf]}")
    first = loader.load()
    assert first.problems == ()
    (tmp_path / "a.conf").write_text("one")
    second = loader.load()
    (tmp_path / "a.conf").write_text("two")
    third = loader.load()
    digests = {drawn(one).reload_digest for one in (first, second, third)}
    assert len(digests) == 3
    assert len({one.resources[WEB].digest for one in (first, second, third)}) == 3
    assert loader.load() is third
    os.utime(tmp_path / "a.conf", (1, 1))
    assert drawn(loader.load()).reload_digest == drawn(third).reload_digest


def test_without_files_nothing_is_signed(loader: Loader, tmp_path: Path) -> None:
    """A signal alone is for `reconciler reload`."""
    write(tmp_path, "{signal: USR1}")
    program = drawn(loader.load())
    assert (program.reload_digest, program.reload_signal) == ("", "USR1")


@pytest.mark.parametrize(
    ("reload", "says"),
    [
        ("{files: [{path: a, digest: b}]}", "reload.files[0] must be a path"),
        ("{files: [[a]]}", "reload.files[0] must be a path"),
        ("{files: a}", "files"),
        ("{files: ['']}", "files"),
        ("{digest: a}", "digest"),
    ],
)
def test_nobody_writes_a_digest(loader: Loader, tmp_path: Path, reload: str, says: str) -> None:
    """What the loader adds is no field of the file."""
    write(tmp_path, reload)
    (problem,) = loader.load().problems
    assert says in str(problem)


def test_a_large_file_counts_too(tmp_path: Path) -> None:
    """It is never kept in memory, and its last byte matters."""
    outside, path = Outside(), tmp_path / "large"
    words = set()
    for last in (b"a", b"b"):
        path.write_bytes(b"x" * LARGEST + last)
        words.add(outside.fingerprint(path))
    assert len(words) == 2
    assert all(len(word) == 32 for word in words)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_says_how_to_allow_it(tmp_path: Path) -> None:
    """It names the owner and the command."""
    path = tmp_path / "closed"
    path.touch(mode=0o000)
    assert f"chown {os.geteuid()} {path}" in Outside().fingerprint(path)
