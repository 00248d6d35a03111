"""What one program of supervisord executes."""

from __future__ import annotations

import re
import shlex
from typing import Final

from ...specs.problem import looks_secret
from .draft import Draft
from .environment import from_outside
from .ini import Section, for_shell, for_shell_to_fill, spelled, variables

_waits: Final = re.compile(r"\b(?:wait[-_\w./]*|sleep [\d.]+)\s*(?:;|&&)")


def take_command(section: Section, draft: Draft) -> None:
    """Carry the command over. Raises ValueError when there is none that can run."""
    text = section.text("command")
    if not text:
        raise ValueError("it has no command")
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(
            f"command cannot be cut into words ({error}): supervisord, too, ends it at ' ;' and "
            "' #'; write it as `shell:` in a spec"
        ) from None
    names = list(dict.fromkeys(name for word in words for name in variables(word)))
    if len(words) == 3 and words[:2] in (["bash", "-lc"], ["/bin/bash", "-lc"]):  # noqa: PLR2004
        _shell(words[2], draft, names)
    elif any(map(looks_secret, names)):
        _hidden(words, draft, names)
    else:
        draft.carry("command", command=[spelled(word) for word in words])
    if _waits.search(text):
        draft.advise("command", "it waits for something by itself; dependsOn and probes do that")


def _shell(line: str, draft: Draft, names: list[str]) -> None:
    if not names:
        draft.carry("command", shell=line)
        return
    text = f"the shell fills in {', '.join(names)}, not supervisord"
    draft.nearly("command", text, shell=for_shell_to_fill(line), env=from_outside(names))


def _hidden(words: list[str], draft: Draft, names: list[str]) -> None:
    """Arguments with a secret: a spec holds none, so a shell puts it in."""
    line = "exec " + " ".join(map(for_shell, words))
    secret = next(filter(looks_secret, names))
    draft.nearly(
        "command",
        f"the secret {secret} may not stand in a command; a shell puts it in from env, where the "
        "list of processes shows it, as before: better let the program read it from there",
        command=["/bin/sh", "-c", spelled(line)],
        env=from_outside(names),
    )
