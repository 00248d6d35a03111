"""The guide lists every metric, in both languages, and is found out when it does not."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from typer.main import get_command

from reconciler.cli import parser
from reconciler.cli.main import run
from reconciler.cli.options import app
from reconciler.dashboards.alerts import ALERTS
from reconciler.kinds.gateway.files import ASSETS
from reconciler.metrics.families import GROUPS, TRAFFIC

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
VERB = re.compile(r"(?:\$ |`)reconciler ([a-z]+)")


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A copy of the pages."""
    for language in ("en", "zh"):
        (tmp_path / language).mkdir()
        shutil.copy(DOCS / language / "metrics.md", tmp_path / language)
    return tmp_path


def test_the_guide_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    """Names, types and labels are those of the code; every meaning is translated."""
    assert run(["metrics", "--check", str(DOCS)]) == 0, capsys.readouterr().err


def test_a_stale_page_is_found_and_mended(docs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A metric that is missing comes back; a translation that is there stays."""
    chinese = docs / "zh" / "metrics.md"
    whole = chinese.read_text()
    lines = whole.splitlines(keepends=True)
    chinese.write_text("".join(one for one in lines if "reconciler_process_up" not in one))
    assert run(["metrics", "--check", str(docs)]) == 1
    assert "the meaning of reconciler_process_up is not translated" in capsys.readouterr().err
    assert run(["metrics", "--write", str(docs)]) == 1  # nobody has translated it yet
    now = chinese.read_text()
    assert "| `reconciler_process_up` | gauge | `name` | 1 while the process runs. |" in now
    told = "进程在运行时为 1。"
    assert now.replace("1 while the process runs.", told) == whole


def test_all_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a stack and without a file."""
    assert run(["metrics"]) == 0
    said = capsys.readouterr().out
    assert all(f"`{one.name}`" in said for group in GROUPS.values() for one in group)


def test_the_gateway_tells_what_is_said_of_it() -> None:
    """The gateway writes its families itself, in Lua: names, types and meanings are the same."""
    lua = (ASSETS / "lua/reconciler/seen/metrics.lua").read_text()
    families = lua.partition("local FAMILIES = {")[2].partition("\n}\n")[0]
    rows = re.findall(r'\{\s*"(\w+)", "(\w+)",\s*"([^"]+)",?\s*\}', families)
    assert [(f"gateway_{name}", kind, text) for name, kind, text in rows] == [
        (one.short, one.type, one.text) for one in TRAFFIC
    ]


def test_runbooks_name_commands_that_there_are() -> None:
    """Who is woken at night must not be told of a verb that does not exist."""
    assert parser.__all__
    verbs = set(getattr(get_command(app), "commands", ()))
    pages = [*(DOCS / "en" / "runbooks").iterdir()]
    said = {verb for one in pages for verb in VERB.findall(one.read_text())}
    assert said <= verbs
    assert {page.stem for page in pages} >= {alert.name for alert in ALERTS}
