"""Keeps blobs as assets of a release of a GitHub repository, over its REST API."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from ..core.errors import Terminal, Transient
from ..core.model import Json
from .blobs import Blob, BlobStore, Source, is_same, missing, taken
from .blobs_http import Answer, Call, Failed, Refused, Web, origin, plain

API: Final = "https://api.github.com"
_CREATED: Final = frozenset({201})
_DELETED: Final = frozenset({204, 404})
_CONTENT: Final = frozenset({200, 206})
_VERSION: Final = {"X-GitHub-Api-Version": "2022-11-28"}
_JSON: Final = {"Accept": "application/vnd.github+json", **_VERSION}
_BYTES: Final = {"Accept": "application/octet-stream", **_VERSION}
_PAGE: Final = 100
_PAGES: Final = 50
_ABOUT: Final = "Large files of backups, kept by reconciler. The commits say which is which."


@dataclass(frozen=True, slots=True)
class Release:
    """Which release of which repository, and how often to try."""

    api: str
    repo: str
    tag: str
    retries: int = 3

    @property
    def url(self) -> str:
        return f"{self.api}/repos/{quote(self.repo)}/releases"

    def __str__(self) -> str:
        return f"release {self.tag} of {self.repo}"


def repository_of(remote: str) -> str:
    """What a remote on github.com is called there. Raises Terminal when it is none."""
    if "://" in remote:
        host, _, path = remote.partition("://")[2].partition("/")
    else:  # git@github.com:me/it.git
        host, _, path = remote.partition(":")
    name = path.strip("/").removesuffix(".git")
    if host.rpartition("@")[2].lower() != "github.com" or name.count("/") != 1:
        raise Terminal(
            f"{remote} is no repository on github.com, so it has no releases for large files; "
            "set largeFiles.repo, or another largeFiles.store",
            reason="StoreUnknown",
        )
    return name


class ReleaseStore(BlobStore):
    """Assets by name. The list of them is read once, and again when it proves to be old."""

    largest = (2 << 30) - 1

    def __init__(self, release: Release, token: str, stop: threading.Event) -> None:
        self._release = release
        self._token = token
        self._about: Mapping[str, Any] = {}
        self._assets: dict[str, Mapping[str, Any]] | None = None
        api = origin(release.api)
        # github.com takes uploads at a host of its own; everybody else at the API's.
        self._hosts = frozenset({api, api.replace("://api.", "://uploads.", 1)})
        self._web = Web(self._sign, self._hosts, (token,) if token else (), stop)

    def find(self, name: str) -> Blob | None:
        asset = self._known().get(name)
        return None if asset is None or asset.get("state") != "uploaded" else _blob(asset)

    def put(self, name: str, source: Source) -> None:
        attempts = iter(range(self._release.retries + 1))

        def work() -> None:
            if next(attempts):  # what went wrong may have gone well
                self._assets = None
            if not self._settled(name, source):
                self._upload(name, source)

        self._web.again(work, self._release.retries)

    def fetch(self, name: str, start: int = 0) -> Generator[bytes, None, None]:
        asset = self._known().get(name)
        if asset is None:
            raise missing(name, str(self._release))
        ranged = {"Range": f"bytes={start}-"} if start else {}
        call = Call("GET", self._asset_url(asset), {**_BYTES, **ranged}, accepts=_CONTENT)
        try:
            yield from self._web.stream(call)
        except Refused as exc:
            if exc.answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                return
            self._assets = None
            raise

    def blobs(self) -> Iterator[Blob]:
        self._assets = None
        yield from (_blob(one) for one in self._known().values() if one.get("state") == "uploaded")

    def delete(self, name: str) -> None:
        asset = self._known().get(name)
        if asset is not None:
            self._remove(asset)

    def close(self) -> None:
        self._web.close()

    def _settled(self, name: str, source: Source) -> bool:
        """Whether the blob is there; half of one is cleared away."""
        asset = self._known().get(name)
        if asset is None:
            return False
        if asset.get("state") != "uploaded":
            self._remove(asset)
            return False
        if not is_same(_blob(asset), source):
            raise taken(name, str(self._release))
        return True

    def _upload(self, name: str, source: Source) -> None:
        call = Call(
            "POST",
            f"{self._upload_url()}?name={quote(name, safe='')}",
            {**_JSON, "Content-Type": "application/octet-stream"},
            body=lambda: source.parts(self._web.stop),
            size=source.size,
            accepts=_CREATED,
        )
        try:
            asset = _parse(self._web.once(call))
        except Refused as exc:
            if exc.answer.status == HTTPStatus.UNPROCESSABLE_ENTITY and _exists(exc.answer):
                raise Failed(str(exc), reason="NameTaken") from exc  # whose, a new list tells
            raise
        if asset.get("state") != "uploaded" or not is_same(_blob(asset), source):
            self._remove(asset)
            raise Failed(f"{self._release} took only a part of {name}", reason="UploadTorn")
        self._known()[name] = asset

    def _upload_url(self) -> str:
        url = str(self._here(create=True).get("upload_url", "")).partition("{")[0]
        if origin(url) not in self._hosts:
            raise Transient(
                f"{plain(self._release.api)} wants uploads sent to {plain(url)}, another's host",
                reason="StoreRefused",
            )
        return url

    def _here(self, *, create: bool) -> Mapping[str, Any]:
        """The release; made when it is needed and not there, else nothing."""
        if not self._about:
            tag = quote(self._release.tag, safe="")
            try:
                self._about = self._get(f"{self._release.url}/tags/{tag}")
            except Refused as exc:
                if exc.answer.status != HTTPStatus.NOT_FOUND:
                    raise
                self._demand_repository()
                if create:
                    self._about = self._create()
        return self._about

    def _demand_repository(self) -> None:
        """A repository that cannot be seen is no repository without a release."""
        self._get(f"{self._release.url}?per_page=1")

    def _create(self) -> Mapping[str, Any]:
        tag = self._release.tag
        wanted = {"tag_name": tag, "name": tag, "body": _ABOUT, "prerelease": True}
        content = json.dumps({**wanted, "make_latest": "false"}).encode()
        call = Call(
            "POST",
            self._release.url,
            {**_JSON, "Content-Type": "application/json"},
            body=lambda: iter((content,)),
            size=len(content),
            accepts=_CREATED,
        )
        made: Mapping[str, Any] = _parse(self._web.ask(call, retries=self._release.retries))
        return made

    def _known(self) -> dict[str, Mapping[str, Any]]:
        """All assets, by name. Raises when one page of them cannot be had."""
        if self._assets is None:
            release = self._here(create=False)
            self._assets = dict(self._pages(release["id"])) if release else {}
        return self._assets

    def _pages(self, release: int) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for page in range(1, _PAGES + 1):
            url = f"{self._release.url}/{int(release)}/assets?per_page={_PAGE}&page={page}"
            found = self._get(url)
            if not isinstance(found, list):
                raise Transient(f"{plain(url)} told no list", reason="StoreRefused")
            yield from ((str(one["name"]), one) for one in found)
            if len(found) < _PAGE:
                return
        raise Transient(f"{self._release} has more assets than can be told", reason="StoreRefused")

    def _remove(self, asset: Mapping[str, Any]) -> None:
        call = Call("DELETE", self._asset_url(asset), _JSON, accepts=_DELETED)
        self._web.ask(call, retries=self._release.retries)
        if self._assets is not None:
            self._assets.pop(str(asset.get("name")), None)

    def _asset_url(self, asset: Mapping[str, Any]) -> str:
        return f"{self._release.url}/assets/{int(asset['id'])}"

    def _get(self, url: str) -> Any:
        return _parse(self._web.ask(Call("GET", url, _JSON), retries=self._release.retries))

    def _sign(self, _: Call) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._token}"} if self._token else {}


def _blob(asset: Mapping[str, Any]) -> Blob:
    digest = str(asset.get("digest") or "")
    return Blob(
        str(asset["name"]),
        int(asset["size"]),
        digest.removeprefix("sha256:") if digest.startswith("sha256:") else "",
    )


def _parse(answer: Answer) -> Any:
    try:
        return json.loads(answer.content)
    except ValueError as exc:
        raise Failed("the answer of the API is no JSON", reason="StoreUnreachable") from exc


def _exists(answer: Answer) -> bool:
    try:
        said: Json = json.loads(answer.content)
        return any(one.get("code") == "already_exists" for one in said.get("errors", ()))
    except (ValueError, AttributeError):
        return False
