"""What the variables of the original say, as if it stood in spec files named after them.

``SYNC_TARGETS`` alone makes a Repository and its SyncTargets, so that a stack of the original
runs on without any YAML. A file wins where both speak: by a resource's name, or a target's path.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Final, NamedTuple

from ..core.model import Json, Ref
from ..core.units import LONGEST_NAME, legal_name
from .document import API_VERSION

TARGETS: Final = "SYNC_TARGETS"
REPOSITORY: Final = Ref("Repository", "backup")
_REPO: Final = ("GITHUB_REPO", "github_project")
_PASSWORD: Final = ("GITHUB_PAT", "github_secret")
_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "branch": ("GIT_BRANCH",),
    "interval": ("BACKUP_INTERVAL_SECONDS", "SYNC_INTERVAL"),
    "base": ("BASE",),
}
_COMMITTER: Final = {"name": "GIT_USER_NAME", "email": "GIT_USER_EMAIL"}
_LARGE: Final[Mapping[str, tuple[str, ...]]] = {
    "threshold": ("LARGE_THRESHOLD", "LFS_THRESHOLD"),
    "tag": ("RELEASE_TAG", "LFS_RELEASE_TAG"),
    "keepVersions": ("MAX_ASSET_VERSIONS", "LFS_MAX_VERSIONS"),
    "verify": ("VERIFY_SHA",),
    "retries": ("DOWNLOAD_RETRY",),
}


class Row(NamedTuple):
    """A line of a spec, and the variable it comes from."""

    text: str
    variable: str


class Said(NamedTuple):
    """What one variable stands for."""

    rows: tuple[Row, ...]

    @property
    def data(self) -> bytes:
        return "".join(f"{row.text}\n" for row in self.rows).encode()

    def variable(self, line: int) -> str:
        """The variable that a 1-based line comes from."""
        return self.rows[min(max(line, 1), len(self.rows)) - 1].variable


class Target(NamedTuple):
    """A path that is kept, and what below it is not."""

    name: str
    path: str
    excludes: tuple[str, ...] = ()


class Environment:
    """The variables of one stack; a file of the original may say other targets and excludes."""

    def __init__(
        self,
        environ: Mapping[str, str],
        targets: Collection[str] = (),
        excludes: Collection[str] = (),
    ) -> None:
        self._environ = environ
        self._paths = targets or environ.get(TARGETS, "").split()
        self._excludes = excludes or environ.get("EXCLUDE_PATHS", "").split()

    @property
    def is_used(self) -> bool:
        """Whether the variables stand for anything."""
        return bool(self._paths)

    def files(self, written: Collection[Ref], paths: Collection[str]) -> dict[str, Said]:
        """By variable, what no file speaks of: no resource of the name, no target at the path."""
        if not self.is_used:
            return {}
        found = {}
        if REPOSITORY not in written:
            found[self._first(_REPO) or TARGETS] = Said(tuple(self._repository()))
        kept = [
            one
            for one in self.targets()
            if Ref("SyncTarget", one.name) not in written and one.path.rstrip("/") not in paths
        ]
        rows = [row for one in kept for row in self._target(one)]
        before = found.get(TARGETS, Said(())).rows
        if rows:
            found[TARGETS] = Said((*before, *rows))
        return found

    def targets(self) -> list[Target]:
        """What is to be kept, each path once."""
        return targets_of(self._paths, self._excludes)

    def url(self) -> str:
        """Where to; empty when that is not said, or nobody is said who may."""
        repo = (self._value(_REPO) or "").strip()
        if repo and "/" not in repo and (user := self._environ.get("GITHUB_USER")):
            repo = f"{user}/{repo}"
        if not repo or repo.startswith(("/", "file:", "ssh:")):
            return repo
        if not self._first(_PASSWORD):
            return ""
        return repo if "://" in repo else f"https://github.com/{repo.removesuffix('.git')}.git"

    def _repository(self) -> Iterator[Row]:
        told = self._first(_REPO) or TARGETS
        yield from _head(REPOSITORY, told)
        yield Row(f"  url: {_quoted(self.url().replace('$', '$$'))}", told)
        if password := self._first(_PASSWORD):
            yield Row("  auth:", password)
            if user := self._environ.get("GITHUB_USER"):
                yield Row(f"    username: {_quoted(user)}", "GITHUB_USER")
            yield Row(f"    password: {{from: {{env: {password}}}}}", password)
        for field, names in _FIELDS.items():
            if (name := self._first(names)) is not None:
                yield Row(f"  {field}: {_quoted(_measured(field, self._environ[name]))}", name)
        committer = {key: name for key, name in _COMMITTER.items() if self._environ.get(name)}
        if committer:
            yield Row("  committer:", next(iter(committer.values())))
            for key, name in committer.items():
                yield Row(f"    {key}: {_quoted(self._environ[name])}", name)

    def _target(self, target: Target) -> Iterator[Row]:
        yield from _head(Ref("SyncTarget", target.name), TARGETS)
        yield Row(f"  repository: {REPOSITORY.name}", TARGETS)
        yield Row(f"  path: {_quoted(target.path)}", TARGETS)
        if target.excludes:
            yield Row(f"  excludes: {_quoted(list(target.excludes))}", "EXCLUDE_PATHS")
        if self._has_releases:
            large = {field: name for field, names in _LARGE.items() if (name := self._first(names))}
            yield Row("  largeFiles:", TARGETS)
            yield Row("    store: release", TARGETS)
            for field, name in large.items():
                yield Row(f"    {field}: {_plain(self._environ[name])}", name)

    @property
    def _has_releases(self) -> bool:
        """Whether large files go to releases, as they always did, unless that is switched off."""
        switched_off = self._environ.get("LFS_ENABLED", "").strip().lower() in {"false", "0", "no"}
        return self.url().startswith("https://github.com/") and not switched_off

    def _first(self, names: tuple[str, ...]) -> str | None:
        """The first of some variables that is set."""
        return next((name for name in names if self._environ.get(name)), None)

    def _value(self, names: tuple[str, ...]) -> str | None:
        name = self._first(names)
        return None if name is None else self._environ[name]


def targets_of(paths: Collection[str], excludes: Collection[str]) -> list[Target]:
    """The targets that paths stand for; what is left out goes to the target it lies in."""
    found: dict[str, Target] = {}
    for written in dict.fromkeys(path.lstrip("/") for path in paths):
        place = written.rstrip("/") + "/"
        if not written.strip("/"):
            continue
        without = (one.strip("/") for one in excludes)
        inside = [one.removeprefix(place) for one in without if one.startswith(place)]
        name = _name(written, found)
        found[name] = Target(name, written, tuple(dict.fromkeys(inside)))
    return list(found.values())


def _name(path: str, taken: Collection[str]) -> str:
    """A name of its own: the end of the path, or more of it where that is taken."""
    parts = path.strip("/").split("/")
    for count in (2, 3, len(parts)):
        name = legal_name("-".join(parts[-count:])[-LONGEST_NAME:], "data")
        if name not in taken:
            return name
    number = 2
    while (name := f"{legal_name(parts[-1], 'data')[: LONGEST_NAME - 5]}-{number}") in taken:
        number += 1
    return name


def _head(ref: Ref, variable: str) -> Iterator[Row]:
    lines = ("---", f"apiVersion: {API_VERSION}", f"kind: {ref.kind}")
    for text in (*lines, f"metadata: {{name: {ref.name}}}", "spec:"):
        yield Row(text, variable)


def _measured(field: str, text: str) -> str:
    """Times were numbers of seconds."""
    is_number = field == "interval" and text.strip().isdecimal()
    return f"{text.strip()}s" if is_number else text


def _quoted(value: Json) -> str:
    """JSON is YAML."""
    return json.dumps(value, ensure_ascii=True)


def _plain(text: str) -> str:
    """Numbers and truths are no texts."""
    low = text.strip().lower()
    return low if low.isdecimal() or low in {"true", "false"} else _quoted(text)
