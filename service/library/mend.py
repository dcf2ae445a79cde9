"""Putting right what an examination found, from the bytes that came in; one version, one transaction.

What cannot be put right is named and left alone: a person has the file, or a copy of the data folder.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from service.database import soundness as rows
from service.database.publishing import move_pointer, pointer_fits
from service.database.session import Database
from service.database.soundness import Kept
from service.database.taking import seal_of
from service.errors import YouliError
from service.library.examine import Examined, Fault, Progress
from service.library.ingest import ingest
from service.library.rules import LibraryRules
from service.library.submit import pieces_of

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(slots=True)
class Mended:
    """What was done. ``restored`` and ``renewed`` are versions (id, number): as they were, or by today's rules."""

    restored: list[tuple[str, int]] = field(default_factory=list)
    renewed: list[tuple[str, int]] = field(default_factory=list)
    left: list[Fault] = field(default_factory=list)
    vectors: int = 0
    orphans: int = 0

    @property
    def anything(self) -> bool:
        """Whether rows changed."""
        return bool(self.restored or self.renewed or self.vectors or self.orphans)


async def mend(database: Database, seen: Examined, rules: LibraryRules, progress: Progress | None = None) -> Mended:
    """Restore versions, take away vectors that cannot be and rows that belong to nothing; move the pointer.

    Vectors are not made here: whoever loads the passages next makes those that are missing.

    Raises:
        Unavailable: the database is busy or the disk is full; what was mended before stays.
    """
    done = Mended()
    for number, fault in enumerate(seen.faults):
        if progress is not None:
            progress(number, len(seen.faults), fault.document)
        await _restore(database, seen.fingerprint, fault, rules, done)
    if progress is not None:
        progress(len(seen.faults), len(seen.faults), "")
    lonely = sum(seen.orphans[1:])

    async def work(connection: AsyncConnection) -> None:
        await rows.drop_vectors(connection, seen.wrong, seen.fingerprint)
        if lonely:
            await rows.drop_orphans(connection)
        await move_pointer(connection)

    done.vectors, done.orphans = len(seen.wrong), lonely
    async with database.reading() as connection:
        fits = await pointer_fits(connection)
    if done.anything or not fits:
        await database.write(work, alone=True)
    return done


async def _restore(database: Database, fingerprint: str, fault: Fault, rules: LibraryRules, done: Mended) -> None:
    which = (fault.document, fault.version)
    async with database.reading() as connection:
        kept = await rows.read_version(connection, which, fingerprint)
    made = await asyncio.to_thread(_again, kept, rules) if kept is not None else None
    if kept is None or made is None:
        done.left.append(fault)
        return
    text, pieces = made
    await database.write(partial(rows.restore_version, row=kept.row, text=text, pieces=pieces), alone=True)
    same = kept.row["seal"] is None or seal_of(text, pieces) == kept.row["seal"]
    (done.restored if same else done.renewed).append(which)


def _again(kept: Kept, rules: LibraryRules) -> tuple[str, list[dict[str, Any]]] | None:
    """Text and passages from the bytes that came; None when those are damaged, or nobody knows how to read them."""
    row = kept.row
    if hashlib.sha256(row["raw"]).hexdigest() != row["sha256"] or not row["name"]:
        return None
    labels = row["labels"]
    own = row["source"] == "file"
    try:
        made = ingest(row["name"], row["raw"], rules, title=labels["title"], kind=labels["kind"], own=own)
    except YouliError:
        return None
    return (made.text, pieces_of(made)) if made.pieces else None
