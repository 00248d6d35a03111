"""Two states of one shape."""

from __future__ import annotations

from typing import Annotated

from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from reconciler.core import diff as module
from reconciler.core.diff import diff
from reconciler.core.model import Apply, Ref, State, Verb
from reconciler.core.sealed import Sealed

REF = Ref("Toy", "x")


class Toy(State):
    """A state with every sort of field."""

    argv: Annotated[tuple[str, ...], Apply.RESTART] = ()
    env: Annotated[dict[str, str | Sealed], Apply.RECREATE] = Field(default_factory=dict)
    umask: int | None = None


def test_secrets_compare_and_do_not_show() -> None:
    """A changed secret is one field change that holds digests, never the value."""
    old = Toy(env={"KEY": Sealed.of("hunter2", b"k")})
    new = Toy(env={"KEY": Sealed.of("hunter3", b"k")})
    change = diff(REF, new, old)
    assert change is not None
    (field,) = change.fields
    assert field.path == "env.KEY"
    assert set(field.before) == {"sealed"}
    assert "hunter" not in repr(change)
    assert diff(REF, Toy(env={"KEY": Sealed.of("hunter2", b"k")}), old) is None


def test_an_observed_digest_equals_the_desired_secret() -> None:
    """What is read back from disk knows the digest alone and still compares equal."""
    desired = Toy(env={"KEY": Sealed.of("hunter2", b"k")})
    assert diff(REF, desired, Toy.model_validate_json(desired.model_dump_json())) is None


def test_paths_and_costs() -> None:
    """Fields are named as in YAML, and each says what changing it costs."""
    change = diff(REF, Toy(argv=("a", "c"), env={"A": "1"}), Toy(argv=("a", "b"), umask=2))
    assert change is not None
    assert [(f.path, f.before, f.after, f.apply) for f in change.fields] == [
        ("argv.1", "b", "c", Apply.RESTART),
        ("env.A", None, "1", Apply.RECREATE),
        ("umask", 2, None, Apply.LIVE),
    ]
    assert change.apply is Apply.RECREATE


def test_create_and_delete_are_told_field_by_field() -> None:
    """A whole thing that comes or goes is listed by its fields."""
    made = diff(REF, Toy(argv=("a",)), None)
    gone = diff(REF, None, Toy(argv=("a",)))
    assert made is not None
    assert gone is not None
    assert (made.verb, made.fields[0].after) == (Verb.CREATE, ["a"])
    assert (gone.verb, gone.fields[0].before) == (Verb.DELETE, ["a"])


texts = st.text(max_size=5)
toys = st.builds(
    Toy,
    argv=st.lists(texts, max_size=3).map(tuple),
    env=st.dictionaries(texts, texts | texts.map(lambda t: Sealed.of(t, b"k")), max_size=3),
    umask=st.none() | st.integers(0, 7),
)


@given(toys, toys)
def test_empty_diff_means_equal(one: Toy, other: Toy) -> None:
    """There is a change exactly when the states differ, and it names at least one field."""
    change = diff(REF, one, other)
    assert (change is None) == (one == other)
    assert change is None or change.fields


@given(toys, toys)
def test_what_is_plain_to_see_is_what_deepdiff_finds(one: Toy, other: Toy) -> None:
    """The short way names the same paths and values as a look at everything."""
    change = diff(REF, one, other)
    dumps = [toy.model_dump(mode="json", by_alias=True) for toy in (other, one)]
    whole = sorted(module._inside(*dumps, module._costs(Toy)), key=lambda field: field.path)
    assert list(change.fields if change else ()) == whole
