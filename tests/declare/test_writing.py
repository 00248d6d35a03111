"""What a stack writes for others to read: all that was declared, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler import Process, Stack


def names(folder: Path) -> list[str]:
    """What lies there."""
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_holds_what_is_declared_and_no_more(tmp_path: Path) -> None:
    """What was declared earlier is named, not loaded again and not deleted."""
    web, other = Process("web", command="x"), Process("other", command="x")
    Stack(web, other).write(tmp_path / "o")
    Stack(other, web).write(tmp_path / "o")
    before = (tmp_path / "o" / "process-web.yaml").read_bytes()
    changed = Process("web", command="y")
    with pytest.raises(FileExistsError, match=r"not declared: process-other\.yaml; remove"):
        Stack(changed).write(tmp_path / "o")
    assert names(tmp_path / "o") == ["process-other.yaml", "process-web.yaml"]
    assert (tmp_path / "o" / "process-web.yaml").read_bytes() == before
    (tmp_path / "o" / "process-other.yaml").unlink()
    Stack(changed).write(tmp_path / "o")
    assert (tmp_path / "o" / "process-web.yaml").read_bytes() != before


@pytest.mark.parametrize("name", ["mine.yml", "deep/mine.yaml"])
def test_specs_by_hand_are_left_alone(tmp_path: Path, name: str) -> None:
    """They would be loaded too; what is not a spec is in nobody's way."""
    mine = tmp_path / name
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")
    with pytest.raises(FileExistsError, match=name):
        Stack(Process("web", command="x")).write(tmp_path)
    assert mine.read_text() == "mine"
    mine.rename(tmp_path / "README.md")
    (tmp_path / ".hidden.yaml").write_text("x")
    assert Stack(Process("web", command="x")).write(tmp_path) == [tmp_path / "process-web.yaml"]


def test_a_folder_of_its_own_beside_others(tmp_path: Path) -> None:
    """Specs by hand and declared ones live in one tree."""
    (tmp_path / "mine.yaml").write_text("mine")
    Stack(Process("web", command="x")).write(tmp_path / "declared")
    assert names(tmp_path / "declared") == ["process-web.yaml"]
