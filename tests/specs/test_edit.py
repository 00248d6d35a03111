"""An edit changes the lines it is about, and says afterwards exactly what was meant."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.model import Ref
from reconciler.specs.amend import NotEditable, is_same
from reconciler.specs.edit import Page

COUNT = 3000 if os.environ.get("RECONCILER_SOAK") == "1" else 150

FILE = """\
# Who is served. Keep in order!

apiVersion: reconciler.dev/v1   # the only one
kind: Route
metadata: {name: web}
spec:
    priority: 10    # ours first
    match:
        # the public part
        pathPrefix: '/web/'
        methods: [GET, "POST"]
    proxy:
        backend: "http://127.0.0.1:8000"

        setHeaders:
        - name: X-One   # first
          value: a
        - {name: X-Two, value: b}
# between
---
apiVersion: reconciler.dev/v1
kind: Route
metadata:
  name: "old"
spec:
  match: {pathPrefix: /old}
  respond:
    status: 410
    body: |
      gone,

      for good
...
# after
---
# nothing here
"""
WEB, OLD, NEW = Ref("Route", "web"), Ref("Route", "old"), Ref("Route", "new")


def edited(change: Callable[[Any], Any], ref: Ref = WEB, text: str = FILE) -> str:
    """FILE after one document was changed."""
    page = Page(text.encode())
    wanted = copy.deepcopy(page.document(ref))
    change(wanted["spec"])
    page.put(ref, wanted)
    data = page.data() or b""
    assert is_same(Page(data).document(ref), wanted)
    return data.decode()


def lines(before: str, after: str) -> tuple[list[str], list[str]]:
    """The lines that only one of the two texts has, from the first difference to the last."""
    old, new = before.splitlines(), after.splitlines()
    while old and new and old[0] == new[0]:
        del old[0], new[0]
    while old and new and old[-1] == new[-1]:
        del old[-1], new[-1]
    return old, new


@pytest.mark.parametrize(
    ("change", "old", "new"),
    [
        (
            lambda spec: spec.update(priority=20),
            ["    priority: 10    # ours first"],
            ["    priority: 20    # ours first"],
        ),
        (
            lambda spec: spec["match"].update(pathPrefix="/it's/"),
            ["        pathPrefix: '/web/'"],
            ["        pathPrefix: '/it''s/'"],
        ),
        (
            lambda spec: spec["proxy"].update(backend="http://127.0.0.1:9"),
            ['        backend: "http://127.0.0.1:8000"'],
            ['        backend: "http://127.0.0.1:9"'],
        ),
        (
            lambda spec: spec["match"]["methods"].append("PUT"),
            ['        methods: [GET, "POST"]'],
            ["        methods: [GET, POST, PUT]"],
        ),
        (
            lambda spec: spec["match"].update(host="a.example"),
            [],
            ["        host: a.example"],
        ),
        (lambda spec: spec.pop("priority"), ["    priority: 10    # ours first"], []),
        (
            lambda spec: spec["proxy"]["setHeaders"].append({"name": "X-3", "value": "1: #"}),
            [],
            ["        - name: X-3", '          value: "1: #"'],
        ),
        (
            lambda spec: spec["proxy"]["setHeaders"].pop(0),
            ["        - name: X-One   # first", "          value: a"],
            [],
        ),
        (
            lambda spec: spec["proxy"]["setHeaders"][1].update(value="c"),
            ["        - {name: X-Two, value: b}"],
            ["        - {name: X-Two, value: c}"],
        ),
        (
            lambda spec: spec["proxy"].update(setHeaders=[]),
            [
                "        setHeaders:",
                "        - name: X-One   # first",
                "          value: a",
                "        - {name: X-Two, value: b}",
            ],
            ["        setHeaders: []"],
        ),
    ],
)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_only_the_lines_concerned_change(
    *, change: Callable[[Any], Any], old: list[str], new: list[str], ending: str, bom: str
) -> None:
    """A value, an entry, an item: nothing around it moves, not even its own comment."""
    text = bom + FILE.replace("\n", ending)
    after = edited(change, text=text)
    assert lines(text, after) == (old, new)
    assert after.count("\r") == after.count(ending[:-1] + "\n") * (ending == "\r\n")
    assert after.startswith(bom)


def test_a_document_is_added_at_the_end() -> None:
    """After a line of ---, with the file's own line ends."""
    page = Page(FILE.replace("\n", "\r\n").encode())
    page.put(NEW, {"kind": "Route", "metadata": {"name": "new"}, "spec": {"a": 1}})
    data = page.data() or b""
    assert data.startswith(FILE.replace("\n", "\r\n").encode())
    added = data.decode()[len(FILE.replace("\n", "\r\n")) :]
    assert added == "---\r\nkind: Route\r\nmetadata:\r\n  name: new\r\nspec:\r\n  a: 1\r\n"


def test_the_first_document_of_a_file_needs_no_mark() -> None:
    """A new file begins with its first document; the second is parted from it."""
    page = Page()
    page.put(WEB, {"kind": "Route", "metadata": {"name": "web"}})
    page.put(OLD, {"kind": "Route", "metadata": {"name": "old"}})
    assert page.data() == (
        b"kind: Route\nmetadata:\n  name: web\n---\nkind: Route\nmetadata:\n  name: old\n"
    )


def test_a_last_line_without_an_end_is_ended() -> None:
    """What is added stands on its own line."""
    page = Page(b"kind: Route\nmetadata: {name: web}")
    page.put(OLD, {"kind": "Route", "metadata": {"name": "old"}})
    assert (page.data() or b"").startswith(b"kind: Route\nmetadata: {name: web}\n---\nkind: Route")
    page = Page(b"kind: Route\nmetadata:\n  name: web")
    page.put(WEB, {"kind": "Route", "metadata": {"name": "web"}, "spec": {"a": [1, "x"]}})
    assert page.data() == b"kind: Route\nmetadata:\n  name: web\nspec:\n  a: [1, x]"


