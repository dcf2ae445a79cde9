"""Looking through everything that is kept: versions, their passages, the passages' vectors. Nothing is changed.

A version's seal is the digest of its text and passages as they were taken in; ``raw`` has a digest of its own. So a
flipped byte, a lost row and a passage cut elsewhere all show, and so does which side of a contradiction is right.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from service.database import soundness as rows
from service.database.knowledge import Row
from service.database.session import Database
from service.database.soundness import Kept, Version
from service.database.taking import seal_of

Progress = Callable[[int, int, str], None]
"""Told on long work: how many are done, of how many, and which comes next."""

Why = Literal["raw", "passages", "offsets", "seal"]
"""``raw``: the file's bytes are not those that came. ``passages``: none there, or not in one row. ``offsets``: a
passage is not what stands in the text there. ``seal``: all fits together, but is not what was taken in."""

NORM = 1e-3
"""How far from 1 a unit vector's length may be: float32 rounding is a thousand times smaller."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A version that is not as it was taken in."""

    document: str
    version: int
    published: bool
    why: tuple[Why, ...]


@dataclass(slots=True)
class Examined:
    """What was seen. ``missing`` and ``wrong`` are ids of passages without a vector, or with one that cannot be."""

    fingerprint: str
    documents: int = 0
    versions: int = 0
    passages: int = 0
    faults: list[Fault] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    orphans: tuple[int, int, int] = (0, 0, 0)

    @property
    def sound(self) -> bool:
        """Whether there is nothing to put right; a missing vector is made when it is needed."""
        return not (self.faults or self.wrong or any(self.orphans))


async def examine(database: Database, fingerprint: str, dim: int, progress: Progress | None = None) -> Examined:
    """Look through every version, one after the other.

    Args:
        database: the truth.
        fingerprint: of the embedder whose vectors are searched.
        dim: numbers in each of them.
        progress: told before each version, and at the end.

    Raises:
        EnvironmentProblem: the database itself is damaged.
    """
    async with database.reading() as connection:
        which = await rows.all_versions(connection)
    seen = Examined(fingerprint, len({document for document, _ in which}), len(which))
    for done, version in enumerate(which):
        if progress is not None:
            progress(done, len(which), version[0])
        async with database.reading() as connection:
            kept = await rows.read_version(connection, version, fingerprint)
        if kept is not None:
            _look(seen, version, kept, dim)
    if progress is not None:
        progress(len(which), len(which), "")
    async with database.reading() as connection:
        seen.orphans = await rows.orphans(connection)
    return seen


async def examine_some(database: Database, which: Sequence[Version], fingerprint: str, dim: int) -> Examined:
    """Look through these versions only; rows that belong to nothing are not looked for.

    Raises:
        EnvironmentProblem: the database itself is damaged.
    """
    seen = Examined(fingerprint)
    for version in which:
        async with database.reading() as connection:
            kept = await rows.read_version(connection, version, fingerprint)
        if kept is not None:
            _look(seen, version, kept, dim)
    return seen


def broken_seals(documents: Sequence[Row], chunks: Sequence[Row]) -> list[Version]:
    """Published versions that are not what was taken in, of rows as they are loaded for the search."""
    pieces: dict[Version, list[Row]] = {}
    for chunk in chunks:
        as_taken = {**chunk, "held": True} if chunk.get("taken_held") else chunk
        pieces.setdefault((chunk["document_id"], chunk["version"]), []).append(as_taken)
    found = []
    for row in documents:
        which = (row["documents_id"], row["versions_number"])
        seal = row["versions_seal"]
        if seal is not None and seal_of(row["versions_text"], pieces.get(which, [])) != seal:
            found.append(which)
    return found


def _look(seen: Examined, version: Version, kept: Kept, dim: int) -> None:
    why = tuple(_faults(kept))
    published = kept.row["state"] == "published"
    seen.passages += len(kept.chunks)
    if why:
        seen.faults.append(Fault(version[0], version[1], published, why))
    there = {chunk for chunk, _, _ in kept.vectors}
    if published:
        seen.missing += [chunk["id"] for chunk in kept.chunks if chunk["id"] not in there]
    bad = unsound([blob for _, _, blob in kept.vectors], dim)
    told = [place for place, (_, size, _) in enumerate(kept.vectors) if size != dim]
    seen.wrong += [kept.vectors[place][0] for place in sorted({*bad, *told})]


def _faults(kept: Kept) -> list[Why]:
    row, chunks, text = kept.row, kept.chunks, kept.row["text"]
    found: list[Why] = []
    if hashlib.sha256(row["raw"]).hexdigest() != row["sha256"]:
        found.append("raw")
    ids = [f"{row['document_id']}@{row['number']}#{ordinal}" for ordinal in range(len(chunks))]
    if not chunks or [chunk["id"] for chunk in chunks] != ids or [c["ordinal"] for c in chunks] != [*range(len(ids))]:
        found.append("passages")
    if any(text[chunk["start"] : chunk["end"]] != chunk["text"] for chunk in chunks):
        found.append("offsets")
    fits = not {"passages", "offsets"} & set(found)
    if fits and row["seal"] is not None and seal_of(text, chunks) != row["seal"]:
        found.append("seal")
    return found


def unsound(blobs: Sequence[bytes | None], dim: int) -> list[int]:
    """Places of vectors of another size, with numbers that are none, or neither of length 1 nor 0."""
    sized = [place for place, blob in enumerate(blobs) if blob is not None and len(blob) == 4 * dim]
    bad = {place for place, blob in enumerate(blobs) if blob is not None} - set(sized)
    matrix = np.frombuffer(b"".join(blobs[place] or b"" for place in sized), dtype="<f4").reshape(len(sized), dim)
    with np.errstate(all="ignore"):
        lengths = np.linalg.norm(matrix, axis=1)
    fine = (np.abs(lengths - 1) <= NORM) | ~matrix.any(axis=1)  # False for what is not finite
    bad |= {sized[place] for place in np.nonzero(~fine)[0]}
    return sorted(bad)
