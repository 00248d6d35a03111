"""A git remote in memory: branches of whole trees."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..core.errors import Terminal, Transient

Files = dict[str, bytes]


@dataclass
class FakeRemote:
    """A remote: branches of whole trees. None is what an empty repository has."""

    branches: dict[str, Files] = field(default_factory=dict)
    commits: int = 0
    reachable: bool = True
    forbidden: bool = False

    def tip(self, branch: str) -> Files | None:
        """What the branch holds; None when the remote is empty."""
        if not self.reachable:
            raise Transient("the remote cannot be reached", reason="RemoteUnreachable")
        if self.forbidden:
            raise Transient("the remote refuses us", reason="Forbidden")
        if self.branches and branch not in self.branches:
            raise Terminal(f"the remote has no branch {branch}", reason="WrongBranch")
        return self.branches.get(branch)

    def commit(self, branch: str, files: Files) -> None:
        self.branches[branch] = dict(files)
        self.commits += 1
