from __future__ import annotations

from pathlib import PurePath

import pytest
from tests.specs.toys import told

from reconciler.specs.problem import Problem, excerpt, shorten

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
    assert HIDDEN not in excerpt(lines, len(lines))


@pytest.mark.parametrize(
    "text", ["  API_KEY: {from: {env: X}}", "  TOKEN: ${TOKEN}", "env: {A: 1}", "  # key"]
)
def test_an_excerpt_shows_what_is_no_secret(text: str) -> None:
    """Where a secret comes from may be seen."""
    assert excerpt([text], 1) == text


def test_long_and_strange_lines_are_tamed() -> None:
    """A terminal gets neither a megabyte nor an escape sequence."""
    assert len(excerpt(["x" * 10_000], 1)) < 200
    assert "\x1b" not in excerpt(["a \x1b[31m"], 1)
    assert excerpt(["a"], 2) == ""
    assert shorten("a" * 100, 5) == "aaaa…"
