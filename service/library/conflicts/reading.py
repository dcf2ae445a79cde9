"""Rows of the database to contradictions, as :mod:`service.library.live` makes them passages."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from service.database.knowledge import LiveRows, Row
from service.library.conflicts.detect import Published, detector_of
from service.library.conflicts.kept import Kept
from service.library.conflicts.overruling import Contradictions, Ruling
from service.library.conflicts.pairs import Source
from service.library.conflicts.topics import fingerprint
from service.library.ingest import sections_of
from service.library.rules import LibraryRules


@dataclass(frozen=True)
class Finder:
    """Finds contradictions, or remembers them.

    Args:
        topics: the folder of questions; without one nothing is found.
        kept: the file that keeps what was found.
        rules: how documents are outlined.
    """

    topics: Path
    kept: Path
    rules: LibraryRules

    def find(self, live: LiveRows) -> Contradictions:
        """The contradictions among everything published, with what was ruled. Blocking: for a thread.

        Raises:
            RulebookError: a file of the topics is broken.
        """
        if not live.documents or not self.topics.is_dir():
            return Contradictions()
        kept = Kept(self.kept, fingerprint(self.topics))
        states = [_state(row) for row in live.documents]
        found = kept.take(states)
        if found is None:
            found = detector_of(self.topics).run(_published(row, self.rules) for row in live.documents)
            kept.put(states, found)
        return Contradictions(found, rulings_of(live.rulings))


def _state(row: Row) -> str:
    """All of a live document that contradictions hang on."""
    dates = (row["versions_created_at"], row["versions_effective_from"], row["versions_effective_to"])
    about = (row["documents_id"], row["versions_number"], row["documents_shop"], row["versions_labels"])
    text = hashlib.sha256(row["versions_text"].encode()).hexdigest()
    return json.dumps([*about, text, *map(str, dates)], ensure_ascii=False, sort_keys=True)


def rulings_of(rows: Sequence[Row]) -> list[Ruling]:
    """Rows as rulings."""
    names = ("key", "shop", "keep", "claims", "author", "note", "ruled_at")
    return [Ruling(**{name: row[name] for name in names}) for row in rows]


def _published(row: Row, rules: LibraryRules) -> Published:
    labels, text = row["versions_labels"], row["versions_text"]
    source = Source(
        id=row["documents_id"],
        version=row["versions_number"],
        shop=row["documents_shop"],
        title=labels["title"],
        kind=labels["kind"],
        authority=labels["authority"],
        platform=labels.get("platform"),
        created_at=row["versions_created_at"],
        effective_from=row["versions_effective_from"],
        effective_to=row["versions_effective_to"],
    )
    return Published(source, text, partial(sections_of, text, labels["kind"], labels["title"], rules))
