"""Of what lies beside a source only the Stack counts, and its lines keep their numbers."""

from __future__ import annotations

import pytest

from reconciler.core.errors import Terminal
from reconciler.specs.named_source import of_environment
from reconciler.specs.stack_file import split
from reconciler.specs.tree import blob

STACK = "apiVersion: reconciler.dev/v1\nkind: Stack\nmetadata: {name: main}\nspec: {}\n"
PROCESS = "kind: Process\nmetadata: {name: web}\n"


@pytest.mark.parametrize(
    ("text", "line", "others"),
    [
        (STACK, 2, False),
        (f"# a word\n---\n{STACK}", 4, False),
        (f"{PROCESS}---\n{STACK}", 5, True),
        (f"{STACK}---\n{PROCESS}", 2, True),
        (f"---\n{PROCESS}---\n{STACK}---\n{PROCESS}", 6, True),
        (STACK.replace("Stack", '"Stack"  # the whole'), 2, False),
        (STACK.replace("\n", "\r\n"), 2, False),
    ],
)
def test_the_stack_is_taken_out(text: str, line: int, others: bool) -> None:
    """Whatever stands around it is gone; what was not read is named."""
    found = split({"specs/all.yaml": blob(text.encode()), "specs/web.yaml": blob(b"kind: Route\n")})
    kept = found.stack["specs/all.yaml"].data.decode().splitlines()
    assert "Stack" in kept[line - 1]
    assert not any("Process" in one for one in kept)
    assert found.others == (("specs/all.yaml",) if others else ()) + ("specs/web.yaml",)


@pytest.mark.parametrize(
    "text", [PROCESS, "", "spec: {shell: 'echo kind: Stack'}\n", "  kind: Stack\n"]
)
def test_where_no_stack_is_nothing_is_taken(text: str) -> None:
    """A word is no document."""
    assert split({"specs/web.yaml": blob(text.encode())}).stack == {}


def test_an_image_names_its_source_by_variables() -> None:
    """With the same checks as the file."""
    url = "https://example.com/specs.git"
    environ = {"RECONCILER_SOURCE_URL": url, "RECONCILER_SOURCE_PASSWORD": "canary-1"}
    found = of_environment(environ, b"key")
    assert found is not None
    assert (found.url, found.ref, found.path, found.interval) == (
        url,
        "refs/heads/main",
        "specs",
        60.0,
    )
    assert found.auth is not None
    assert found.auth.password.reveal() == "canary-1"
    assert "canary-1" not in repr(found)
    assert of_environment({}, b"key") is None
    with pytest.raises(Terminal, match=r"RECONCILER_SOURCE_URL: .* could run a command"):
        of_environment({"RECONCILER_SOURCE_URL": "ext::sh -c true"}, b"key")
    with pytest.raises(Terminal, match="RECONCILER_SOURCE_INTERVAL"):
        of_environment({**environ, "RECONCILER_SOURCE_INTERVAL": "soon"}, b"key")
