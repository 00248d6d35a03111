"""One program of supervisord, field by field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from ...specs.problem import looks_secret
from .command import take_command
from .draft import Draft
from .environment import take_environment, written
from .ini import Section, begins_with_variable, spelled, variables

SIGNALS: Final = {"1": "HUP", "2": "INT", "3": "QUIT", "9": "KILL", "10": "USR1", "12": "USR2"}
DEVICES: Final = ("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/self/fd/")
TRUE: Final = frozenset({"yes", "true", "on", "1"})
FALSE: Final = frozenset({"no", "false", "off", "0"})
LONGEST_WAIT: Final = 86400
LAST: Final = 9999
MOST_BACKUPS: Final = 1000
_LEFT: Final[Mapping[str, str]] = {
    "capture_maxbytes": "supervisord's capture mode has no counterpart",
    "events_enabled": "lines of logs are no events here; follow `reconciler logs -o json`",
    "syslog": "send `reconciler logs -f -o json` to syslog",
}


def take_program(
    section: Section, draft: Draft, shared: Mapping[str, str], daemon: Section
) -> None:
    """Carry one program over. Raises ValueError when it cannot run at all."""
    section.known |= {f"ENV_{name}": value for name, value in shared.items()}
    env = {**shared, **take_environment(section)}
    take_command(section, draft)
    _directory(section, draft, daemon)
    if env:
        own = draft.spec.get("env", {})
        draft.carry("environment", env=written(env) | own)
    for take in TAKES:
        take(section, draft, daemon)


def _directory(section: Section, draft: Draft, daemon: Section) -> None:
    text = section.text("directory")
    own = text if text is not None else daemon.text("directory")
    if own is None:
        draft.nearly(
            "directory",
            "not written, so it was where supervisord was started; "
            "here it is the folder that holds the specs",
        )
    elif secret := next(filter(looks_secret, variables(own)), ""):
        draft.drop("directory", f"the secret {secret} may not stand in it; write the path")
    elif own.startswith("/") or begins_with_variable(own):
        draft.carry("directory", workingDir=spelled(own))
    else:
        why = "it is relative to where supervisord was started, here to the folder of the specs"
        draft.nearly("directory", why, workingDir=spelled(own))


def _user(section: Section, draft: Draft, _: Section) -> None:
    if user := section.plain("user"):
        draft.nearly("user", "only when the stack is started by root, else leave it out", user=user)


def _umask(section: Section, draft: Draft, daemon: Section) -> None:
    own = section.plain("umask") or daemon.options.get("umask")
    if own:
        try:
            draft.carry("umask", umask=f"{int(own, 8):03o}")
        except ValueError:
            raise ValueError(f"umask={own} is not octal") from None


def _order(section: Section, draft: Draft, _: Section) -> None:
    if "autostart" in section.options:
        draft.carry("autostart", **({} if _flag(section, "autostart") else {"enabled": False}))
    if "priority" in section.options:
        wanted = section.number("priority", 999)
        number = min(max(wanted, 0), LAST)
        text = "only the order among processes that do not need each other: write dependsOn"
        draft.nearly("priority", text, priority=number)


def _restart(section: Section, draft: Draft, _: Section) -> None:
    word = (section.plain("autorestart") or "unexpected").lower()
    policy = "always" if word in TRUE else "never" if word in FALSE else "onFailure"
    if word not in {*TRUE, *FALSE, "unexpected"}:
        raise ValueError(f"autorestart={word} is none of true, false, unexpected")
    draft.put({"restart__policy": policy})
    if policy != "onFailure":
        draft.carry("autorestart")
    else:
        text = "a good end is the end, however quick; supervisord tries quick ones again"
        draft.nearly("autorestart", text)
    if codes := section.plain("exitcodes"):
        draft.carry("exitcodes", restart__successExitCodes=_exit_codes(codes))


def _exit_codes(text: str) -> list[int]:
    try:
        return sorted({int(code) for code in text.split(",")})
    except ValueError:
        raise ValueError(f"exitcodes={text} is no list of numbers such as 0,2") from None


def _retries(section: Section, draft: Draft, _: Section) -> None:
    seconds, retries = section.number("startsecs", 1), section.number("startretries", 3)
    if "startsecs" in section.options and seconds > 0:
        text = "after so long a life failures are forgotten; a probe says better when it is ready"
        draft.nearly("startsecs", text, restart__healthyAfter=f"{seconds}s")
    if "startsecs" in section.options and seconds == 0:
        text = "no end is too quick for supervisord then, so it is never given up"
        draft.nearly("startsecs", text, restart__maxRetries=-1)
        if "startretries" in section.options:
            draft.drop("startretries", "with startsecs=0 supervisord does not count them either")
    elif "startretries" in section.options:
        text = "failures in a row; the waits between them grow to 30 s"
        draft.nearly("startretries", text, restart__maxRetries=max(retries, 0))


def _stop(section: Section, draft: Draft, _: Section) -> None:
    if signal := section.plain("stopsignal"):
        name = SIGNALS.get(signal, signal.upper().removeprefix("SIG"))
        draft.carry("stopsignal", stop__signal="TERM" if name == "15" else name)
    if "stopwaitsecs" in section.options:
        seconds = min(max(section.number("stopwaitsecs", 10), 0), LONGEST_WAIT)
        draft.carry("stopwaitsecs", stop__grace=f"{seconds}s")


def _group(section: Section, draft: Draft, _: Section) -> None:
    for option in ("stopasgroup", "killasgroup"):
        if option not in section.options:
            continue
        if _flag(section, option):
            draft.carry(option)
        else:
            draft.nearly(option, "the whole process group is always meant: nothing is left behind")


def _logs(section: Section, draft: Draft, _: Section) -> None:
    if "redirect_stderr" in section.options:
        _flag(section, "redirect_stderr")
        draft.carry("redirect_stderr")
    file = section.text("stdout_logfile") or "AUTO"
    to_device = file.startswith(DEVICES)
    if to_device:
        draft.drop("stdout_logfile", "`reconciler logs -f` prints what all processes print")
    elif file.upper() != "AUTO":
        text = (
            f"it is log/{draft.name}-0.log of the state directory; `reconciler logs {draft.name}`"
        )
        draft.drop("stdout_logfile", text)
    _rotation(section, draft, to_device=to_device)


def _rotation(section: Section, draft: Draft, *, to_device: bool) -> None:
    size, backups = section.plain("stdout_logfile_maxbytes"), "stdout_logfile_backups"
    if size is not None and not to_device:
        draft.carry("stdout_logfile_maxbytes", logs__maxBytes=_bytes(size))
    elif size is not None:
        draft.drop("stdout_logfile_maxbytes", "the log is a file, rotated at 10 MB")
    if backups in section.options:
        number = min(max(section.number(backups, 10), 0), MOST_BACKUPS)
        draft.carry(backups, logs__backups=number)


def _bytes(size: str) -> int:
    from supervisor.datatypes import byte_size

    try:
        return int(byte_size(size))
    except ValueError:
        raise ValueError(f"stdout_logfile_maxbytes={size} is no size such as 50MB") from None


def _rest(section: Section, draft: Draft, _: Section) -> None:
    if "process_name" in section.options:
        section.used.add("process_name")
        draft.nearly("process_name", "instances are called NAME-0, NAME-1 and on")
    for option, names in section.frozen.items():
        draft.nearly(option, f"has the value that {', '.join(names)} has now")
    for option in section.unused():
        stream, _sep, rest = option.partition("_")
        if stream in {"stdout", "stderr"} and rest in _LEFT:
            draft.drop(option, _LEFT[rest])
        elif stream == "stderr":
            draft.drop(option, "both streams are in one file; `reconciler logs --stream stderr`")
        elif option == "serverurl":
            draft.drop(option, "SUPERVISOR_SERVER_URL is not there")
        else:
            draft.drop(option, "supervisord does not know it either")


def _flag(section: Section, option: str) -> bool:
    value = (section.plain(option) or "").lower()
    if value not in TRUE | FALSE:
        raise ValueError(f"{option}={value} is neither true nor false")
    return value in TRUE


TAKES: Final[tuple[Callable[[Section, Draft, Section], None], ...]] = (
    _user, _umask, _order, _restart, _retries, _stop, _group, _logs, _rest,
)  # fmt: skip
