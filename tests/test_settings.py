"""Where a stack lives and how it is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.settings import read_settings


def test_what_up_was_given_counts(stack_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator under supervisord hears of a variable that `reconciler up` was started with."""
    monkeypatch.delenv("RECONCILER_RESYNC", raising=False)
    (stack_dir / "run" / "environ").write_bytes(b"RECONCILER_RESYNC=5\0A=b")
    assert read_settings(state_dir=stack_dir).resync == 5.0


def test_the_names_of_node_exporter_are_asked_for(
    stack_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a variable, and not unless it says so."""
    monkeypatch.delenv("RECONCILER_NODE_METRICS", raising=False)
    assert not read_settings(state_dir=stack_dir).node_metrics
    monkeypatch.setenv("RECONCILER_NODE_METRICS", "1")
    assert read_settings(state_dir=stack_dir).node_metrics


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "soon"])
def test_a_resync_is_a_time(stack_dir: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """A period that would look without end, or never, is refused by its name."""
    monkeypatch.setenv("RECONCILER_RESYNC", text)
    with pytest.raises(ValueError, match="RECONCILER_RESYNC"):
        read_settings(state_dir=stack_dir)


def test_specs_whose_disk_is_not_there_are_meant_all_the_same(
    stack_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link that leads nowhere now is no word that a program's declaration counts again."""
    monkeypatch.delenv("RECONCILER_SPECS", raising=False)
    monkeypatch.chdir(stack_dir)
    declared = stack_dir / "state" / "declared"
    declared.mkdir()
    (declared / ".root").write_text(str(stack_dir))
    assert read_settings(state_dir=stack_dir).specs == declared
    (stack_dir / "specs").symlink_to(stack_dir / "unmounted")
    assert read_settings(state_dir=stack_dir).specs == stack_dir / "specs"
