"""Start records: what the next start executes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from reconciler.core.errors import Transient
from reconciler.kinds.process.records import Folder, parse_record, write_record
from reconciler.kinds.process.state import Program


def test_nobody_takes_the_name_of_another(tmp_path: Path) -> None:
    """By it what a process left behind is found and ended."""
    program = Program(argv=("true",), env={"RECONCILER_PROCESS": "api-0", "A": "1"})
    write_record(tmp_path, "web-0", program, "r1")
    env = json.loads((tmp_path / "web-0.json").read_bytes())["env"]
    assert (env["RECONCILER_PROCESS"], env["A"]) == ("web-0", "1")


def test_a_folder_that_could_not_be_read_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not as empty, and not as it was before: it is read again."""
    folder = Folder(tmp_path, parse_record)

    def fail(_: object) -> None:
        raise OSError(24, "Too many open files")

    for name in ("web-0", "web-1"):
        write_record(tmp_path, name, Program(argv=("true",)), "r1")
        with monkeypatch.context() as patch:
            patch.setattr(os, "scandir", fail)
            with pytest.raises(Transient):
                folder.read()
        assert name in folder.read()


def test_what_cannot_be_read_is_not_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a process that another supervisord keeps would be started a second time."""
    folder = Folder(tmp_path, parse_record)
    assert folder.read_one("web-0") is None
    write_record(tmp_path, "web-0", Program(argv=("true",)), "r1")

    def fail(_: object) -> bytes:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(Transient, match="web-0"):
        folder.read_one("web-0")
