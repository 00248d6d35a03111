"""The verb: reads a file, tells what became of it, and prints or writes specs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ...settings import Settings
from ...specs.yaml_text import to_yaml
from ..outcome import Exit, Failure
from ..terminal import Terminal
from .draft import Draft, Import
from .json_text import no_json
from .processman import import_processman
from .report import report
from .rules import import_rules, is_rules
from .supervisord import import_supervisord
from .sync_config import import_sync_config, is_sync_config

FORMATS: Final = ("supervisord", "processman", "admin_config", "sync_config")
NAMED: Final = {"admin_config.json": "admin_config", "sync-config.json": "sync_config"}
SUFFIXES: Final = (".yaml", ".yml")
MODE: Final = 0o644
SECRET_MODE: Final = 0o600


def run_import(
    settings: Settings,
    terminal: Terminal,
    *,
    path: Path,
    form: str | None = None,
    data_dir: Path | None = None,
    output: Path | None = None,
    write: bool = False,
    force: bool = False,
    suspend: bool = False,
) -> int:
    """Print specs for what ``path`` describes, or write them; the report goes to stderr."""
    result = read(path, form, data_dir, environ=settings.environ)
    for draft in result.drafts:
        draft.settle()
        draft.suspend = suspend
    if write and output is None:
        _one_gateway(settings, result.drafts)
    ready = [draft for draft in result.drafts if draft.spec]
    target = output or (settings.specs if write else None)
    written = _write(target, ready, force=force) if target else []
    if target is None:
        terminal.write(to_yaml(draft.document() for draft in ready))
    terminal.talk(*report(result, width=terminal.width))
    if written:
        terminal.hint(f"wrote {', '.join(map(str, written))}; `reconciler validate`, then `diff`")
    return Exit.OK if result.whole and len(ready) == len(result.drafts) else Exit.DIFFERENCES


def read(
    path: Path,
    form: str | None = None,
    data_dir: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
) -> Import:
    """The drafts of a file, whatever it is; ``environ`` is what its program was told besides."""
    kind = form or guess(path)
    if kind == "sync_config":
        return import_sync_config(path, environ or {})
    if kind == "processman":
        return import_processman(path, data_dir)
    if kind == "admin_config":
        return import_rules(path)
    return import_supervisord(path)


def guess(path: Path) -> str:
    """Which program a file is for. Raises Failure."""
    try:
        text = path.read_text(errors="replace")
    except OSError as error:
        raise Failure(f"{path} cannot be read: {(error.strerror or '').lower()}") from error
    if text.lstrip().startswith(("[program:", "[supervisord]", "[unix_http_server]")):
        return "supervisord"
    if path.name in NAMED:
        return NAMED[path.name]
    try:
        return _guess_json(json.loads(text))
    except (ValueError, RecursionError) as error:
        if path.suffix == ".json" or not isinstance(error, json.JSONDecodeError):
            raise no_json(path, error) from error
    if "[program:" in text or "[supervisord]" in text or "[include]" in text:
        return "supervisord"
    raise Failure(
        f"{path} is no supervisord.conf, pb_processes.json, admin_config.json or sync-config.json",
        hint=f"--format names what it is: {' or '.join(FORMATS)}",
    )


def _guess_json(found: Any) -> str:
    if is_sync_config(found):
        return "sync_config"
    return "admin_config" if is_rules(found) else "processman"


def _one_gateway(settings: Settings, drafts: Sequence[Draft]) -> None:
    """A stack has one Gateway: where there is one already, say what to write into it."""
    from ..reading import gateways

    for draft in drafts:
        if draft.kind != "Gateway" or not draft.spec:
            continue
        there = [one for one in gateways(settings) if one.origin.path.name != draft.file]
        if there:
            wanted = f"write into it: defaultBackend: {draft.spec['defaultBackend']}"
            text = f"a stack has one Gateway, {there[0].ref} ({there[0].origin}); {wanted}"
            draft.spec.clear()
            draft.notes.clear()
            draft.drop("default_backend", text)


def _write(target: Path, drafts: Sequence[Draft], *, force: bool) -> list[Path]:
    """One file if one is named, else one for each process and one for routes; all or none."""
    from ...clients.files import write_atomic

    if target.suffix in SUFFIXES:
        texts = {target: (to_yaml(draft.document() for draft in drafts), _mode(drafts))}
    else:
        files: dict[str, list[Draft]] = {}
        for draft in drafts:
            files.setdefault(draft.file, []).append(draft)
        texts = {
            target / name: (to_yaml(draft.document() for draft in some), _mode(some))
            for name, some in files.items()
        }
    there = [path for path in texts if path.exists()]
    if there and not force:
        raise Failure(
            f"{there[0]} is already there; nothing was written",
            hint="--force overwrites, -o names another folder",
        )
    for path, (text, mode) in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, text.encode(), mode=mode)
    return list(texts)


def _mode(drafts: Sequence[Draft]) -> int:
    """A file with a secret in the open is for its owner alone."""
    return SECRET_MODE if any(draft.tells_secrets for draft in drafts) else MODE
