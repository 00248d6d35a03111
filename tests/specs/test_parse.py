from __future__ import annotations

import pytest

from reconciler.specs.nodes import USUAL, Limits, Mapping, Mark, Node, Scalar, Sequence
from reconciler.specs.parse import parse
from reconciler.specs.scalars import resolve
from reconciler.specs.text import decode, split


def value(node: Node) -> object:
    """What a document says."""
    if isinstance(node, Scalar):
        return resolve(node.text) if node.plain else node.text
    if isinstance(node, Sequence):
        return [value(item) for item in node.items]
    return {key: value(entry.value) for key, entry in node.entries.items()}


def only(text: str) -> Node:
    parsed = parse(text, USUAL)
    assert parsed.flaws == ()
    return parsed.documents[0]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("22:22", "22:22"),
        ("NO", "NO"),
        ("on", "on"),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("2024-01-01", "2024-01-01"),
        ("1e3", 1000.0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("+1", 1),
        ("-7", -7),
        ("1.2.3", "1.2.3"),
        ("~", None),
        ("null", None),
        ("Null", None),
        ("true", True),
        ("FALSE", False),
        ("=", "="),
        ("'1'", "1"),
        ('"~"', "~"),
        ("", None),
        ("٣", "٣"),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, meant: object) -> None:
    """Times, dates and NO are text; a leading zero changes nothing."""
    said = value(only(f"a: {text}"))
    assert said == {"a": meant}
    assert type(said["a"]) is type(meant)  # type: ignore[index]


@pytest.mark.parametrize("text", ["9" * 40, "9" * 6000, "1e999", ".inf", "-.INF", ".nan"])
def test_numbers_nobody_means_are_refused(text: str) -> None:
    """A number is an ordinary one or a ValueError, and soon."""
    with pytest.raises(ValueError, match="number"):
        resolve(text)


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("a: 1\na: 2", 2, 1, 'duplicate key "a"'),
        ("a: &x 1", 1, 4, "anchors"),
        ("a: *x", 1, 4, "aliases"),
        ("a: !!str 1", 1, 4, "tags"),
        ("<<: {a: 1}", 1, 1, "merge keys"),
        ("? [a]\n: 1", 1, 3, "a key must be text"),
        ("{{a: 1}: 2}", 1, 2, "a key must be text"),
        ("%YAML 1.2\n---\na: 1", 1, 1, "directives"),
        ("a: b: c", 1, 5, 'a ":" is not expected here'),
        ("a:\n\tb: 1", 2, 1, "cannot start with this character"),
        ("a: [1, 2", 1, 4, 'this "[" is never closed'),
        ("a: {b: 1\n", 1, 4, 'this "{" is never closed'),
        ("a:\n  b: [\n", 2, 6, 'this "[" is never closed'),
        ("a:\n  b: [x,\n\n", 2, 6, 'this "[" is never closed'),
        ("a: {b: \n", 1, 4, 'this "{" is never closed'),
        ("a: {b: [1,\n", 1, 8, 'this "[" is never closed'),
        ("b: 1\na: 'x\n\n", 2, 4, "this quote is never closed"),
        ("a: [1\nb: 2\n", 2, 2, "did not find expected"),
        ('a: "\\0"', 1, 4, "NUL"),
        ('a: "\\ud800"', 1, 7, "invalid Unicode"),
        ("[" * 100, 1, 33, "nested deeper"),
        ("- " * 100, 1, 65, "nested deeper"),
        ("a: " + "x" * 200_000, 1, 4, "longer than"),
        ("[" + "a," * 9000 + "]", 1, 10000, "more than 5000"),
    ],
)
def test_what_yaml_offers_and_specs_do_not(text: str, line: int, column: int, message: str) -> None:
    """Whatever is not plain data is named at its place."""
    flaw = parse(text, USUAL).flaws[0]
    assert message in flaw.message
    assert flaw.mark == Mark(line, column)


def test_every_key_and_value_has_its_place() -> None:
    """Lines and columns count from 1, in characters."""
    root = only('# c\na:\n  - "ü": [x, {y: z}]\n')
    assert isinstance(root, Mapping)
    assert root.entries["a"].key == (2, 1)
    items = root.entries["a"].value
    assert isinstance(items, Sequence)
    first = items.items[0]
    assert isinstance(first, Mapping)
    assert first.entries["ü"].key == (3, 5)
    inner = first.entries["ü"].value
    assert isinstance(inner, Sequence)
    assert [item.mark for item in inner.items] == [(3, 11), (3, 14)]


def test_mistakes_are_collected_up_to_a_limit() -> None:
    """All mistakes of a document at once, but not for ever."""
    text = "".join(f"a{n}: &x 1\n" for n in range(100))
    flaws = parse(text, Limits(flaws=10)).flaws
    assert len(flaws) == 11
    assert "too many" in flaws[-1].message


@pytest.mark.parametrize(
    ("data", "line", "column", "message"),
    [
        (b"a: 1\nb: \xff", 2, 4, "not valid UTF-8"),
        ("ä: \x00".encode(), 1, 4, "U+0000"),
        (b"a: 1\rb: 2", 1, 5, "U+000D"),
        ("a: \u2028".encode(), 1, 4, "U+2028"),
        ("a: 1\nb: \ufeff".encode(), 2, 4, "U+FEFF"),
        (b"a: \x7f", 1, 4, "U+007F"),
        ("a: \x85".encode(), 1, 4, "U+0085"),
        ("a: 1".encode("utf-16"), 1, 1, "not valid UTF-8"),
    ],
)
def test_characters_without_a_place_are_named(
    data: bytes, line: int, column: int, message: str
) -> None:
    """A file is UTF-8 text with ordinary line ends."""
    flaw = decode(data)
    assert not isinstance(flaw, str)
    assert message in flaw.message
    assert flaw.mark == (line, column)


@pytest.mark.parametrize("data", [b"\xef\xbb\xbfa: 1\r\nb: 2\r\n", "a: 说明 🎉\n".encode(), b""])
def test_ordinary_text_is_taken(data: bytes) -> None:
    """A byte order mark, Windows line ends and any script are fine."""
    assert isinstance(decode(data), str)


def test_documents_are_told_apart_as_yaml_does() -> None:
    """Splitting a file first finds the same documents as reading it whole."""
    text = "# c\n---\na: |\n  --- no\n  x\n--- \nb: 1\n---\n---\nc: '---'\n...\n---\nd: ---x\n"
    apart = [
        value(document)
        for chunk in split(text, 100)
        for document in parse(chunk.text, USUAL).documents
    ]
    assert apart == [value(document) for document in parse(text, USUAL).documents]
    assert [chunk.above for chunk in split(text, 100)] == [0, 1, 5, 7, 8, 11]


def test_splitting_stops_at_the_limit() -> None:
    """A file of nothing but document marks costs no more than the limit."""
    assert len(list(split("---\n" * 1000, 10))) == 11
