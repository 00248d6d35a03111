from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ASTRBOT = ROOT / "examples" / "astrbot"
RECONCILER = Path(sys.executable).with_name("reconciler")


def shape(page: Path) -> tuple[list[int], list[str]]:
    """The levels of a page's headings, and its code without comments."""
    text = page.read_text()
    code = re.findall(r"^```\w+\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    plain = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    levels = [len(marks) for marks in re.findall(r"^(#+) ", plain, re.MULTILINE)]
    return levels, [re.sub(r"[ ]+# .*|^\$ # .*", "", part, flags=re.MULTILINE) for part in code]


def test_both_languages_say_the_same() -> None:
    """The example's pages have the same headings and the same code."""
    assert shape(ASTRBOT / "README.md") == shape(ASTRBOT / "README.zh-CN.md")


@pytest.mark.parametrize("name", ["run", "setup", "start-astrbot"])
def test_scripts_are_sound_shell(name: str) -> None:
    """Every command parses and can be executed."""
    script = ASTRBOT / name
    assert script.stat().st_mode & 0o111
    shellcheck = Path(sys.executable).with_name("shellcheck")
    subprocess.run([shellcheck, "--severity=style", script], check=True)


def test_the_specs_are_valid(tmp_path: Path) -> None:
    """Nothing in the AstrBot stack is refused or unknown."""
    (tmp_path / "specs").symlink_to(ASTRBOT / "specs")
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup" / "password").write_text("made up")
    said = subprocess.run(
        [RECONCILER, "validate", "--state-dir", tmp_path / "state"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr
