"""What is written as YAML is read back as what was meant, by our loader and by any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.kinds import KINDS
from reconciler.specs.load import Loader
from reconciler.specs.source import open_source
from reconciler.specs.yaml_text import to_document, to_yaml

TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), max_size=12
) | st.sampled_from(
    ["22:22", "NO", "0o17", "1e3", "010", "~", "", "a: b", "x #y", "- z", "{}", "2024-01-01",
     "multi\nline\n", " lead", "trail ", "two\n\n  deep", "=", "<<", "y", ".inf", "null", "\x85"]
)  # fmt: skip


@given(st.lists(TEXT, max_size=4), st.dictionaries(TEXT, TEXT, max_size=3))
@example(["0o17", "1e3"], {"A": "no"})
@example(["0\n0\x850", "0\n0\u20280"], {})
def test_any_text_comes_back(items: list[str], mapping: dict[str, str]) -> None:
    """Every text is text again, whatever it looks like."""
    document = to_document("Process", "web", {"command": items, "env": mapping})
    assert yaml.safe_load(to_yaml([document])) == document


@given(st.lists(TEXT, max_size=3))
def test_the_loader_reads_it(items: list[str]) -> None:
    """Our own reader, which takes YAML 1.2, means the same."""
    spec = read_back([to_document("Process", "web", {"script": "x", "args": _dollars(items)})])
    assert list(spec.args) == items


def _dollars(items: list[str]) -> list[str]:
    return [item.replace("$", "$$") for item in items]


def read_back(documents: list[dict[str, Any]]) -> Any:
    """The spec of the first document, as the operator sees it."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        specs = Path(name) / "specs"
        specs.mkdir()
        (specs / "all.yaml").write_text(to_yaml(documents))
        loader = Loader(
            KINDS, open_source(specs, worktree=True), root=Path(name), environ={}, key=b"k"
        )
        snapshot = loader.load()
    assert not snapshot.problems, snapshot.problems
    return next(iter(snapshot.resources.values())).spec


def test_it_looks_as_a_person_would_write_it() -> None:
    """Short lists on one line, long text in blocks, quotes only where they are needed."""
    document = to_document(
        "Process",
        "web",
        {
            "shell": "cd app\nexec ./run\n",
            "workingDir": "./app",
            "args": ["--port", "8080", "a b"],
            "env": {"TZ": "Asia/Shanghai", "KEY": {"from": {"env": "KEY"}}, "NUM": "1"},
            "replicas": 2,
        },
        metadata={"labels": {}, "annotations": {"was": "Web"}},
    )
    assert to_yaml([document, document]).partition("---\n")[0] == GOLDEN


GOLDEN = """\
apiVersion: reconciler.dev/v1
kind: Process
metadata:
  name: web
  annotations:
    was: Web
spec:
  shell: |
    cd app
    exec ./run
  workingDir: ./app
  args: [--port, "8080", a b]
  env:
    TZ: Asia/Shanghai
    KEY: {from: {env: KEY}}
    NUM: "1"
  replicas: 2
"""
