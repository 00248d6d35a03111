"""What is told to other programs: who wants what, and in which words each service takes it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Collection
from enum import StrEnum
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from .revision import SHORT

LONGEST: Final = 1800
"""Bytes of text that every one of the services takes."""
KEY: Final = "whsec_"
"""What the secret of a Standard Webhook begins with, before its base64."""


class Format(StrEnum):
    """The shape a service takes."""

    JSON = "json"
    SLACK = "slack"
    FEISHU = "feishu"
    DINGTALK = "dingtalk"
    WECOM = "wecom"


SIGNED: Final = frozenset({Format.JSON, Format.FEISHU, Format.DINGTALK})
"""Those that can see by a secret whom a message is from."""
PACE: Final = {Format.SLACK: 1.0, Format.FEISHU: 0.7, Format.DINGTALK: 3.0, Format.WECOM: 3.0}
"""Seconds between messages; who sends more is shut out for a while."""


class Notice(NamedTuple):
    """One event, as it is told."""

    id: int
    time: str
    stack: str
    ref: str
    type: str
    reason: str
    message: str
    actor: str
    revision: str

    def is_wanted(self, when: Collection[str]) -> bool:
        """Whether its type or its reason is among those that are asked for."""
        return self.type in when or self.reason in when

    @property
    def key(self) -> str:
        """What is told once for each revision."""
        text = f"{self.ref}\0{self.reason}\0{self.revision}"
        return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


class Message(NamedTuple):
    """What is sent: more of the query, headers, and the content."""

    query: str
    headers: dict[str, str]
    body: bytes


def message(form: Format, notice: Notice, secret: str, now: float) -> Message:
    """A notice in the words of one service, signed where there is a secret."""
    match form:
        case Format.JSON:
            body = _dump(notice._asdict())
            return Message("", _standard(notice, body, secret, int(now)), body)
        case Format.SLACK:
            plain = _text(notice).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            return _said({"text": plain})
        case Format.FEISHU:
            signed = _feishu(secret, str(int(now))) if secret else {}
            return _said({**signed, "msg_type": "text", "content": {"text": _text(notice)}})
        case Format.DINGTALK:
            query = _dingtalk(secret, str(int(now * 1000))) if secret else ""
            return _said({"msgtype": "text", "text": {"content": _text(notice)}}, query)
        case Format.WECOM:
            return _said({"msgtype": "text", "text": {"content": _text(notice)}})


def complaint(form: Format, content: bytes) -> str:
    """Why a service did not take a message, though its answer looks well; empty where it did."""
    if form in {Format.JSON, Format.SLACK}:
        return ""
    try:
        said = json.loads(content)
    except ValueError:
        return "its answer is no JSON"
    if not isinstance(said, dict):
        return "its answer makes no sense"
    code = next((said[n] for n in ("errcode", "code", "StatusCode") if n in said), None)
    if code == 0:
        return ""
    return f"it answers {code}: {said.get('errmsg') or said.get('msg') or 'no reason'}"


def _said(what: Any, query: str = "") -> Message:
    return Message(query, {}, _dump(what))


def _dump(what: Any) -> bytes:
    return json.dumps(what, ensure_ascii=False).encode("utf-8", "replace")


def _text(notice: Notice) -> str:
    """Two lines for people."""
    about = [f"revision {notice.revision[:SHORT]}"] if notice.revision else []
    about += [f"by {notice.actor}"] if notice.actor else []
    head = f"[{notice.stack}] {notice.type} {notice.ref} {notice.reason}"
    head += f" ({', '.join(about)})" if about else ""
    text = f"{head}\n{notice.message}".rstrip().encode("utf-8", "replace")
    if len(text) > LONGEST:
        text = text[:LONGEST].decode(errors="ignore").encode() + "…".encode()
    return text.decode()


def _standard(notice: Notice, body: bytes, secret: str, now: int) -> dict[str, str]:
    """The headers of a Standard Webhook: by its id who gets it twice knows."""
    ident = f"evt_{notice.id}"
    headers = {"webhook-id": ident, "webhook-timestamp": str(now)}
    if secret:
        signed = _hmac(_key(secret), f"{ident}.{now}.".encode() + body)
        headers["webhook-signature"] = f"v1,{signed}"
    return headers


def _key(secret: str) -> bytes:
    if secret.startswith(KEY):
        try:
            return base64.b64decode(secret.removeprefix(KEY), validate=True)
        except ValueError:
            pass
    return secret.encode()


def _feishu(secret: str, now: str) -> dict[str, str]:
    return {"timestamp": now, "sign": _hmac(f"{now}\n{secret}".encode(), b"")}


def _dingtalk(secret: str, now: str) -> str:
    return urlencode(
        {"timestamp": now, "sign": _hmac(secret.encode(), f"{now}\n{secret}".encode())}
    )


def _hmac(key: bytes, text: bytes) -> str:
    return base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
