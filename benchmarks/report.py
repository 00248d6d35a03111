"""What was measured, for people and for machines."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from .rounds import OURS, Row

RESULTS: Final = Path(__file__).with_name("results") / "latest.json"


def report(rows: Sequence[Row], sides: Sequence[str]) -> str:
    """The medians, each with how many times more a peer needs; then the targets."""
    many = [row for row in rows if not row.samples.keys().isdisjoint({*sides} - {OURS})]
    common = [side for side in sides if any(side in row.samples for row in many) and side != OURS]
    few = [row for row in rows if row not in many]
    blocks = [_matrix(many, common), _pairs(few), _targets(rows)]
    return "\n\n".join(block for block in blocks if block)


def _matrix(rows: Sequence[Row], peers: Sequence[str]) -> str:
    if not rows:
        return ""
    lines = [("case", OURS, *peers)]
    lines += [(row.name, _cell(row, OURS), *(_cell(row, peer) for peer in peers)) for row in rows]
    return _aligned(lines) + _notes(rows)


def _pairs(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    lines = [("case", OURS, "peer", "")]
    for row in rows:
        peers = [side for side in row.samples if side != OURS]
        lines += [(row.name, _cell(row, OURS), _cell(row, peer), peer) for peer in peers or [""]]
    return _aligned(lines) + _notes(rows)


def _targets(rows: Sequence[Row]) -> str:
    lines = [
        ("ok" if verdict.reached else "SHORT", row.name, verdict.text)
        for row in rows
        for verdict in row.verdicts()
    ]
    return _aligned([("target", "case", "reached"), *lines], left=True) if lines else ""


def _cell(row: Row, side: str) -> str:
    middle = row.median(side)
    if middle is None:
        return "-"
    ratio = row.ratio(side) if side != OURS else None
    text = f"{_number(middle)} {row.unit}".strip() + (f" {_number(ratio)}x" if ratio else "")
    return text + ("*" if side in row.remarks else "")


def _number(value: float) -> str:
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f}"


def _notes(rows: Iterable[Row]) -> str:
    told = [f"{row.name}: {row.note}" for row in rows if row.note]
    told += [f"* {row.name}, {who}: {why}" for row in rows for who, why in row.remarks.items()]
    return "".join(f"\n  {text}" for text in told)


def _aligned(lines: Sequence[Sequence[str]], *, left: bool = False) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rows = (
        "  ".join(
            cell.ljust(width) if left or not number else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )
    return "\n".join(row.rstrip() for row in rows)


def write(rows: Iterable[Row], path: Path = RESULTS) -> None:
    """Everything for a machine, samples and all."""
    path.parent.mkdir(exist_ok=True)
    body = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "load": os.getloadavg(),
        "rows": [_plain(row) for row in rows],
    }
    path.write_text(json.dumps(body, indent=1) + "\n")


def _plain(row: Row) -> dict[str, object]:
    return {
        "name": row.name,
        "unit": row.unit,
        "samples": row.samples,
        "ratios": {side: row.ratio(side) for side in row.samples if side != OURS},
        "targets": [verdict._asdict() for verdict in row.verdicts()],
        "note": row.note,
        "remarks": row.remarks,
    }
