"""What the loader reads is what an independent reader of YAML 1.2 reads."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from tests.specs.test_parse import value

from reconciler.specs.nodes import USUAL
from reconciler.specs.parse import parse

ROOT = Path(__file__).parents[2]
WRITTEN = sorted([*ROOT.glob("specs/*.yaml"), *ROOT.glob("examples/*/specs/*.yaml")])

# A plain word that begins with `:` or `?` is legal between brackets too; there ours is refused.
texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=12
).filter(lambda text: not text.startswith((":", "?")))
words = st.sampled_from(
    ["NO", "on", "22:22", "010", "0o10", "0x1F", "1e3", "~", "null", "2024-01-01", "1_0", "=", ""]
)
leaves = (
    st.none() | st.booleans() | st.integers(-(1 << 62), 1 << 62) | texts | words
    | st.floats(allow_nan=False, allow_infinity=False)
)  # fmt: skip
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(texts.filter(bool) | words.filter(bool), inner, max_size=4)
    ),
    max_leaves=12,
)


def oracle() -> YAML:
    """A reader and writer that knows nothing of ours."""
    return YAML(typ="safe", pure=True)


def ours(text: str) -> list[Any]:
    parsed = parse(text, USUAL)
    assert parsed.flaws == ()
    return [value(one) for one in parsed.documents]


@given(values, st.sampled_from([None, False, True]))
def test_what_another_program_writes_is_read_as_it_was_meant(
    meant: object, flow: bool | None
) -> None:
    """Whatever the style, quoted or plain, in one line or many."""
    writer, out = oracle(), io.StringIO()
    writer.default_flow_style = flow
    writer.dump({"a": meant}, out)
    try:
        oracle().load(out.getvalue())
    except YAMLError:
        reject()  # a long line that it broke within a key
    assert ours(out.getvalue()) == [{"a": meant}]


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_what_we_ship_says_the_same_to_both(path: Path) -> None:
    """A spec of ours is plain YAML."""
    text = path.read_text()
    assert ours(text) == [one for one in oracle().load_all(text) if one is not None]
