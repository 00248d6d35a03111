from __future__ import annotations

from pathlib import PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.specs.toys import told

from reconciler.specs.problem import Problem, excerpt, looks_secret, shorten

HIDDEN = "hunter2"


def test_a_problem_reads_as_a_place_and_a_sentence() -> None:
    """The first line is what editors and terminals make a link of."""
    problem = Problem(PurePath("specs/web.yaml"), 7, 3, 'unknown field "comand"')
    assert str(problem) == 'specs/web.yaml:7:3 unknown field "comand"'
    assert problem.to_json()["path"] == "specs/web.yaml"


def test_the_caret_stands_under_the_word() -> None:
    """The line is shown with a caret under the word, then the hint."""
    problem = Problem(PurePath("a.yaml"), 7, 3, "no", 'did you mean "x"?', "  comand: [a]")
    assert told(problem) == [
        "a.yaml:7:3 no",
        "  7 |   comand: [a]",
        "    |   ^",
        '  hint: did you mean "x"?',
    ]


def test_the_caret_minds_tabs_and_wide_characters() -> None:
    """A terminal shows Chinese twice as wide; the caret follows."""
    problem = Problem(PurePath("a.yaml"), 1, 5, "no", "", "\t说: 好 x")
    assert told(problem)[1:3] == [r"  1 | \t说: 好 x", "    |       ^"]


@pytest.mark.parametrize(
    "text",
    [
        "  API_KEY: hunter2",
        "  password: hunter2",
        "  'my-token': hunter2",
        "env: {A: 1, TOKEN: hunter2}",
        "  TOKEN:\n    hunter2",
        "  TOKEN: |\n\n    # x\n    hunter2",
        "url: https://me:hunter2@example.com/x",
        "url: https://hunter2@example.com/x",
        "args: [--password=hunter2]",
    ],
)
def test_an_excerpt_shows_no_secret(text: str) -> None:
    """Whatever stands under a name that looks secret stays unseen."""
    lines = text.split("\n")
    assert HIDDEN not in excerpt(lines, len(lines)).text


@pytest.mark.parametrize(
    "text", ["  API_KEY: {from: {env: X}}", "  TOKEN: ${TOKEN}", "env: {A: 1}", "  # key"]
)
def test_an_excerpt_shows_what_is_no_secret(text: str) -> None:
    """Where a secret comes from may be seen."""
    assert excerpt([text], 1).text == text


def test_long_and_strange_lines_are_tamed() -> None:
    """A terminal gets neither a megabyte nor an escape sequence."""
    assert len(excerpt(["x" * 10_000], 1).text) < 200
    assert "\x1b" not in excerpt(["a \x1b[31m"], 1).text
    assert excerpt(["a"], 2).text == ""
    assert shorten("a" * 100, 5) == "aaaa…"


SECRETS = [
    *("KEY", "SECRET", "TOKEN", "PASS", "CREDENTIAL", "AUTH"),
    *("authorization", "Proxy-Authorization", "authorisation", "x-auth", "AUTH_TOKEN", "basicAuth"),
    *("commonKey", "apikey", "PASSWORD", "passphrase", "PASSWD", "passwords", "MYSQL_PASS"),
    *("accessTokens", "AUTHENTICATION", "author_key", "AUTHORS_TOKEN", "passenger_password"),
    *("keyboard_secret", "KEYS", "privateKey", "authorized_keys", "oauth", "AUTHINFO"),
]
AROUND = st.text("abcxyzABCXYZ0189_-.", max_size=6)
BEFORE = "KEY", "SECRET", "TOKEN", "PASS", "CREDENTIAL", "AUTH"


@given(AROUND, st.sampled_from(SECRETS), st.sampled_from(["", "_1", "-file", ".x", "2", "_"]))
def test_a_secret_is_known_by_its_name(before: str, word: str, after: str) -> None:
    """Whatever stands around it, in capitals and without."""
    name = f"{before}{word}{after}"
    assert looks_secret(name)
    assert looks_secret(name.upper())


@pytest.mark.parametrize(
    "name",
    [
        *("author", "authors", "AUTHOR_NAME", "git-author", "coauthor", "authority", "authored"),
        *("keyboard", "KEYBOARD_LAYOUT", "keywords", "passenger", "PASSENGER_APP_ENV", "passive"),
        *("passthrough", "tokenizer", "TOKENIZERS_PARALLELISM", "tokenization", "secretary"),
    ],
)
def test_a_word_that_only_begins_like_a_secret(name: str) -> None:
    """It is shown: an author is no authorization."""
    assert not looks_secret(name)


@given(st.text(max_size=40))
def test_no_name_is_a_secret_that_was_none(name: str) -> None:
    """The words that are let off are the only difference to what holds one of the six words."""
    holds = any(word in name.upper() for word in BEFORE)
    assert holds or not looks_secret(name)


@pytest.mark.parametrize("column", [1, 80, 160, 161, 200, 399])
def test_the_caret_stands_below_what_is_meant(column: int) -> None:
    """However long the line is: what is shown is what stands around it."""
    line = "".join(chr(ord("a") + n % 23) for n in range(399))
    text, caret = excerpt([line], 1, column)
    assert text[caret - 1] == line[column - 1]
    assert text.strip("…") in line
    assert len(text) < 200


def test_the_caret_shows_where_something_was_left_out() -> None:
    """Far behind all that is shown, in a secret, and behind a password in a url."""
    far, secret = excerpt(["x" * 10_000], 1, 9_000), excerpt(["API_KEY: hunter2"], 1, 14)
    for text, caret in (far, secret):
        assert text[caret - 2] == "…"
    text, caret = excerpt(["url: https://me:hunter2@host/x oops"], 1, 32)
    assert text[caret - 1 :] == "oops"
