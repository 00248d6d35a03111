"""Tells what became of every field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from ...core.lines import Line, Span, Style, line, tame, told
from .draft import Draft, Fate, Import, Note

_WORDS: Final = {
    "Process": ("process", "processes"),
    "Route": ("route", "routes"),
    "Gateway": ("gateway", "gateways"),
    "Repository": ("repository", "repositories"),
    "SyncTarget": ("sync target", "sync targets"),
}
MARKS: Final = {
    Fate.CARRIED: Span("  ✔ ", Style.GOOD),
    Fate.NEARLY: Span("  ~ ", Style.CHANGE),
    Fate.DROPPED: Span("  ✘ ", Style.BAD),
    Fate.ADVICE: Span("  → ", Style.CALM),
}


def report(result: Import, *, width: int) -> Iterator[Line]:
    """The report for people."""
    for draft in result.drafts:
        yield (Span(_title(draft), Style.STRONG),)
        yield from _notes(draft.notes, width)
    if result.notes:
        yield (Span(tame(result.source), Style.STRONG),)
        yield from _notes(result.notes, width)
    whole = [*result.notes, *(note for draft in result.drafts for note in draft.notes)]
    counts = [f"{sum(note.fate is fate for note in whole)} {fate}" for fate in list(Fate)[:3]]
    yield line(f"{_made(result)}; fields: {', '.join(counts)}")


def _made(result: Import) -> str:
    """How much came of it."""
    ready = Counter(draft.kind for draft in result.drafts if draft.spec)
    kinds = dict.fromkeys(draft.kind for draft in result.drafts) or {"Process": None}
    said = [f"{ready[kind]} {_WORDS[kind][ready[kind] != 1]}" for kind in kinds]
    return ", ".join(said)


def _title(draft: Draft) -> str:
    was = tame(draft.original)
    if not draft.spec:
        return f"{was}: left out"
    return draft.name if was == draft.name else f"{draft.name} (was {was})"


def _notes(notes: Iterable[Note], width: int) -> Iterator[Line]:
    notes = list(notes)
    kept = [note.field for note in notes if note.fate is Fate.CARRIED and not note.text]
    if kept:
        rows = told("    ", tame(", ".join(dict.fromkeys(kept))), width=width)
        yield from _marked(rows, Fate.CARRIED)
    for fate in Fate:
        for note in notes:
            if note.fate is fate and (note.text or fate is not Fate.CARRIED):
                text = tame(f"{note.field}: {note.text}" if note.text else note.field)
                yield from _marked(told("    ", text, width=width), fate)


def _marked(rows: list[Line], fate: Fate) -> Iterator[Line]:
    for number, row in enumerate(rows):
        text = "".join(span.text for span in row)
        yield (MARKS[fate], Span(text[4:])) if number == 0 else row
