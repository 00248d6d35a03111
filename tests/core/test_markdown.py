"""A plan in a pull request says what it says, and nothing in it does anything."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.markdown import plan_markdown

FIELD = {"path": "env.COLOUR", "before": "blue", "after": "green", "apply": "restart"}
CHANGE = {"ref": "Process/web-0", "verb": "update", "apply": "restart", "fields": [FIELD]}


def view(*changes: dict[str, Any], **more: Any) -> dict[str, Any]:
    summary = {"changes": len(changes), "restarts": 1, "deletions": 0}
    named = {"before": "a" * 40, "revision": "b" * 40}
    return {**named, "changes": list(changes), "summary": summary, **more}


def test_what_changes_is_a_table() -> None:
    """The cost, and both values; what is new or goes has no fields."""
    text = plan_markdown(view(CHANGE, {**CHANGE, "ref": "Route/x", "verb": "delete"}))
    assert text.startswith("### 2 changes · 1 restart · 0 deletions (<code>aaaaaaa</code> → ")
    assert "| <code>Process/web-0</code> | **restarts** | <code>env.COLOUR</code>:" in text
    assert '<code>"blue"</code> → <code>"green"</code>' in text
    assert "| <code>Route/x</code> | ➖ deleted |  |" in text
    assert plan_markdown(view()).startswith("### Nothing would change")


def test_a_secret_stays_a_word() -> None:
    """A digest is none of a pull request's business."""
    secret = {**FIELD, "before": {"sealed": "abc"}, "after": {"sealed": "def"}}
    text = plan_markdown(view({**CHANGE, "fields": [secret]}))
    assert "(secret)" in text
    assert "abc" not in text


@given(st.text(max_size=300), st.text(max_size=300))
def test_nothing_breaks_out_of_the_table(before: str, after: str) -> None:
    """Whatever stands in a value, it is one cell of one row, and no mark-up."""
    field = {**FIELD, "before": before, "after": after}
    problem = {"path": before, "line": 1, "column": 1, "message": after}
    text = plan_markdown(view({**CHANGE, "fields": [field]}, problems=[problem]))
    lines = text.removesuffix("\n").split("\n")
    (row,) = [line for line in lines if line.startswith("| <code>")]
    assert row.count("|") == 4
    inner = row.replace("<code>", "").replace("</code>", "").replace("<br>", "")
    assert not {"<", ">", "`", "[", "]"} & set(inner)
    assert len(lines) == 7
