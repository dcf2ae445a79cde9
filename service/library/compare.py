"""What two versions of a document differ in: sentences, passages, labels and dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from service.database.knowledge import Row
from service.library.split import sentences
from service.schemas import DiffLine, LabelDiff, PassageDiff, StoredPassage, VersionDiff

AROUND = 1
"""Sentences shown on each side of a change."""

_LABELS = ("title", "kind", "authority", "platform", "category")
_DATES = ("effective_from", "effective_to")


@dataclass(frozen=True, slots=True)
class Side:
    """A version with its text, and its passages."""

    version: Row
    passages: Sequence[StoredPassage]


def compare(older: Side, newer: Side) -> VersionDiff:
    """The whole difference. Blocking and, for long documents, slow: for a thread."""
    groups = _grouped(units_of(older.version["text"]), units_of(newer.version["text"]))
    lines = [line for group in groups for line in group]
    labels = label_changes(older.version, newer.version)
    passages = _passages(older.passages, newer.passages)
    return VersionDiff(
        id=newer.version["document_id"],
        older=older.version["number"],
        newer=newer.version["number"],
        same=not (lines or labels or passages.added or passages.removed or passages.held),
        added=sum(line.op == "added" for line in lines),
        removed=sum(line.op == "removed" for line in lines),
        hunks=groups,
        passages=passages,
        labels=labels,
    )


def units_of(text: str) -> list[str]:
    """Sentences and lines of a text, without white space around them."""
    spans = sentences(text, 0, len(text))
    return [unit for start, end in spans if (unit := text[start:end].strip())]


def _grouped(older: list[str], newer: list[str]) -> list[list[DiffLine]]:
    # The matcher's own guard against units that occur everywhere keeps a text of one repeated line from taking hours.
    matcher = SequenceMatcher(None, older, newer, autojunk=True)
    groups: list[list[DiffLine]] = []
    for group in matcher.get_grouped_opcodes(AROUND):
        lines: list[DiffLine] = []
        for tag, a, b, c, d in group:
            if tag == "equal":
                lines += [DiffLine(op="same", text=text) for text in older[a:b]]
                continue
            lines += [DiffLine(op="removed", text=text) for text in older[a:b]]
            lines += [DiffLine(op="added", text=text) for text in newer[c:d]]
        groups.append(lines)
    return [group for group in groups if any(line.op != "same" for line in group)]


def label_changes(older: Row, newer: Row) -> list[LabelDiff]:
    """Labels, typical questions and dates that differ."""
    pairs: list[tuple[str, str | None, str | None]] = [
        (name, older["labels"].get(name), newer["labels"].get(name)) for name in _LABELS
    ]
    asked = [" ".join(row["labels"].get("questions") or ()) or None for row in (older, newer)]
    pairs.append(("questions", asked[0], asked[1]))
    for name in _DATES:
        before, after = older[name], newer[name]
        pairs.append((name, before.isoformat() if before else None, after.isoformat() if after else None))
    return [LabelDiff(label=name, before=a, after=b) for name, a, b in pairs if a != b]


def _passages(older: Sequence[StoredPassage], newer: Sequence[StoredPassage]) -> PassageDiff:
    """By text and section: a passage that only moved along the document stayed."""
    was = {(passage.section, passage.text): passage for passage in older}
    now = {(passage.section, passage.text): passage for passage in newer}
    free = {passage.text for passage in older if not passage.held}
    known = {passage.text for passage in older}
    return PassageDiff(
        added=[passage for key, passage in now.items() if key not in was],
        removed=[passage for key, passage in was.items() if key not in now],
        held=[p for p in now.values() if p.held and (p.text in free or p.text not in known)],
    )
