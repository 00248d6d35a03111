"""Start records: what the next start executes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from reconciler.core.errors import Transient
from reconciler.kinds.process.folder import Folder
from reconciler.kinds.process.records import parse_record, write_record
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

    def fail(*_: object, **__: object) -> None:
        raise OSError(24, "Too many open files")

    for name in ("web-0", "web-1"):
        write_record(tmp_path, name, Program(argv=("true",)), "r1")
        with monkeypatch.context() as patch:
            patch.setattr(os, "scandir", fail)
            patch.setattr(os, "stat", fail)
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


def test_a_look_reads_what_was_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some are written anew, one comes, one goes: the rest is not looked at."""
    folder = Folder(tmp_path, parse_record)
    for number in range(9):
        write_record(tmp_path, f"p-{number}", Program(argv=("true",)), "r1")
    before = folder.read()
    assert folder.read() is before
    write_record(tmp_path, "p-3", Program(argv=("false",)), "r2")
    write_record(tmp_path, "new", Program(argv=("true",)), "r2")
    (tmp_path / "p-4.json").unlink()
    (tmp_path / "p-5.json").write_text("{")
    looked = []

    def stat(path: str, *given: object, **named: object) -> os.stat_result:
        looked.append(Path(path).name)
        return real(path, *given, **named)  # type: ignore[arg-type]

    real = os.stat
    monkeypatch.setattr(os, "stat", stat)
    after = folder.read()
    assert set(looked) == {"p-3.json", "new.json", "p-4.json", "p-5.json"}
    assert "p-4" not in after
    assert after["p-5"] is None
    changed, came = after["p-3"], after["new"]
    assert changed is not None
    assert came is not None
    assert (changed.program.argv, came.revision) == (("false",), "r2")
    rest = {f"p-{number}" for number in (0, 1, 2, 6, 7, 8)}
    assert all(after[name] is before[name] for name in rest)
    assert folder.read() is after