def test_a_document_goes_without_its_neighbours_notes() -> None:
    """The note at the head of the file and those after the document stay."""
    page = Page(FILE.encode())
    page.drop(WEB)
    text = (page.data() or b"").decode()
    assert text == "# Who is served. Keep in order!\n\n# between\n" + FILE[FILE.index("---") :]
    page = Page(FILE.encode())
    page.drop(OLD)
    text = (page.data() or b"").decode()
    assert text == FILE[: FILE.index("---")] + "...\n# after\n---\n# nothing here\n"


def test_a_file_that_holds_nothing_any_more_is_none() -> None:
    """Then the file goes too."""
    page = Page(b"---\nkind: Route\nmetadata: {name: web}\n---\n")
    page.drop(WEB)
    assert page.data() is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("kind: Route\nmetadata: {name: web}\nspec: &a {}\n", "line 3 has a mistake: anchors"),
        ("kind: Route\nmetadata: {name: web}\nx: [1\n", 'line 3 has a mistake: this "[" is never'),
        ("kind: Route\nmetadata: {name: web}\n...\nkind: App\n", "line 4 has a mistake"),
        ("kind: Route\nmetadata: {name: web}\n---\n" * 2, "written twice"),
        ("kind: \x07\n", "the character U+0007 is not allowed"),
    ],
)
def test_what_a_person_must_edit_is_refused(text: str, why: str) -> None:
    """With the place, and nothing is changed."""
    with pytest.raises(NotEditable) as refusal:
        Page(text.encode()).put(WEB, {"kind": "Route", "metadata": {"name": "web"}})
    assert why in str(refusal.value)


def test_saying_the_same_changes_nothing() -> None:
    """Not a byte, whatever the file looks like."""
    page = Page(FILE.encode())
    for ref in (WEB, OLD):
        page.put(ref, copy.deepcopy(page.document(ref)))
    assert page.data() == FILE.encode()


WORDS = st.sampled_from(
    ["a", "yes", "1", "0x1", "", " x", "x ", "a: b", "#", "- a", "é\u20ac", "it's", '"', "\\", "~"]
) | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | WORDS | st.just("two\nlines\n"),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcdef"), inner, max_size=4)
    ),
    max_leaves=12,
)
SPECS = st.dictionaries(st.sampled_from("abcdef"), VALUES, max_size=5)


def noted(text: str, notes: Any) -> str:
    """The text with a note above or behind some of its lines."""
    out: list[str] = []
    depth = 0
    for line in text.splitlines():
        if depth and (not line.strip() or len(line) - len(line.lstrip()) > depth - 1):
            out.append(line)  # inside a block of text a note would be text
            continue
        depth = len(line) - len(line.lstrip()) + 1 if line.endswith(("|", "|-", "|+")) else 0
        choice = notes.draw(st.integers(0, 5))
        out += ["# note"] * (choice == 0) + [""] * (choice == 1)
        out.append(line + "  # note" * (choice == 2 and not depth and not line.endswith("\\")))
    return "\n".join(out) + "\n"


@pytest.mark.timeout(600)
@settings(max_examples=COUNT, deadline=None)
@given(old=SPECS, new=SPECS, flow=st.booleans(), indent=st.integers(2, 4), notes=st.data())
def test_any_document_can_become_any_other(
    *, old: dict[str, Any], new: dict[str, Any], flow: bool, indent: int, notes: Any
) -> None:
    """It says what was meant, and its neighbours are untouched, notes and all."""
    document = {"kind": "Route", "metadata": {"name": "web"}, "spec": old}
    text = yaml.safe_dump(
        document,
        default_flow_style=None if flow else False,
        indent=indent,
        sort_keys=False,
        allow_unicode=True,
        width=1 << 20,
    )
    text = noted(text, notes)
    before, after = "kind: A # x\n---\n", "---\n# y\nkind: B\n"
    try:
        page = Page((before + text + after).encode())
        first = page.document(WEB)
    except NotEditable:
        return  # not what the loader reads either
    page.put(WEB, {**first, "spec": new})
    data = (page.data() or b"").decode()
    assert data.startswith(before)
    assert data.endswith(after)
    assert is_same(Page(data.encode()).document(WEB), {**first, "spec": new})


@pytest.mark.timeout(600)
@settings(max_examples=COUNT, deadline=None)
@given(spec=SPECS, word=WORDS, indent=st.integers(2, 4), notes=st.data())
def test_one_value_is_one_line(*, spec: dict[str, Any], word: str, indent: int, notes: Any) -> None:
    """Whatever stands around it: the line of a value is all that differs."""
    document = {"kind": "Route", "metadata": {"name": "web"}, "spec": {"first": 1, **spec}}
    text = noted(yaml.safe_dump(document, indent=indent, sort_keys=False, width=1 << 20), notes)
    page = Page(text.encode())
    wanted = page.document(WEB)
    at = notes.draw(st.sampled_from([key for key, one in wanted["spec"].items() if is_line(one)]))
    before = wanted["spec"][at]
    wanted["spec"][at] = word
    page.put(WEB, wanted)
    old, new = lines(text, (page.data() or b"").decode())
    assert len(old) == len(new) == int(not is_same(before, word))


def is_line(value: Any) -> bool:
    """Whether a value stands on one line."""
    return not isinstance(value, dict | list) and "\n" not in str(value)
