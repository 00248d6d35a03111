"""What lies beside names a source, and a mistake there breaks nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.clients.git import Git
from reconciler.clients.git_source import SourceFolder, Where
from reconciler.core.errors import Terminal, Transient
from reconciler.kinds import KINDS
from reconciler.kinds.stack.source import Source
from reconciler.specs.fixed import Fixed
from reconciler.specs.load import Loader
from reconciler.specs.named_source import NamedSource
from reconciler.specs.remote import Followed
from reconciler.specs.source import open_source
from reconciler.specs.tree import Tree
from reconciler.testing.git_server import git, make_bare

HEAD = "apiVersion: reconciler.dev/v1\n"
PROCESS = HEAD + "kind: Process\nmetadata: {{name: {}}}\nspec: {{command: [sleep, '1']}}\n"
STACK = HEAD + "kind: Stack\nmetadata: {{name: main}}\nspec: {}\n"


class Place:
    """A folder of specs, a repository elsewhere, and what reads both."""

    def __init__(self, folder: Path, environ: dict[str, str] | None = None) -> None:
        folder.mkdir(exist_ok=True)
        self.specs, self.work = folder / "specs", folder / "work"
        self.bare = make_bare(folder / "origin.git")
        (self.work / "specs").mkdir(parents=True)
        self.specs.mkdir()
        git(self.work, "init", "-q", "-b", "main")
        self.folder = SourceFolder(folder / "state", Git({"PATH": os.environ["PATH"]}))
        said = environ or {}

        def load(tree: Tree) -> Loader:
            return Loader(KINDS, Fixed(tree), root=folder, environ=said, key=b"k")

        asked = NamedSource(load, said, b"k")
        self.retreats: dict[str, str] = {}
        self.source = Followed(
            open_source(self.specs), asked, self.opened, lambda head: self.retreats.get(head, head)
        )
        self.loader = Loader(KINDS, self.source, root=folder, environ=said, key=b"k")

    def opened(self, _: Source) -> SourceFolder:
        return self.folder

    def write(self, name: str, text: str) -> None:
        """A file beside."""
        (self.specs / name).write_text(text)

    def stack(self) -> str:
        return STACK.format(f"{{source: {{url: {self.bare}}}}}")

    async def push(self, name: str, text: str) -> str:
        """A commit that is found good."""
        (self.work / "specs" / name).write_text(text)
        git(self.work, "add", "-A")
        git(self.work, "commit", "-q", "-m", name)
        git(self.work, "push", "-q", str(self.bare), "main")
        found = await self.folder.fetch(Where(str(self.bare), "refs/heads/main"))
        self.folder.accept(found)
        return found

    def names(self) -> set[str]:
        return {str(ref) for ref in self.loader.load().resources}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


async def test_the_source_takes_the_place_of_what_is_beside(place: Place) -> None:
    """Until it is named no more; nothing is read before the first good commit."""
    place.write("web.yaml", PROCESS.format("web"))
    assert place.names() == {"Process/web"}
    place.write("stack.yaml", place.stack())
    with pytest.raises(Transient, match="was fetched and found good yet"):
        place.names()
    first = await place.push("api.yaml", PROCESS.format("api"))
    assert place.names() == {"Process/api", "Stack/main"}
    assert (place.loader.tree.revision, place.loader.tree.source) == (first, "remote")
    assert place.loader.last.pending == ("specs/web.yaml not read: the source counts",)
    second = await place.push("stack.yaml", PROCESS.format("db"))
    assert place.names() == {"Process/api", "Process/db", "Stack/main"}
    place.retreats[second] = first
    assert place.names() == {"Process/api", "Stack/main"}
    place.retreats[second] = "0" * 40  # a commit of another place
    assert place.names() == {"Process/api", "Process/db", "Stack/main"}
    place.write("stack.yaml", STACK.format("{}"))
    assert place.names() == {"Process/web", "Stack/main"}


async def test_a_mistake_in_the_stack_leaves_the_source(place: Place) -> None:
    """It is told with its line, as any mistake."""
    place.write("stack.yaml", place.stack())
    await place.push("api.yaml", PROCESS.format("api"))
    assert place.names() == {"Process/api", "Stack/main"}
    place.write("stack.yaml", place.stack().replace("source", "sourze"))
    assert place.names() == {"Process/api", "Stack/main"}
    (problem,) = place.loader.last.problems
    assert (str(problem.path), problem.line) == ("specs/stack.yaml", 4)


def test_a_mistake_in_a_stack_without_a_source_breaks_nothing_else(place: Place) -> None:
    """The rest is read as ever; but where a source may be meant, nobody guesses."""
    place.write("web.yaml", PROCESS.format("web"))
    place.write("stack.yaml", STACK.format("{autoRevert: {deadline: soon}}"))
    assert place.names() == {"Process/web"}
    other = Place(place.specs.parent / "other")
    other.write("web.yaml", PROCESS.format("web"))
    other.write("stack.yaml", other.stack().replace("url", "uri"))
    with pytest.raises(Terminal, match=r"specs/stack.yaml:4:\d+ "):
        other.names()
