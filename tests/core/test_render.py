"""A plan as text."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.lines import columns, cut, flow, line, plain, tame
from reconciler.core.render import plan_lines
from reconciler.core.values import pair, shown

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = sorted(path.parent.name for path in GOLDEN.glob("*/plan.json"))


def golden(path: Path, text: str) -> None:
    """Compare with the file; RECONCILER_GOLDEN=update rewrites it instead."""
    if os.environ.get("RECONCILER_GOLDEN") == "update":
        path.write_text(text)
    assert text == path.read_text()


def read(case: str) -> dict[str, Any]:
    view: dict[str, Any] = json.loads((GOLDEN / case / "plan.json").read_text())
    return view


def text_of(view: dict[str, Any], **how: Any) -> str:
    return "".join(plain(row).rstrip() + "\n" for row in plan_lines(view, **how))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("width", [80, 100])
def test_plan_reads_as_agreed(case: str, width: int) -> None:
    """The text of a plan changes only on purpose."""
    golden(GOLDEN / case / f"plan-{width}.txt", text_of(read(case), width=width))


def test_full_plan_reads_as_agreed() -> None:
    """``--full`` shows every field and every value whole."""
    golden(GOLDEN / "mixed" / "plan-full.txt", text_of(read("mixed"), full=True))


@pytest.mark.parametrize("width", [80, 100])
def test_no_line_is_wider_than_the_screen(width: int) -> None:
    """Long values are cut, not wrapped by the terminal."""
    assert max(columns(row) for row in text_of(read("mixed"), width=width).splitlines()) <= width


def test_in_sync_is_one_line() -> None:
    """When nothing differs, the first line says so and is the only one."""
    assert len(plan_lines(read("in-sync"))) == 1


def test_verdict_is_first() -> None:
    """Nobody must scroll to learn whether something differs."""
    assert plain(plan_lines(read("mixed"))[0]).startswith("6 changes · 1 restart · 1 deletion")


def test_pending_edits_are_a_note_in_a_plan_that_is_in_sync() -> None:
    """Edits that are not committed are told, below the verdict."""
    view = {**read("in-sync"), "pending": ["specs/web.yaml modified"]}
    first, *rest = text_of(view).splitlines()
    assert first.startswith("✔ in sync")
    assert "  specs/web.yaml modified" in rest


def test_digests_of_secrets_are_not_printed() -> None:
    """A secret is a word, at whatever depth it lies."""
    text = text_of(read("mixed"), full=True)
    assert not any(digest in text for digest in ("aaaa", "bbbb", "cccc", "sealed"))
    assert "(secret changed)" in text
    assert "TOKEN: (secret)" in text


def test_the_view_is_only_read() -> None:
    """Rendering changes nothing: the same view serves JSON afterwards."""
    view = read("mixed")
    before = copy.deepcopy(view)
    plan_lines(view)
    assert view == before


@given(st.text())
def test_no_text_can_command_a_terminal(text: str) -> None:
    """Control characters and direction overrides are shown, not obeyed."""
    assert all(char.isprintable() or char == "\u3000" or ord(char) > 0x9F for char in tame(text))
    assert "\u202e" not in tame(text)


@given(st.text(), st.integers(min_value=1, max_value=40))
def test_cut_fits(text: str, room: int) -> None:
    """A shortened text takes no more columns than there are."""
    assert columns(cut(tame(text), room)) <= room


@given(st.text(), st.text(), st.integers(min_value=12, max_value=60))
def test_what_differs_stays_in_sight(before: str, after: str, room: int) -> None:
    """Two values that differ never look the same after they were shortened."""
    old, new = pair(before, after, room)
    assert columns(old) <= room
    assert columns(new) <= room
    assert (old == new) == (before == after)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        (True, "true"),
        ("8000", '"8000"'),
        (8000, "8000"),
        (["a", 1], '["a", 1]'),
        ({"k": {"sealed": "abc"}}, "{k: (secret)}"),
        ({"sealed": "abc"}, "(secret)"),
        ({"sealed": "abc", "more": 1}, '{sealed: "abc", more: 1}'),
        ("a\nb", r'"a\nb"'),
        ("\x1b[2J", r'"\u001b[2J"'),
    ],
)
def test_values_read_like_what_people_write(value: Any, text: str) -> None:
    """A value is one line; text and numbers look different."""
    assert shown(value) == text


def test_flow_breaks_at_the_margin() -> None:
    """A long order goes on below its first word."""
    rows = flow("order: ", ["aaaa", "bbbb", "cccc"], between=" → ", width=20)
    assert [plain(row) for row in rows] == ["order: aaaa → bbbb →", "       cccc"]


def test_line_joins_text_and_marks() -> None:
    """A line reads as its parts side by side."""
    assert plain(line("a", "b")) == "ab"
