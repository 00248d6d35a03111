from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
EN = DOCS / "en"
PAIRS = [(one, DOCS / "zh" / one.relative_to(EN)) for one in sorted(EN.rglob("*.md"))]
PAIRS.append((ROOT / "README.md", ROOT / "README.zh-CN.md"))
PAGES = [*sorted(DOCS.rglob("*.md")), ROOT / "README.md", ROOT / "README.zh-CN.md"]
SHELL = [*sorted((ROOT / "scripts").iterdir())]


def fences(page: Path) -> list[tuple[str, str]]:
    """(language, text) of each code block."""
    found = re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    # Comments are translated; the rest of a command is not.
    comment = re.compile(r"[ ]+# .*|^\$ # .*", re.MULTILINE)
    return [(language, comment.sub("", text)) for language, text in found]


def headings(page: Path) -> list[int]:
    """The levels of a page's headings, outside of code."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    return [len(marks) for marks in re.findall(r"^(#+) ", text, re.MULTILINE)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """A relative link names a file that exists."""
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=lambda page: page.name)
def test_both_languages_say_the_same(english: Path, chinese: Path) -> None:
    """Guides have the same headings and the same code in both languages."""
    assert headings(english) == headings(chinese)
    assert fences(english) == fences(chinese)


def test_every_guide_has_two_languages() -> None:
    """No page exists in one language only."""
    english, chinese = (
        {page.relative_to(DOCS / name) for page in (DOCS / name).rglob("*")}
        for name in ("en", "zh")
    )
    assert english == chinese


def test_every_decision_is_listed() -> None:
    """The list of decisions names each page once."""
    listed = re.findall(r"\((\d{4}-[^)]+)\)", (DOCS / "adr" / "README.md").read_text())
    assert sorted(listed) == sorted(p.name for p in (DOCS / "adr").glob("0*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_yaml_in_the_docs_is_yaml(page: Path) -> None:
    """Code blocks can be copied."""
    for language, text in fences(page):
        if language == "yaml":
            list(yaml.safe_load_all(text))


def test_the_image_guide_shows_the_tested_file() -> None:
    """The Dockerfile in the guide is the one that scripts/image-test builds."""
    (shown,) = re.findall(
        r"```dockerfile\n(.*?)```", (DOCS / "en/docker.md").read_text(), re.DOTALL
    )
    assert shown == (ROOT / "examples/image/Dockerfile").read_text()


@pytest.mark.parametrize("script", SHELL, ids=lambda script: script.name)
def test_scripts_are_sound_shell(script: Path) -> None:
    """Every command parses and can be executed."""
    assert script.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", script], check=True)
