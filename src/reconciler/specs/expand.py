"""Nodes -> the values a spec is checked from: variables filled in, secrets fetched and sealed."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final, TypeAlias

from ..core.model import Json
from ..core.sealed import Sealed
from . import nodes
from .around import Around
from .env_file import EnvFileError, parse_env_file
from .forms import env_file_of, source_of, words
from .nodes import Flaw, Mark, Node, Scalar
from .outside import OutsideError
from .problem import has_password, looks_secret, shorten
from .scalars import NOTHING, resolve
from .variables import MalformedError, expand_variables

Location: TypeAlias = tuple[str | int, ...]

EXPANDED: Final = frozenset({"env", "args", "command", "workingDir", "url"})
AS_WRITTEN: Final = EXPANDED | {"labels", "annotations"}
"""Below these keys ``8080`` and ``true`` are text, as they are for every program that gets them."""
_NO_TEXT: Final = "is not valid UTF-8"
_NUL: Final = "holds a NUL character"
_ENV_FILE: Final = {
    "does not exist": "create it, or write {path: …, optional: true} if it may be missing",
    _NO_TEXT: "save it as text in UTF-8",
    _NUL: "save it as text in UTF-8",
}
MOST_TEXT: Final = 1 << 22
MOST_FLAWS: Final = 100
LONGEST_COMMAND: Final = 1 << 14
MAY_HOLD_SECRETS: Final = frozenset({"env", "url"})


class Reading:
    """The values of one document, and what was wrong or missing on the way to them."""

    def __init__(self, around: Around, skip: Collection[Location] = ()) -> None:
        self.flaws: list[Flaw] = []
        self.unresolved: list[Location] = []
        self.files: dict[Path, str] = {}
        self._around = around
        self._skip = skip
        self._room = MOST_TEXT

    def read(self, node: Node, at: Location = (), under: str = "") -> Json:
        """The value of ``node``, which stands at ``at`` below the key ``under``."""
        if isinstance(node, nodes.Mapping):
            source = source_of(node) if at else None
            if source is not None:
                return self._fetch(source, at)
            return self._read_mapping(node, at, under)
        if isinstance(node, nodes.Sequence):
            return [self.read(one, (*at, n), under) for n, one in enumerate(node.items)]
        return self._read_scalar(node, at, under)

    def merge_env_files(self, node: Node, data: dict[str, Json]) -> None:
        """Put the variables of ``envFile`` under ``env``; what the spec itself says wins."""
        found: dict[str, Json] = {}
        for n, item in enumerate(node.items if isinstance(node, nodes.Sequence) else ()):
            optional, path = env_file_of(item)
            if path is not None:
                found |= self._read_env_file(path, ("envFile", n), optional=optional)
        env = data.get("env", {})
        if found and isinstance(env, dict):
            data["env"] = found | env

    def sign_files(self, node: Node, at: Location, data: dict[str, Json]) -> None:
        """Put beside each path of a list the digest of what it holds; it may come later."""
        items = node.items if isinstance(node, nodes.Sequence) else ()
        signed: list[Json] = []
        for n, item in enumerate(items):
            if not isinstance(item, Scalar):
                self._miss(Flaw(item.mark, f"{spell((*at, n))} must be a path"), (*at, n))
                continue
            path = self._around.root / item.text
            self.files[path] = self._around.outside.fingerprint(path)
            signed.append({"path": item.text, "digest": self.files[path]})
        if items:
            data[str(at[-1])] = signed

    def _read_mapping(self, node: nodes.Mapping, at: Location, under: str) -> dict[str, Json]:
        values = {}
        for key, entry in node.entries.items():
            place = (*at, key)
            if place in self._skip:
                continue
            below = under or (key if key in AS_WRITTEN else "")
            value = self.read(entry.value, place, below)
            if under == "env" and isinstance(value, str) and looks_secret(key):
                value = self._seal(value)
            values[key] = value
        return values

    def _read_scalar(self, node: Scalar, at: Location, under: str) -> Json:
        if under in AS_WRITTEN:
            if node.plain and node.text in NOTHING:
                return None
            if under not in EXPANDED:
                return node.text
            value = self._fill(node, at, under)
            shows = under in MAY_HOLD_SECRETS and isinstance(value, str) and has_password(value)
            return self._seal(value) if shows else value
        if not node.plain:
            return node.text
        try:
            return resolve(node.text)
        except ValueError as exc:
            self._miss(Flaw(node.mark, str(exc), "quote it to make it text"), at)
            return None

    def _fill(self, node: Scalar, at: Location, under: str) -> Json:
        if "$" not in node.text:
            return node.text
        # A command's words are told apart before a variable can bring spaces or quotes.
        if under == "command" and at[-1] == "command":
            parts = words(node.text[:LONGEST_COMMAND])
            if len(node.text) > LONGEST_COMMAND:
                self._miss(Flaw(node.mark, "the command is too long", "write it as a list"), at)
                return ""
            if parts is not None:
                return [self._fill_text(part, node.mark, at, under) for part in parts]
        return self._fill_text(node.text, node.mark, at, under)

    def _fill_text(self, text: str, mark: Mark, at: Location, under: str) -> Json:
        try:
            done = expand_variables(text, self._around.environ)
        except MalformedError as exc:
            self._miss(Flaw(mark, f"{spell(at)} {exc}", _DOLLARS), at)
            return ""
        if done.secret and under not in MAY_HOLD_SECRETS:
            message = f"the secret variable {done.secret} is not allowed in {spell(at)}"
            self._miss(Flaw(mark, message, "others can see it there; pass it in env"), at)
            return ""
        for name in done.missing:
            message = f"the variable {name} of {spell(at)} is not set"
            hint = f"set it, or write ${{{name}:-default}}"
            self._miss(Flaw(mark, message, hint, freezes=True), at)
        if "\0" in done.text:
            self._miss(Flaw(mark, f"the value of {spell(at)} holds a NUL character"), at)
        self._spend(len(done.text), mark, at)
        return self._seal(done.text) if done.secret else done.text

    def _fetch(self, source: nodes.Mapping, at: Location) -> Sealed:
        """The secret that ``{from: {env: NAME}}`` or ``{from: {file: path}}`` stands for."""
        kind, entry = next(iter(source.entries.items()), ("", None))
        if entry is None or len(source.entries) > 1 or kind not in {"env", "file"}:
            mark = entry.key if entry else source.mark
            return self._no_secret(Flaw(mark, 'write "from" as {env: NAME} or {file: path}'), at)
        value = entry.value
        if not isinstance(value, Scalar) or not value.text:
            message = f'"{kind}" must be {"a variable name" if kind == "env" else "a path"}'
            return self._no_secret(Flaw(value.mark, message), at)
        if kind == "file":
            return self._fetch_file(value, at)
        secret = self._around.environ.get(value.text)
        if secret is None:
            message = f"the variable {shorten(value.text)} of {spell(at)} is not set"
            return self._no_secret(Flaw(value.mark, message, _SET, freezes=True), at)
        return self._seal(secret)

    def _fetch_file(self, value: Scalar, at: Location) -> Sealed:
        try:
            text = self._text_of(value.text)
        except OutsideError as exc:
            message = f"the file {shorten(value.text)} of {spell(at)} {exc}"
            return self._no_secret(Flaw(value.mark, message, freezes=True), at)
        self._spend(len(text), value.mark, at)
        return self._seal(text.removesuffix("\n").removesuffix("\r"))

    def _read_env_file(self, path: Scalar, at: Location, *, optional: bool) -> dict[str, Json]:
        try:
            values = parse_env_file(self._text_of(path.text))
        except (OutsideError, EnvFileError) as exc:
            if optional and str(exc) == "does not exist":
                return {}
            hint = _ENV_FILE.get(str(exc), "")
            if isinstance(exc, EnvFileError):
                hint = "correct that line; a value of several lines stands in quotes"
            colon = ":" if isinstance(exc, EnvFileError) else ""
            message = f"the file {shorten(path.text)} of {spell(at)}{colon} {exc}"
            self._miss(Flaw(path.mark, message, hint, freezes=True), ("env",))
            return {}
        self._spend(sum(map(len, values.values())), path.mark, ("env",))
        # Whoever keeps values out of the specs does not want them shown, whatever their names are.
        return {name: self._seal(value) for name, value in values.items()}

    def _text_of(self, name: str) -> str:
        path = self._around.root / name
        self.files[path] = self._around.outside.fingerprint(path)
        try:
            text = self._around.outside.read(path).decode()
        except UnicodeDecodeError:
            raise OutsideError(_NO_TEXT) from None
        if "\0" in text:
            raise OutsideError(_NUL)
        return text

    def _seal(self, value: str) -> Sealed:
        return Sealed.of(value, self._around.key)

    def _no_secret(self, flaw: Flaw, at: Location) -> Sealed:
        self._miss(flaw, at)
        return self._seal("")

    def _spend(self, length: int, mark: Mark, at: Location) -> None:
        """Keep a small document from pulling in a large amount of text, again and again."""
        before, self._room = self._room, self._room - length
        if before >= 0 > self._room:
            self._miss(Flaw(mark, "the values from outside are too large together"), at)

    def _miss(self, flaw: Flaw, at: Location) -> None:
        if len(self.flaws) < MOST_FLAWS:
            self.flaws.append(flaw)
        self.unresolved.append(at)


_DOLLARS: Final = "write $${ for the characters themselves; in `shell` nothing is filled in"
_SET: Final = "set it where the operator is started"


def spell(at: Location) -> str:
    """A location as people write it: ``ports[0].port``."""
    text = ""
    for part in at:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return shorten(text)
