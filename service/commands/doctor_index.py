"""The doctor's look at what is kept and indexed; with ``mend`` also his hands.

Chroma's files are seen from outside only: another process may have them open, and what a dead one left may be damaged.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from typing import Any

from service.commands.reindex import left_lines, look, mended, mended_lines
from service.commands.words import word
from service.settings import Settings

Seen = tuple[str, str]
"""State of a line, and its text."""

_LISTED = 5


def look_at_rows(settings: Settings, mend: bool) -> Iterator[Seen]:
    """Versions, passages and vectors in the database.

    Raises:
        EnvironmentProblem: the database is damaged.
        Unavailable: it is busy.
    """
    seen = asyncio.run(look(settings))
    if mend and not (seen.sound and not seen.missing):
        done, _, _ = asyncio.run(mended(settings, seen))
        yield from (("ok", line) for line in mended_lines(done))
        yield from (("gate", line) for line in left_lines(done))
        return
    counts = {"documents": seen.documents, "versions": seen.versions, "passages": seen.passages}
    if seen.sound and not seen.missing:
        yield "ok", word("doctor", "rows", **counts)
    for fault in seen.faults[:_LISTED]:
        why = "、".join(word("reindex_why", name) for name in fault.why)
        yield "gate", word("doctor", "rows_fault", id=fault.document, version=fault.version, why=why)
    if len(seen.faults) > _LISTED:
        yield "gate", word("doctor", "rows_more", count=len(seen.faults) - _LISTED)
    if seen.wrong:
        yield "gate", word("doctor", "rows_wrong", count=len(seen.wrong))
    if seen.missing:
        yield "note", word("doctor", "rows_missing", count=len(seen.missing))
    if any(seen.orphans):
        yield "gate", word("doctor", "rows_orphans", count=sum(seen.orphans))


def look_at_chroma(settings: Settings, mend: bool) -> Iterator[Seen]:
    """Chroma's folders, and whether what was built last is what is published."""
    from service.owner import owner_of
    from service.projection.folder import Folders

    if settings.chroma_url:
        yield "ok", word("doctor", "chroma_url")
        return
    folders = Folders(settings.data_dir / "chroma")
    server, all_of_them, stamp = owner_of(settings.data_dir), folders.all(), folders.stamp
    found = folders.found(first=not (settings.data_dir / "chroma").exists())
    if server is not None:
        yield from _served(settings, folders, found, server, mend)
    elif found in ("none", "earlier"):
        name = "chroma_none" if stamp is None else "chroma_earlier"
        yield "ok", word("doctor", name, chunks=stamp.chunks if stamp else 0)
    else:
        yield "note", word("doctor", f"chroma_{found}")
    stale = all_of_them[:-1]
    if stale and server is None:
        if mend:
            for path in stale:
                shutil.rmtree(path, ignore_errors=True)
        yield "ok" if mend else "note", word("doctor", "chroma_swept" if mend else "chroma_stale", count=len(stale))


def _served(settings: Settings, folders: Any, found: str, server: str, mend: bool) -> Iterator[Seen]:
    stamp = folders.stamp
    if found == "earlier" and stamp is not None and stamp.pointer == asyncio.run(_pointer(settings)):
        yield "ok", word("doctor", "chroma_served", pid=server, chunks=stamp.chunks)
        return
    if mend:
        folders.want_rebuild()
    yield "ok" if mend else "note", word("doctor", "chroma_asked" if mend else "chroma_behind", pid=server)


async def _pointer(settings: Settings) -> str:
    from service.database.knowledge import read_pointer
    from service.database.session import Database

    database = await Database.open(settings.database)
    try:
        async with database.reading() as connection:
            return (await read_pointer(connection)).name
    finally:
        await database.close()
