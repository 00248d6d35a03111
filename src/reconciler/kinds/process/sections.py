"""supervisord's file: names and settings only, never a word of the user's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from .layout import Layout
from .state import unstamp

MARK: Final = "; made by reconciler; what is edited here is undone\n"

_section: Final = re.compile(r"^\[program:([^\]\n]*)\]\n", re.MULTILINE)
_stamp: Final = re.compile(r"^command=.* (\S+)$", re.MULTILINE)

# Past the retries supervisord gives up and the operator starts it again, so waits end at 30 s.
_KEEPING: Final[Mapping[str, tuple[str, ...]]] = {
    "always": ("autorestart=true", "startsecs=1", "startretries=30"),
    "onFailure": ("autorestart=unexpected", "exitcodes=0", "startsecs=0", "startretries=30"),
    "never": ("autorestart=false", "startsecs=0", "startretries=0"),
}


class Section(NamedTuple):
    """What the file says of one program; ``intact`` when that is what we would write."""

    stamp: str
    intact: bool


class Foreign(ValueError):  # noqa: N818 (a fact, named as such)
    """The file is there and is not ours."""


def render_file(layout: Layout, stamps: Mapping[str, str]) -> str:
    """The whole file."""
    return MARK + "".join(render_section(layout, name, stamps[name]) for name in sorted(stamps))


def render_section(layout: Layout, name: str, stamp: str) -> str:
    """One program."""
    settings = unstamp(stamp)
    lines = (
        f"[program:{name}]",
        f"command={_command(layout, name, stamp)}",
        "autostart=false",
        *_KEEPING[policy_of(settings)],
        f"stopsignal={settings['stop_signal']}",
        f"stopwaitsecs={settings['grace']}",
        "stopasgroup=true",
        "killasgroup=true",
        f"priority={settings['priority']}",
        "redirect_stderr=true",
        f"stdout_logfile=log/{name}.log",  # supervisord runs in the stack's folder
        f"stdout_logfile_maxbytes={settings['log_max_bytes']}",
        f"stdout_logfile_backups={settings['log_backups']}",
    )
    return "\n" + "\n".join(lines) + "\n"


def parse_file(layout: Layout, text: str) -> dict[str, Section]:
    """The programs that ``text`` holds. Raises Foreign when it is not ours."""
    if text and not text.startswith(MARK):
        raise Foreign
    _, *rest = _section.split(text)
    return {
        name: _parse_section(layout, name, body)
        for name, body in zip(rest[::2], rest[1::2], strict=True)
    }


def _parse_section(layout: Layout, name: str, body: str) -> Section:
    found = _stamp.search(body)
    stamp = found[1] if found else ""
    settings: dict[str, Any] = unstamp(stamp)
    if policy_of(settings) not in _KEEPING:
        return Section("", intact=False)
    ours = render_section(layout, name, stamp)
    return Section(stamp, intact=f"[program:{name}]\n{body}".strip() == ours.strip())


def policy_of(settings: Mapping[str, Any]) -> str:
    """The restart policy that comes nearest: what should end is not started again for that."""
    policy = str(settings.get("restart"))
    return "onFailure" if settings.get("mode") != "service" and policy == "always" else policy


def _command(layout: Layout, name: str, stamp: str) -> str:
    words = (layout.python, "-I", "-S", layout.launcher, layout.state_dir, name, stamp)
    return " ".join(_word(str(word)) for word in words)


def _word(text: str) -> str:
    plain = _plain(text)
    return plain if re.fullmatch(r"[-\w./:@+=,%]+", plain, re.ASCII) else f'"{plain}"'


def _plain(text: str) -> str:
    return text.replace("%", "%%")
