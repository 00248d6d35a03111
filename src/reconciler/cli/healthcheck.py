"""`reconciler healthcheck`: a line for HEALTHCHECK, which runs again and again and must be cheap.

Like the way in, this imports next to nothing. It ends with 0 or 1: Docker knows no other code.
"""

from __future__ import annotations

import _socket
import os
import sys

from .entry import ask_over, read, socket_of

PLACES = ("--specs", "--state-dir", "--port", "--timeout")
PATIENCE = 4.0
WELL = b"200"
PLAIN = 2
"""A kind and a name."""


def attempt(words: list[str]) -> int | None:
    """Do it where the words are plain; None leaves them to the full command line."""
    ref = words[0] if words and not words[0].startswith("-") else ""
    said = read("healthcheck", words[bool(ref) :], PLACES)
    if said is None:
        return None
    try:
        port, patience = int(said.get("--port", "0")), float(said.get("--timeout", PATIENCE))
    except ValueError:
        return None
    address = ("127.0.0.1", port) if port else socket_of(said)
    return None if address is None else check(page_of(ref), address, patience)


def page_of(ref: str) -> str:
    """The page of a resource, ``process/web`` or ``web``; of the whole without one."""
    parts = ref.split("/") if ref else []
    if not parts:
        return "/healthz"
    return "/health/" + ("/".join(parts) if len(parts) == PLAIN else f"process/{ref}")


def check(page: str, address: str | tuple[str, int], patience: float) -> int:
    """Ask, say in a line what came of it, and end with 0 when all is well."""
    family = _socket.AF_UNIX if isinstance(address, str) else _socket.AF_INET
    asked = f"GET {page} HTTP/1.0\r\nHost: localhost\r\nAccept: application/json\r\n\r\n".encode()
    try:
        answer = ask_over(_socket.socket(family, _socket.SOCK_STREAM), address, asked, patience)
    except TimeoutError:
        return _end(1, f"unhealthy: no answer within {patience:g} s")
    except OSError as exc:
        return _end(1, f"unhealthy: nobody answers at {address}: {exc.strerror}")
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(b"\r\n")[0].split(b" ")
    ok = len(words) > 1 and words[1] == WELL
    return _end(0 if ok else 1, body.decode(errors="replace").strip() or "no answer")


def _end(code: int, text: str) -> int:
    os.write(1, f"{text[:4000]}\n".encode())
    sys.stdout.flush()
    return code
