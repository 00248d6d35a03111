"""Pointers and marks: what is written, what is believed, what is kept. Pure."""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reconciler.clients.blobs import is_name
from reconciler.core.sealed import Sealed
from reconciler.kinds.synctarget.large.marks import (
    KEPT,
    NONE,
    Gone,
    Kept,
    Mark,
    Marks,
    advance,
    combine,
    decode,
    encode,
)
from reconciler.kinds.synctarget.large.pointer import (
    LARGEST,
    Pointer,
    long_name,
    prefixes,
    short_name,
)
from reconciler.kinds.synctarget.large.pointer import decode as read
from reconciler.kinds.synctarget.large.pointer import encode as written
from reconciler.kinds.synctarget.large.spec import LargeFiles
from reconciler.kinds.synctarget.large.state import render_large

SHA = "ab" * 32
texts = st.text(max_size=20)
pointers = st.builds(
    Pointer,
    sha256=st.just(SHA),
    size=st.integers(0, 1 << 40),
    name=st.text(min_size=1, max_size=20),
    path=texts,
    store=st.just("release"),
    repo=texts,
    tag=texts,
)


@given(pointers)
def test_a_pointer_says_what_it_was_told(pointer: Pointer) -> None:
    """What was written is read, and is the same bytes each time."""
    assert read(written(pointer)) == pointer
    assert written(pointer) == written(read(written(pointer)) or pointer)


def test_other_stores_say_so() -> None:
    pointer = Pointer(SHA, 5, "me/x", "a", store="s3")
    assert read(written(pointer)) == pointer


@given(
    st.binary(max_size=200)
    | st.builds(
        lambda v: json.dumps(v).encode(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | texts,
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["type", "sha256", "size", "asset_name", "hash", "version"])
                    | texts,
                    inner,
                    max_size=6,
                )
            ),
            max_leaves=10,
        ),
    )
)
def test_anything_else_is_no_pointer(content: bytes) -> None:
    """Whatever a stranger writes, reading it ends well."""
    found = read(content)
    assert found is None or (found.sha256 and found.size >= 0 and found.name)


@pytest.mark.parametrize(
    "wrong",
    [
        {"sha256": "AB" * 32},
        {"sha256": "ab"},
        {"sha256": 5},
        {"size": -1},
        {"size": True},
        {"size": "5"},
        {"size": 1 << 60},
        {"asset_name": ""},
        {"asset_name": 5},
        {"release_tag": 5},
        {"type": "file"},
    ],
)
def test_a_pointer_with_a_flaw_is_a_file(wrong: dict[str, Any]) -> None:
    told = {"type": "release-asset", "sha256": SHA, "size": 5, "asset_name": "x"}
    assert read(json.dumps(told).encode()) is not None
    assert read(json.dumps({**told, **wrong}).encode()) is None


def test_deep_and_large_is_no_pointer() -> None:
    assert read(b"[" * 10000) is None
    told = {"type": "release-asset", "sha256": SHA, "size": 5, "asset_name": "x"}
    assert read(json.dumps({**told, "more": "x" * LARGEST}).encode()) is None


@given(st.text(max_size=50))
def test_names_are_plain(path: str) -> None:
    """Whatever a file is called, its blob's name is one that every host keeps."""
    for name in (short_name(SHA, path), long_name(SHA, path)):
        assert is_name(name)
        assert name.startswith(prefixes(SHA))
        assert len(name) <= 180
        assert not name.endswith(".")


names = st.sampled_from("abcdefgh")
paths = st.sampled_from(["p", "q", "r/s"])
looks = st.dictionaries(paths, names.map(lambda name: Mark(f"id-{name}", name)), max_size=3)


@given(st.lists(looks, max_size=12), st.integers(1, 3))
def test_what_is_there_is_never_let_go(history: list[dict[str, Mark]], versions: int) -> None:
    """The current version of every path is kept, and as many as are asked for; none is dropped."""
    marks, seen = NONE, dict[str, list[str]]()
    for moment, now in enumerate(history):
        after = advance(marks, now, versions=versions, moment=float(moment))
        for path, mark in now.items():
            older = [name for name in seen.get(path, []) if name != mark.name]
            seen[path] = [mark.name, *older]
            assert after.files[path].pointer == mark.pointer
            assert after.files[path].names[0] == mark.name
        assert set(after.files) == set(now)
        assert not after.needed() & set(after.dropped)
        for path in seen.keys() - now.keys():
            assert path in after.gone
        assert all(len(kept.names) <= versions for kept in after.files.values())
        assert advance(after, now, versions=versions, moment=1e12) is after
        assert decode(encode(after)) == after
        assert encode(decode(encode(after)) or NONE) == encode(after)
        marks = after


def test_versions_come_back_first() -> None:
    """A content that returns is the newest again, and is not let go."""
    marks = NONE
    for name in "abcab":
        marks = advance(marks, {"p": Mark(f"id-{name}", name)}, versions=2, moment=0.0)
    assert marks.files["p"].names == ("b", "a")
    assert marks.dropped == ("c",)


