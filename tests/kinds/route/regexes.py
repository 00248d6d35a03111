"""Regexes for tests: usual ones, those that must be refused, and any."""

from __future__ import annotations

from random import Random
from typing import Final

USUAL: Final = (
    "^https://[^/]+/webui/",
    "/webui/",
    r"Mozilla.*Chrome/\d+",
    "(?i)bot|crawler|spider|bing|baidu",
    r"^https?://([^/]*\.)?example\.com(:\d+)?/",
    r"([a-z]+\.)*example\.com",
    r"^\d{1,3}(\.\d{1,3}){3}$",
    r"^(www\.|m\.)?example\.(com|org|co\.uk)$",
    r"[A-Z]{2}-\d{4,6}",
    r".*\.example\.com$",
    r"\.(jpe?g|png|gif)$",
    r"^[\w.+-]+@[\w-]+\.[\w.-]+$",
    "^.*foo.*bar",
    "(/[^/]+)*/x",
    "^(a|b)*?c",
    r"[\]\[\\^-]",
)
EXPLOSIVE: Final = (
    "(a+)+$",
    "(a|a)*b",
    "(a|ab)*c",
    r"(\w+\s?)*$",
    "^(([a-z])+.)+[A-Z]([a-z])+$",
    "(.*)*x",
    "(a?){30}a{30}",
    "a?" * 30 + "a" * 30,
    "a*a*a*b",
    "foo.*bar.*baz",
    "x.*a{50}b",
    "(a|b|ab)*c",
    "(x+x+)+y",
    "(.*a){11}",
    r"^(\d+|[a-z]+|\w+)*-$",
    "((a{9}){9}){20}",
    "(" * 21 + "a" + ")" * 21,
)
FOREIGN: Final = {
    "(?=a)": 2,
    "(?<!a)b": 2,
    "(?>a)": 2,
    "(?P<n>a)": 2,
    "a(?i)b": 3,
    "(*COMMIT)": 2,
    r"(a)\1": 4,
    r"\bfoo": 1,
    r"a\Qb": 2,
    r"\x41": 1,
    "a**": 3,
    "a++": 3,
    "^*": 2,
    "*a": 1,
    "a{2": 2,
    "a{,3}": 2,
    "a{3,2}": 2,
    "a{0}": 2,
    "[[:alpha:]]": 2,
    "[a": 1,
    "[]a]": 2,
    "[z-a]": 3,
    r"[a-\d]": 3,
    r"[^\w\W]": 1,
    "(a": 1,
    "a)": 2,
    "a\\": 3,
    "\u00e9": 1,
    "a\tb": 2,
    "a" * 257: 257,
}
ATOMS: Final = ["a", "b", "ab", ".", r"\d", r"\w", r"\s", "[a-c]", "[^a]", r"\.", "/", "é", "]"]
COUNTS: Final = ["*", "+", "?", "{2}", "{1,3}", "{2,}", "*?", "+?", "{", "**"]


def a_regex(dice: Random, depth: int = 3) -> str:
    """Any text that looks like a regex; many are fine."""
    parts = []
    for _ in range(dice.randrange(1, 5)):
        if depth and dice.random() < 0.3:
            inside = "|".join(a_regex(dice, depth - 1) for _ in range(dice.randrange(1, 3)))
            part = f"({dice.choice(['', '?:'])}{inside})"
        else:
            # The last two are refused: rarely, or nothing would be left.
            part = ATOMS[dice.randrange(len(ATOMS) - (dice.random() < 0.95) * 2)]
        if dice.random() < 0.35:
            part += COUNTS[dice.randrange(len(COUNTS) - (dice.random() < 0.95) * 2)]
        parts.append(part)
    text = "".join(parts)
    if depth == 3:
        ends = dice.choice(["", "", "^"]), dice.choice(["", "", "$"])
        text = dice.choice(["", "", "(?i)"]) + ends[0] + text + ends[1]
    return text


def a_subject(dice: Random) -> bytes:
    """A short text of what the regexes speak of."""
    return "".join(dice.choice("abcABC1 ./é-") for _ in range(dice.randrange(12))).encode()


def explosive(dice: Random) -> tuple[str, bytes]:
    """A regex of a known-bad shape, and a text that is bad for it."""
    one, two = dice.choice("ax"), dice.choice(["a", r"\w", ".", "[a-z]"])
    count, again = dice.choice(["*", "+", "{1,20}", "{2,}"]), dice.choice(["*", "+", "{2,30}"])
    shapes = (
        f"({two}{count}){again}{dice.choice(['!', '$', '[0-9]'])}",
        f"({one}|{two}){again}!",
        f"{two}{count}{two}{count}{two}{count}!",
        f"{dice.choice(['', '^'])}.*{one}.*{two}{count}!",
        f"({one}{two}?){again}{one}{{{dice.randrange(2, 60)}}}!",
        f"({one}{two}{count}b?){again}!",
        f"{dice.choice(['', '^'])}({one}|b{two}{count}c)*!",
        f"x.*{one * dice.randrange(1, 80)}!",
        f"({one}?b?){again}!",
    )
    subject = (one * dice.choice([1, 1, 40]) + "b" * dice.randrange(2)) * 2048
    return dice.choice(shapes), subject[:2047].encode() + dice.choice([b"", b"!", b"x"])
