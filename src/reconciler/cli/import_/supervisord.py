"""From a supervisord.conf to drafts of processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from ..outcome import Failure
from .draft import Draft, Fate, Import, Note
from .environment import take_environment
from .ini import Ini, Section, read_ini
from .names import give_names, legal
from .program import take_program

LEFT: Final[Mapping[str, str]] = {
    "unix_http_server": "the stack has a socket of its own",
    "inet_http_server": "reconciler has an API of its own, with tokens",
    "supervisorctl": "use `reconciler status`, `logs`, `stop`, `start`, `restart`",
    "rpcinterface": "the stack loads its own",
    "ctlplugin": "plug-ins of supervisorctl have no meaning here",
    "eventlistener": "it speaks supervisord's event protocol, which specs do not carry; "
    "`reconciler events`, metrics and the API tell the same",
    "fcgi-program": "supervisord holds its socket, which nothing here does; "
    "run the FastCGI server with a socket of its own, as a Process",
}
DAEMON: Final[Mapping[str, str]] = {
    "logfile": "log/supervisord.log of the state directory",
    "nodaemon": "`reconciler up` stays in the foreground, with --detach it does not",
    "user": "the stack runs as the user who starts it",
    "minfds": "see limits.openFiles of a Process",
    "minprocs": "see limits.processes of a Process",
    "childlogdir": "logs lie in log/ of the state directory",
}
MOST: Final = 1000
"""Replicas of one Process."""
INHERITED: Final = Note(
    "environment of supervisord",
    Fate.NEARLY,
    "children had all of it; here they get PATH, HOME, LANG and what env says: "
    "name what else they need in inheritEnv. SUPERVISOR_* variables are not there",
)
PATIENCE: Final = Note(
    "startretries, startsecs",
    Fate.NEARLY,
    "where they are not written, supervisord gives up after 3 quick ends; here it is 10, "
    "with waits of 1, 2, 4, 8, 16, 30 s, and an end counts as quick within 10 s",
)


def import_supervisord(path: Path) -> Import:
    """Drafts of all programs of ``path`` and of what it includes."""
    ini = read_ini(path)
    result = Import(str(path), notes=list(ini.notes), files=ini.files, whole=ini.whole)
    daemon = next(ini.of("supervisord"), Section("supervisord", "", {}))
    try:
        shared, groups = _shared(daemon, result), [*_groups(ini, result)]
    except ValueError as error:
        raise Failure(f"{path} cannot be carried over: {error}") from error
    for section in ini.of("program"):
        section.known |= {"program_name": section.name}
        within = [group for name, group in groups if name == section.name]
        result.drafts += _in_groups(section, within, shared, daemon)
    for section in ini.sections:
        if section.kind in LEFT:
            title = f"[{section.kind}{':' if section.name else ''}{section.name}]"
            result.notes.append(Note(title, Fate.DROPPED, LEFT[section.kind]))
    result.notes += [INHERITED, PATIENCE] if result.drafts else []
    give_names(result.drafts)
    return result


def _shared(daemon: Section, result: Import) -> dict[str, str]:
    """The environment all programs have in common."""
    shared = take_environment(daemon)
    if frozen := daemon.frozen.get("environment"):
        text = f"has the value that {', '.join(frozen)} has now"
        result.notes.append(Note("[supervisord] environment", Fate.NEARLY, text))
    elif shared:
        result.notes.append(Note("[supervisord] environment", Fate.CARRIED))
    daemon.used |= {"directory", "umask"}
    for option in daemon.unused():
        text = DAEMON.get(option.removesuffix("_maxbytes").removesuffix("_backups"), "not needed")
        result.notes.append(Note(f"[supervisord] {option}", Fate.DROPPED, text))
    return shared


def _groups(ini: Ini, result: Import) -> Iterator[tuple[str, Section]]:
    known = {section.name for section in ini.of("program", "fcgi-program")}
    for section in ini.of("group"):
        title = f"[group:{section.name}]"
        for name in [one.strip() for one in (section.text("programs") or "").split(",")]:
            yield name, section
            if name not in known:
                text = f"there is no program {name}; supervisord does not start with such a file"
                result.notes.append(Note(f"{title} programs", Fate.DROPPED, text))
        text = f"its processes carry the label group: {legal(section.name)}"
        result.notes.append(Note(title, Fate.NEARLY, text))
        if "priority" in section.options:
            text = "groups have no order of their own here; write dependsOn"
            result.notes.append(Note(f"{title} priority", Fate.DROPPED, text))


def _in_groups(
    section: Section, groups: list[Section], shared: Mapping[str, str], daemon: Section
) -> Iterator[Draft]:
    """What each of its groups runs; without one it is a group of its own."""
    if not groups:
        yield from _drafts(section, None, shared, daemon)
    for group in groups:
        drafts = _drafts(section, group, shared, daemon)
        if len(groups) > 1:
            _tell_apart(drafts, [one.name for one in groups])
        yield from drafts


def _drafts(
    section: Section, group: Section | None, shared: Mapping[str, str], daemon: Section
) -> list[Draft]:
    """One draft, or one for each number where the numbers make more than a name."""
    section.known |= {"group_name": group.name if group else section.name}
    try:
        many = section.number("numprocs", 1)
        first = section.number("numprocs_start", 0)
    except ValueError as error:
        return [_hopeless(section, str(error))]
    if many > MOST:
        text = f"numprocs={many} is more than the {MOST} replicas a spec takes"
        return [_hopeless(section, text)]
    drafts = []
    for number in range(first, first + max(many, 1)):
        one = Section(section.kind, section.name, section.options, dict(section.known))
        one.used |= section.used
        one.known |= {"process_num": number, "numprocs": many}
        drafts.append(_draft(one, group, shared, daemon))
    return _together(section, drafts, many, first)


def _draft(
    section: Section, group: Section | None, shared: Mapping[str, str], daemon: Section
) -> Draft:
    draft = Draft(f"{group.name}:{section.name}" if group else section.name, legal(section.name))
    if group:
        draft.labels["group"] = legal(group.name)
    try:
        take_program(section, draft, shared, daemon)
    except ValueError as error:
        return _hopeless(section, str(error))
    return draft


def _together(section: Section, drafts: list[Draft], many: int, first: int) -> list[Draft]:
    one = drafts[0]
    if many <= 1:
        if one.spec and "numprocs" in section.options:  # of 0 supervisord runs none
            one.carry("numprocs", **({} if many == 1 else {"replicas": 0}))
        if one.spec and "numprocs_start" in section.options:
            one.carry("numprocs_start")
        return drafts
    if all(draft.spec == one.spec for draft in drafts):
        one.carry("numprocs", replicas=len(drafts))
        if first:
            one.nearly("numprocs_start", "REPLICA_INDEX counts from 0")
        return [one]
    for number, draft in enumerate(drafts, first):
        known = {**section.known, "process_num": number}
        named = Section("", "", section.options, known).text("process_name")
        draft.original = f"{section.known['group_name']}:{named}"
        draft.name = legal(named or "")
        text = "%(process_num) stands in more than the name, so each number is a Process of its own"
        draft.nearly("numprocs", text)
    return drafts


def _tell_apart(drafts: list[Draft], groups: list[str]) -> None:
    for draft in drafts:
        draft.name = legal(draft.original.replace(":", "-"))
        if draft.spec:
            text = f"{', '.join(groups)} each run it, so each of them is a Process of its own"
            draft.nearly("group", text)


def _hopeless(section: Section, why: str) -> Draft:
    draft = Draft(section.name, legal(section.name))
    draft.drop(f"[program:{section.name}]", why)
    return draft
