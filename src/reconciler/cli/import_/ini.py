"""Reads a supervisord.conf exactly as supervisord would, but for the variables it does not know."""

from __future__ import annotations

import glob
import os
import platform
import re
import shlex
from collections.abc import Iterator, Mapping
from configparser import Error
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ...specs.problem import looks_secret
from ..outcome import Failure
from .draft import Fate, Note

# A variable of supervisord's own environment, while its value is cut into words.
_MARK: Final = "rcvar7e1b"
_percent: Final = re.compile(r"%%|%\([^)]*\)[-#0 +]*\d*(?:\.\d+)?[a-zA-Z]")
_mark: Final = re.compile(rf"{_MARK}(\w+?){_MARK}")
_environ: Final = re.compile(r"%%|%\(ENV_([^)]*)\)")
_spelled: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""The variables that a spec can name; supervisord takes any name."""


@dataclass
class Section:
    """One section: its options, as they are written."""

    kind: str
    name: str
    options: Mapping[str, str]
    known: dict[str, str | int] = field(default_factory=dict)
    """What ``%(name)s`` may stand for."""
    used: set[str] = field(default_factory=set)
    frozen: dict[str, list[str]] = field(default_factory=dict)
    """Options in which the present values of variables were put."""

    def text(self, option: str) -> str | None:
        """The value of an option with ``%(…)s`` filled in; raises ValueError for what cannot be."""
        self.used.add(option)
        raw = self.options.get(option)
        if raw is None:
            return None
        return fill(raw, self.known | self._unspelled(raw, option), option)

    def plain(self, option: str) -> str | None:
        """As ``text``, for where specs take no variable: it has the value it has now."""
        value = self.text(option)
        if value is None or not has_variables(value):
            return value
        self._freeze(option, variables(value), "specs take none there")
        return _mark.sub(lambda found: os.environ[found[1]], value)

    def number(self, option: str, default: int) -> int:
        """The whole number of an option."""
        value = self.plain(option)
        try:
            return default if value is None else int(value)
        except ValueError:
            raise ValueError(f"{option}={value} is not a number") from None

    def _unspelled(self, raw: str, option: str) -> dict[str, str]:
        """The present values of variables of the environment whose names no spec can hold."""
        names = [name for name in _environ.findall(raw) if f"ENV_{name}" not in self.known]
        names = [name for name in names if name and not _spelled.fullmatch(name)]
        if secret := next(filter(looks_secret, names), ""):
            text = f"{option} needs the secret {secret}, whose name no spec can hold"
            raise ValueError(f"{text}; give it one of letters, digits and _")
        self._freeze(option, names, "no spec can hold its name")
        return {f"ENV_{name}": os.environ[name] for name in names}

    def _freeze(self, option: str, names: list[str], why: str) -> None:
        missing = [name for name in names if name not in os.environ]
        if missing:
            text = f"{option} needs the variable {missing[0]}, and {why}"
            raise ValueError(f"{text}; set it while you import")
        if names:
            self.frozen[option] = [*dict.fromkeys([*self.frozen.get(option, []), *names])]

    def unused(self) -> list[str]:
        """The options nobody asked for."""
        return [option for option in self.options if option not in self.used]


@dataclass
class Ini:
    """The sections of a file and of all it includes."""

    sections: list[Section] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    whole: bool = True
    """Whether all that it includes could be found."""

    def of(self, *kinds: str) -> Iterator[Section]:
        """The sections of these kinds, in their order."""
        return (section for section in self.sections if section.kind in kinds)


def read_ini(path: Path) -> Ini:
    """Read ``path`` and what it includes. Raises Failure when supervisord could not either."""
    from supervisor.options import UnhosedConfigParser

    parser, ini = UnhosedConfigParser(), Ini(files=[path])
    try:
        parser.read_file(path.read_text().splitlines(keepends=True), str(path))
        parser.expand_here(str(path.absolute().parent))
        for included in _included(parser, path, ini):
            parser.read_file(included.read_text().splitlines(keepends=True), str(included))
            parser.expand_here(str(included.absolute().parent))
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{path} cannot be read: {error}") from error
    except (Error, ValueError) as error:
        raise Failure(f"{path}: supervisord could not read it either: {error}") from error
    here: dict[str, str | int] = {
        "here": str(path.absolute().parent),
        "host_node_name": platform.node(),
    }
    for title in parser.sections():
        kind, _, name = title.partition(":")
        ini.sections.append(Section(kind, name.strip(), dict(parser.items(title)), dict(here)))
    return ini


def _included(parser: object, path: Path, ini: Ini) -> Iterator[Path]:
    if not parser.has_section("include"):  # type: ignore[attr-defined]
        return
    files = dict(parser.items("include")).get("files", "")  # type: ignore[attr-defined]
    environ = {f"ENV_{name}": value for name, value in os.environ.items()}
    here = {"here": str(path.absolute().parent), "host_node_name": platform.node()}
    for pattern in fill(files, environ | here, "include.files").split():
        if missing := variables(pattern):
            text = f"the variable {missing[0]} is not set, so what it includes is missing here"
            text += "; set it while you import"
            ini.notes.append(Note(f"include {spelled(pattern)}", Fate.DROPPED, text))
            ini.whole = False
            continue
        whole = path.absolute().parent / pattern
        found = sorted(glob.glob(str(whole)))  # noqa: PTH207 (supervisord's own way, links and all)
        if not found:
            ini.notes.append(Note(f"include {pattern}", Fate.DROPPED, "no file matches"))
        for name in found:
            ini.notes.append(Note(f"include {name}", Fate.CARRIED))
            ini.files.append(Path(name))
            yield Path(name)


class _Known(dict[str, "str | int"]):
    """What is known; a variable of the environment stands for itself."""

    def __missing__(self, key: str) -> str:
        if key.startswith("ENV_") and _spelled.fullmatch(key[4:]):
            return f"{_MARK}{key[4:]}{_MARK}"
        raise KeyError(key)


def fill(raw: str, known: Mapping[str, str | int], option: str) -> str:
    """Fill ``%(name)s`` in, as supervisord does. Raises ValueError."""
    if "%" in _percent.sub("", raw):
        # supervisord would put all it knows there, its environment too.
        raise ValueError(f"{option} holds a bare %, which must be written %%")
    try:
        return raw % _Known(known)
    except KeyError as error:
        raise ValueError(f"{option} names {error.args[0]!r}, which nothing defines") from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"{option} cannot be filled in ({error})") from None


def has_variables(text: str) -> bool:
    """Whether a variable of the environment is left."""
    return _MARK in text


def begins_with_variable(text: str) -> bool:
    """Whether the first of it is a variable of the environment."""
    return text.startswith(_MARK)


def variables(text: str) -> list[str]:
    """The variables of the environment that are left."""
    return _mark.findall(text)


def spelled(text: str) -> str:
    """A text as specs write it: ``${VAR}`` for a variable, ``$$`` where a dollar is meant."""
    escaped = re.sub(rf"\$(?=[${{]|{_MARK})", "$$", text)
    return _mark.sub(r"${\1}", escaped)


def for_shell_to_fill(line: str) -> str:
    """A line of shell, where variables stand as the shell writes them."""
    return _mark.sub(r"${\1}", line)


def for_shell(text: str) -> str:
    """One word as a shell takes it, a variable as one."""
    parts = re.split(rf"({_MARK}\w+?{_MARK})", text)
    words = (
        f'"${{{found[1]}}}"' if (found := _mark.fullmatch(part)) else shlex.quote(part)
        for part in parts
        if part
    )
    return "".join(words) or "''"
