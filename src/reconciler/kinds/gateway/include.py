"""The includes of nginx.conf that a Gateway's fields decide, and the files they name."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple, Self

from .state import Settings

INCLUDE: Final = "gateway.conf"
AROUND: Final = "gateway-http.conf"
QUICK: Final = "gateway-quick.conf"
CERTIFICATE: Final = "tls.crt"
KEY: Final = "tls.key"
PAGE: Final = "maintenance.html"

_WRITTEN: Final = "# Written by reconciler; a change by hand is undone."
# Without trusted proxies nobody's claims are weighed: each of these variables asks for who it is
# that says so, request by request.
_SEEN: Final = {
    "Host": "$asked_host",
    "X-Forwarded-For": "$remote_addr",
    "X-Forwarded-Host": "$asked_host",
    "X-Forwarded-Port": "$reached_port",
    "X-Forwarded-Proto": "$scheme",
}
_CLAIMED: Final = {
    "Host": "$forwarded_host",
    "X-Forwarded-For": "$forwarded_for",
    "X-Forwarded-Host": "$forwarded_host",
    "X-Forwarded-Port": "$forwarded_port",
    "X-Forwarded-Proto": "$forwarded_proto",
}
_MARK: Final = re.compile(r"# Written by reconciler for Gateway/([-a-z0-9]+);")
_CODE: Final = re.compile(r"^# code ([0-9a-f]+)$", re.MULTILINE)
_SETTINGS: Final = re.compile(r"^# settings (\{.*\})$", re.MULTILINE)
_FILES: Final = re.compile(r"^# files (\{.*\})$", re.MULTILINE)
_LISTEN: Final = re.compile(
    r"^listen (?:\[([0-9a-f:.]+)\]|([0-9.]+)):([0-9]+)(?: ssl)?;$", re.MULTILINE
)


class Include(NamedTuple):
    """What gateway.conf says. ``name`` is None when the file is not ours.

    ``files`` are digests of the files that were copied beside it; ``roots`` is whose signature
    makes the certificate of an https:// backend a good one.
    """

    name: str | None
    listen: int
    bind: str
    code: str
    settings: Settings = Settings()
    files: Mapping[str, str] = {}
    roots: str = ""

    @classmethod
    def parse(cls, text: str, roots: str = "") -> Self:
        """Read a file of ours, however a hand has changed it since."""
        mark, code = _MARK.match(text), _CODE.search(text)
        bind, port = parse_listen(text)
        said, files = _SETTINGS.search(text), _FILES.search(text)
        return cls(
            mark[1] if mark else None,
            port,
            bind,
            code[1] if code else "",
            _settings(said[1] if said else "{}"),
            _digests(files[1] if files else "{}"),
            roots,
        )

    def text(self) -> str:
        """gateway.conf, inside nginx's server. It also tells the Lua, which reads it, its part."""
        return "\n".join((*self._notes(), *self._server(), ""))

    def around(self) -> str:
        """gateway-http.conf, around the server."""
        return "\n".join((*self._http(), ""))

    def quick(self) -> str:
        """gateway-quick.conf, in the location of most requests: what programs are told of them."""
        told = _CLAIMED if self.settings.trusted_proxies else _SEEN
        lines = (f"proxy_set_header {name} {value};" for name, value in told.items())
        return "\n".join((_WRITTEN, *lines, ""))

    def _notes(self) -> Iterator[str]:
        yield f"# Written by reconciler for Gateway/{self.name}; a change by hand is undone."
        yield f"# code {self.code}"
        yield f"# settings {_one_line(self.settings.model_dump(mode='json', by_alias=True))}"
        yield f"# files {_one_line(dict(self.files))}"

    def _server(self) -> Iterator[str]:
        host = f"[{self.bind}]" if ":" in self.bind else self.bind
        limits = self.settings.limits
        yield f"listen {host}:{self.listen}{' ssl' if self.settings.tls else ''};"
        if self.settings.tls:
            yield f"ssl_certificate {CERTIFICATE};"
            yield f"ssl_certificate_key {KEY};"
            yield "ssl_protocols TLSv1.2 TLSv1.3;"
            yield "ssl_session_cache shared:tls:4m;"
        yield f"client_max_body_size {limits.max_body};"
        yield f"large_client_header_buffers 4 {limits.max_header};"
        if self.settings.trusted_proxies:
            yield from (f"set_real_ip_from {one};" for one in self.settings.trusted_proxies)
            yield "real_ip_header X-Forwarded-For;"
            yield "real_ip_recursive on;"
        if limits.connections:
            yield f"limit_conn clients {limits.connections};"
            yield "limit_conn_status 429;"
        if limits.rate:
            yield f"limit_req zone=rates burst={limits.burst} nodelay;"
            yield "limit_req_status 429;"
        if self.roots:
            yield f'proxy_ssl_trusted_certificate "{self.roots}";'

    def _http(self) -> Iterator[str]:
        limits = self.settings.limits
        yield _WRITTEN
        yield "geo $realip_remote_addr $from_proxy {"
        yield "    default 0;"
        yield from (f"    {one} 1;" for one in self.settings.trusted_proxies)
        yield "}"
        if limits.connections:
            yield "limit_conn_zone $binary_remote_addr zone=clients:4m;"
        if limits.rate:
            yield f"limit_req_zone $binary_remote_addr zone=rates:4m rate={limits.rate}r/s;"


def sources(settings: Settings) -> dict[str, Path | bytes]:
    """The files that are copied beside the include, by their name there, and what is in them."""
    found: dict[str, Path | bytes] = {}
    if settings.tls:
        found[CERTIFICATE] = Path(settings.tls.certificate)
        found[KEY] = Path(settings.tls.key)
    page = settings.maintenance_page
    if page:
        found[PAGE] = Path(page.file) if page.file else (page.text or "").encode()
    return found


def digest(content: bytes) -> str:
    """Names the content of a copied file."""
    return hashlib.sha256(content).hexdigest()


def parse_listen(text: str) -> tuple[str, int]:
    """Address and port of a listen directive; ``("", 0)`` when there is none of ours."""
    found = _LISTEN.search(text)
    return (found[1] or found[2], int(found[3])) if found else ("", 0)


def _one_line(content: object) -> str:
    return json.dumps(content, sort_keys=True)


def _settings(text: str) -> Settings:
    try:
        return Settings.model_validate_json(text)
    except ValueError:
        return Settings()


def _digests(text: str) -> dict[str, str]:
    try:
        return {str(name): str(value) for name, value in json.loads(text).items()}
    except (ValueError, AttributeError):
        return {}
