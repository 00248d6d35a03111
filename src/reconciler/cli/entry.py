"""The way in. What is typed all day is done before anything else is loaded.

The operator has everything loaded: it writes what ``status`` and a plain ``apply`` print, and this
module, which imports next to nothing, prints it. Whatever else is asked, and every mistake, is left
to the full command line.
"""

from __future__ import annotations

import _socket  # the stdlib's socket module alone takes as long as all of this
import os
import sys

PAGES = {"status": "GET /admin/api/v1/status", "apply": "POST /admin/api/v1/reconcile"}
FLAGS = {"status": ("--exit-code",), "apply": (), "healthcheck": ()}
PLACES = ("--specs", "--state-dir")
PATIENCE = {"status": 10.0, "apply": 300.0}
FALLBACK, NARROWEST = 100, 40
WELL = b"200"


def main() -> None:
    """What `reconciler` and `python -m reconciler` run."""
    try:
        code = attempt(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    except (OSError, ValueError):
        code = None  # the full command line knows what that means, and says it
    if code is not None:
        os._exit(code)  # everything is written; taking the interpreter apart would be for nobody
    from .main import main as everything

    everything()


def attempt(arguments: list[str]) -> int | None:
    """Do it, and say how it ended; None when it takes more than this."""
    verb = arguments[0] if arguments else ""
    if verb == "healthcheck":
        from .healthcheck import attempt as check

        return check(arguments[1:])
    encoding = getattr(sys.stdout, "encoding", "")  # a stdout that is closed is none
    if verb not in PAGES or encoding.lower().replace("-", "") != "utf8":
        return None
    said = read(verb, arguments[1:])
    socket = None if said is None else socket_of(said)
    if said is None or socket is None:
        return None
    answer = exchange(socket, request(verb, strict="--exit-code" in said), PATIENCE[verb])
    return tell(answer)


def read(verb: str, words: list[str], places: tuple[str, ...] = ()) -> dict[str, str] | None:
    """The options, as far as they are plain."""
    found = {}
    left = list(reversed(words))
    while left:
        name, parted, value = left.pop().partition("=")
        if name in FLAGS[verb] and not parted:
            found[name] = "yes"
            continue
        value = value if parted else left.pop() if left else ""
        if name not in (places or PLACES) or not value:
            return None
        found[name] = value
    return found


def socket_of(said: dict[str, str]) -> str | None:
    """Where the operator listens; None when only the full command line can say."""
    state = said.get("--state-dir") or os.environ.get("RECONCILER_STATE_DIR")
    if state:
        return os.path.join(os.getcwd(), state, "run", "operator.sock")
    specs = said.get("--specs") or os.environ.get("RECONCILER_SPECS") or "specs"
    parts = os.path.join(os.getcwd(), specs).rstrip("/").split("/")
    if "." in parts or ".." in parts:
        return None
    return "/".join([*parts[:-1], ".reconciler", "run", "operator.sock"])


def request(verb: str, *, strict: bool) -> bytes:
    """Ask for words as this terminal shows them."""
    colours = "".join(name for name, file in (("o", 1), ("e", 2)) if coloured(file))
    wish = f"{columns()} {colours or '-'}{' strict' if strict else ''}"
    author = "" if verb == "status" else f"X-Reconciler-Author: {user()}\r\n"
    head = f"{PAGES[verb]} HTTP/1.0\r\nHost: localhost\r\nAccept: text/plain\r\n{author}"
    return f"{head}Reconciler-Terminal: {wish}\r\nContent-Length: 0\r\n\r\n".encode()


def coloured(file: int) -> bool:
    """As the full command line decides it."""
    own = os.environ
    if own.get("NO_COLOR"):
        return False
    if own.get("FORCE_COLOR", "0") != "0":
        return True
    return os.isatty(file) and own.get("TERM", "dumb") != "dumb"


def columns() -> int:
    """As shutil.get_terminal_size finds them."""
    said = os.environ.get("COLUMNS", "")
    found = int(said) if said.isdecimal() else 0
    if not found:
        try:
            found = os.get_terminal_size(1).columns
        except OSError:
            found = 0
    return max(found or FALLBACK, NARROWEST)


def user() -> str:
    """Who typed it."""
    import pwd

    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = ""
    return name if name.isascii() and name.isprintable() and name else f"uid {os.getuid()}"


def exchange(path: str, asked: bytes, patience: float) -> bytes:
    """One request over the operator's socket."""
    return ask_over(_socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM), path, asked, patience)


def ask_over(
    wire: _socket.socket, address: str | tuple[str, int], asked: bytes, patience: float
) -> bytes:
    """One request over a socket, which is closed then."""
    try:
        wire.settimeout(patience)
        wire.connect(address)
        wire.sendall(asked)
        parts = []
        while part := wire.recv(1 << 18):
            parts.append(part)
    finally:
        wire.close()
    return b"".join(parts)


def tell(answer: bytes) -> int | None:
    """Print what the operator said for stdout and stderr; None when it said something else."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *rest = head.split(b"\r\n")
    fields = {
        name.lower(): value.strip() for name, _, value in (row.partition(b":") for row in rest)
    }
    ending, talk = fields.get(b"reconciler-exit"), int(fields.get(b"reconciler-talk", b"0"))
    if (
        ending is None
        or first.split(b" ")[1] != WELL
        or len(body) != int(fields[b"content-length"])
    ):
        return None
    sys.stdout.flush()
    for file, text in ((1, body[: len(body) - talk]), (2, body[len(body) - talk :])):
        pour(file, text)
    return int(ending)


def pour(file: int, text: bytes) -> None:
    """Write all of it; a reader that went away is no error."""
    try:
        while text:
            text = text[os.write(file, text) :]
    except BrokenPipeError:
        return