def test_deleted_files_are_kept_for_a_while() -> None:
    marks = advance(NONE, {"p": Mark("1", "a")}, versions=2, moment=0.0)
    marks = advance(marks, {}, versions=2, moment=10.0)
    assert marks == Marks({}, {"p": Gone(10, ("a",))})
    later = advance(marks, {"q": Mark("2", "b")}, versions=2, moment=10.0 + KEPT)
    assert later == Marks({"q": Kept("2", ("b",))}, {}, ("a",))
    back = advance(marks, {"p": Mark("3", "c")}, versions=2, moment=20.0)
    assert back == Marks({"p": Kept("3", ("c", "a"))})


def test_what_was_deleted_is_not_named_again() -> None:
    marks = advance(NONE, {"p": Mark("1", "a")}, versions=1, moment=0.0)
    marks = advance(marks, {"p": Mark("2", "b")}, versions=1, moment=0.0)
    assert marks.dropped == ("a",)
    marks = advance(marks, {"p": Mark("3", "c")}, versions=1, moment=0.0, deleted=["a"])
    assert marks.dropped == ("b",)


sides = st.tuples(st.lists(looks, max_size=4), st.lists(looks, max_size=4))


@given(sides, st.booleans())
def test_a_merge_keeps_what_it_has(both: tuple[list[Any], list[Any]], first: bool) -> None:
    """What stands in a merge is marked, whichever side it came from, and its blob is kept."""
    made = []
    for history in both:
        marks = NONE
        for now in history:
            marks = advance(marks, now, versions=2, moment=0.0)
        made.append(marks)
    ours, theirs = made
    stands = {**theirs.files, **ours.files} if first else {**ours.files, **theirs.files}
    merged = combine(
        ours, theirs, lambda path: stands[path].pointer if path in stands else None, moment=0.0
    )
    assert {path: kept.pointer for path, kept in merged.files.items()} == {
        path: kept.pointer for path, kept in stands.items()
    }
    for path, kept in stands.items():
        assert merged.files[path].names[0] == kept.names[0]
    assert not merged.needed() & set(merged.dropped)
    again = combine(
        ours, merged, lambda path: stands[path].pointer if path in stands else None, moment=9.0
    )
    assert encode(again) == encode(merged)


def test_a_merge_keeps_what_one_side_let_go_and_the_other_has() -> None:
    """Then the older versions of other files that have the same content are kept with it."""
    ours = Marks({"p": Kept("2", ("b",))}, {"r": Gone(0, ("b",))})
    theirs = Marks({"q": Kept("3", ("c",))}, {}, ("b",))
    stands = {"p": "2", "q": "3"}
    merged = combine(ours, theirs, stands.get, moment=0.0)
    assert merged == Marks({**theirs.files, **ours.files}, ours.gone)
    assert combine(ours, merged, stands.get, moment=9.0) == merged


def test_a_merge_lets_go_what_one_side_let_go() -> None:
    theirs = Marks({"p": Kept("1", ("a",))})
    ours = Marks({"p": Kept("2", ("b",))}, {}, ("a",))
    merged = combine(ours, theirs, lambda _: "2", moment=0.0)
    assert merged == ours
    gone = combine(NONE, theirs, lambda _: None, moment=5.0)
    assert gone == Marks({}, {"p": Gone(5, ("a",))})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"files": {"p": {}}, "gone": {}, "dropped": []}',
        b'{"files": {"p": {"pointer": "1", "names": []}}, "gone": {}, "dropped": []}',
        b'{"files": {"p": {"pointer": 1, "names": ["a"]}}, "gone": {}, "dropped": []}',
        b'{"files": {"p": {"pointer": "1", "names": "a"}}, "gone": {}, "dropped": []}',
        b'{"files": {}, "gone": {}, "dropped": [""]}',
        b"[" * 10000,
    ],
)
def test_marks_that_nobody_wrote(content: bytes) -> None:
    assert decode(content) is None


def parsed(**fields: Any) -> LargeFiles:
    return LargeFiles.model_validate(fields, by_alias=True, by_name=False)


def test_a_store_needs_its_place() -> None:
    """A store is refused without what it takes to find it."""
    s3 = {"endpoint": "https://x.example/", "bucket": "b-1"}
    keys = {"accessKey": Sealed("1"), "secretKey": Sealed("2")}
    for wrong in ({"store": "directory"}, {"store": "s3"}, {"store": "s3", "s3": s3}):
        with pytest.raises(ValidationError):
            parsed(**wrong)
    found = render_large(parsed(store="s3", s3={**s3, **keys}), PurePath("/r"))
    assert found.endpoint == "https://x.example"
    assert set(found.secrets) == {"access", "secret"}
    folder = render_large(parsed(store="directory", directory="../blobs"), PurePath("/r/s"))
    assert folder.directory == "/r/blobs"
    assert folder.folder("https://git.example/me/x.git") == "git-example-me-x-git"


@pytest.mark.parametrize(
    "wrong",
    [
        {"threshold": "1"},
        {"keepVersions": 0},
        {"retries": 99},
        {"tag": "../x"},
        {"repo": "x"},
        {"api": "ftp://x"},
        {"api": "https://me:secret@x.example"},
        {"store": "ftp"},
        {"s3": {"endpoint": "https://x", "bucket": "../x"}},
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        parsed(**wrong)
