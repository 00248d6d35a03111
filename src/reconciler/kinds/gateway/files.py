"""The gateway's files: where they are, and those that are the same whatever the specs say."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import certifi

from ...clients.files import write_atomic
from ...clients.nginx import Nginx
from ...clients.table_file import read_bytes
from ...core.errors import Terminal, Transient
from .include import AROUND, CERTIFICATE, INCLUDE, KEY, PAGE, QUICK, Include, digest, sources
from .state import Settings

BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)
ASSETS: Final = Path(__file__).parents[2] / "assets" / "gateway"


class Place(NamedTuple):
    """Where the gateway of one stack keeps its things."""

    state_dir: Path

    @property
    def prefix(self) -> Path:
        return self.state_dir / "state" / "gateway"

    @property
    def include(self) -> Path:
        return self.prefix / INCLUDE

    @property
    def table(self) -> Path:
        return self.prefix / "table.json"

    @property
    def record(self) -> Path:
        return self.state_dir / "state" / "processes" / "gateway.json"

    @property
    def run(self) -> Path:
        return self.state_dir / "run"


def shipped() -> dict[str, bytes]:
    """nginx.conf, its parts and the Lua of this edition of reconciler, by their path here."""
    found = sorted((*ASSETS.glob("*.conf"), *ASSETS.glob("lua/**/*.lua")))
    return {str(path.relative_to(ASSETS)): path.read_bytes() for path in found}


def roots() -> str:
    """The certificates this machine trusts: its own list, else the one that came with us."""
    places = (*BUNDLES, certifi.where())
    return next((place for place in places if Path(place).is_file() and '"' not in place), "")


def edition(files: Mapping[str, bytes]) -> str:
    """Names the content of ``files``."""
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


class Files(NamedTuple):
    """All files that nginx reads, by their names in its folder."""

    include: Include
    contents: Mapping[str, bytes]


class Folder:
    """The folder nginx reads, and what this edition of reconciler would have in it."""

    def __init__(self, prefix: Path) -> None:
        self._prefix = prefix
        self.shipped = shipped()
        self.roots = roots()
        self.edition = edition(self.shipped)

    def read(self, raw: bytes) -> Include:
        """What gateway.conf says."""
        return Include.parse(raw.decode(errors="replace"), self.roots)

    def is_intact(self, include: Include, raw: bytes) -> bool:
        """Whether no hand has changed the files; those of another edition differ by their code."""
        if include.code != self.edition:
            return True
        files = {**self.shipped, **_written(include)}
        return files[INCLUDE] == raw and all(
            read_bytes(self._prefix / name) == content for name, content in files.items()
        )

    def is_up_to_date(self, include: Include) -> bool:
        """Whether the files the specs name are the ones that were copied, and these are whole."""
        wanted = sources(include.settings)
        return wanted.keys() == include.files.keys() and all(
            include.files[name] == _digest_of(source) == _digest_of(self._prefix / name)
            for name, source in wanted.items()
        )

    def plan(self, name: str, listen: int, bind: str, settings: Settings) -> Files:
        """All that nginx is to read. Raises Transient when a file the specs name is not there."""
        copied = {each: _content(source) for each, source in sources(settings).items()}
        digests = {each: digest(content) for each, content in copied.items()}
        include = Include(name, listen, bind, self.edition, settings, digests, self.roots)
        return Files(include, {**self.shipped, **copied, **_written(include)})

    async def check(self, nginx: Nginx, files: Files, *, near: Path) -> None:
        """Have nginx read them. A file the specs name may be mended without an edit of any spec."""
        try:
            await nginx.check(files.contents, near=near)
        except Terminal as exc:
            if not (named := sources(files.include.settings)):
                raise
            text = str(exc)
            for name, source in named.items():
                text = text.replace(f"./{name}", str(source)) if isinstance(source, Path) else text
            raise Transient(text, reason=exc.reason) from exc

    def write(self, files: Files) -> None:
        """Have these files, and none of the copies they do without."""
        # The include goes last: it names the edition of the others.
        for name, content in files.contents.items():
            if read_bytes(self._prefix / name) != content:
                write_atomic(self._prefix / name, content)
        self._remove({CERTIFICATE, KEY, PAGE} - files.contents.keys())

    def tidy(self) -> None:
        """Remove the Lua that only another edition has, which is nobody's once nothing runs."""
        found = (str(path.relative_to(self._prefix)) for path in self._prefix.glob("lua/**/*.lua"))
        self._remove(set(found) - self.shipped.keys())

    def clear(self) -> None:
        """Remove what a Gateway decided, gateway.conf last."""
        self._remove({CERTIFICATE, KEY, PAGE, AROUND, QUICK})
        self._remove({INCLUDE})

    def _remove(self, names: Iterable[str]) -> None:
        for name in names:
            (self._prefix / name).unlink(missing_ok=True)


def _written(include: Include) -> dict[str, bytes]:
    texts = {AROUND: include.around(), QUICK: include.quick(), INCLUDE: include.text()}
    return {name: text.encode() for name, text in texts.items()}


def _content(source: Path | bytes) -> bytes:
    if isinstance(source, bytes):
        return source
    try:
        return source.read_bytes()
    except OSError as exc:
        text = f"cannot read {source}: {exc.strerror}"
        raise Transient(text, reason="FileUnreadable") from exc


def _digest_of(source: Path | bytes) -> str:
    """The digest of a file; one that cannot be read has none."""
    try:
        return digest(source if isinstance(source, bytes) else source.read_bytes())
    except OSError:
        return ""
