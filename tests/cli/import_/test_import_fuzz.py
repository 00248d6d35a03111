"""Whatever a file holds, import says what is wrong, and what it writes is valid."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.cli.import_.draft import Import
from reconciler.cli.import_.processman import import_processman
from reconciler.cli.import_.supervisord import import_supervisord
from reconciler.cli.outcome import Failure
from reconciler.kinds import KINDS
from reconciler.specs.load import Loader
from reconciler.specs.source import open_source
from reconciler.specs.yaml_text import to_yaml

WORD = st.sampled_from(
    ["", "x", "0", "-1", "7", "99999999999999999999", "true", "no", "%", "%%", "%(here)s",
     "%(x)s", "%(ENV_HOME)s", "%(ENV_API_KEY)s", "%(process_num)02d", "%(program_name)s", "'",
     '"', "$", "${", "$$", "a b", "a=b", "A='x,y',B=2", " ;", "#", "é", "\\", "1,2", "WINCH",
     "SIGTERM", "15", "5GB", "bash -lc 'a %(ENV_TOKEN)s && b'", "027", "8", "../up", "/abs",
     "AUTO", "/dev/stdout", "\x01"]
)  # fmt: skip
VALUE = st.lists(WORD, max_size=3).map(" ".join) | WORD
OPTION = st.sampled_from(
    ["command", "process_name", "numprocs", "numprocs_start", "directory", "umask", "priority",
     "autostart", "autorestart", "startsecs", "startretries", "exitcodes", "stopsignal",
     "stopwaitsecs", "stopasgroup", "killasgroup", "user", "redirect_stderr", "stdout_logfile",
     "stdout_logfile_maxbytes", "stdout_logfile_backups", "stderr_logfile", "environment",
     "stdout_syslog", "serverurl", "made_up"]
)  # fmt: skip
PROGRAM = st.tuples(
    st.sampled_from(["program", "program", "program", "group", "eventlistener", "supervisord"]),
    st.sampled_from(["web", "Web", "web-0", "gateway", "é", "a_b", "x" * 80, "1"]),
    st.dictionaries(OPTION, VALUE, max_size=6),
    st.booleans(),
)


def check(result: Import) -> None:
    """What was carried over loads, but for variables that are not set."""
    for draft in result.drafts:
        draft.settle()
    ready = [draft for draft in result.drafts if draft.spec]
    assert all(draft.notes for draft in result.drafts)
    with tempfile.TemporaryDirectory() as name:
        specs = Path(name) / "specs"
        specs.mkdir()
        (specs / "all.yaml").write_text(to_yaml(draft.document() for draft in ready))
        environ = {"HOME": "/h", "API_KEY": "k", "TOKEN": "t"}
        source = open_source(specs, worktree=True)
        snapshot = Loader(KINDS, source, root=Path(name), environ=environ, key=b"k").load()
    assert snapshot.problems == ()
    assert len(snapshot.resources) == len(ready)


@given(st.lists(PROGRAM, max_size=4))
def test_any_supervisord_conf(programs: list[tuple[str, str, dict[str, str], bool]]) -> None:
    """No file is too strange."""
    text = ""
    for kind, title, options, runs in programs:
        text += f"[{kind}]\n" if kind == "supervisord" else f"[{kind}:{title}]\n"
        given_options = {**options, **({"command": "sleep 1"} if runs else {})}
        given_options |= {"numprocs": "2"} if len(options.get("numprocs", "")) > 5 else {}
        text += "".join(f"{key}={value}\n" for key, value in given_options.items())
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "a.conf"
        path.write_text(text)
        try:
            result = import_supervisord(path)
        except Failure:
            return
        check(result)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)
FIELD = st.sampled_from(
    ["id", "script", "command", "args", "cwd", "env", "interpreter", "maxRetries", "backoff",
     "devMode", "watchPaths", "more"]
)  # fmt: skip
ENTRY = st.dictionaries(FIELD, JSON, max_size=6) | JSON
USABLE = st.fixed_dictionaries({"id": st.just("x"), "command": WORD}, optional={
    "env": st.dictionaries(st.text(max_size=3) | WORD, JSON, max_size=3), "args": JSON, "cwd": JSON,
    "maxRetries": JSON, "backoff": WORD, "devMode": st.just(True), "watchPaths": JSON,
})  # fmt: skip


@given(st.lists(ENTRY | USABLE, max_size=4) | JSON)
def test_any_pb_processes(entries: Any) -> None:
    """No list is too strange."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "pb_processes.json"
        path.write_text(json.dumps(entries))
        try:
            result = import_processman(path)
        except Failure:
            return
        check(result)
