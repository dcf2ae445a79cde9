"""``youli knowledge reindex``: everything kept is looked through, put right where it can be, and indexed anew.

Works while a server runs: it writes the database, as every command does, and asks the server to build Chroma anew.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from service.commands.progress import progress
from service.commands.vectors import filled_line, rebuild
from service.commands.words import word
from service.settings import Settings, prepare_data_dir, read_settings

if TYPE_CHECKING:
    from service.library.examine import Examined
    from service.library.filling import Filled
    from service.library.mend import Mended


def run_reindex(as_json: bool) -> int:
    """Look through, mend, index anew; 1 when something is left that a person must see to.

    Raises:
        EnvironmentProblem: the data folder or the database cannot be used.
        Unavailable: the database is busy or the disk is full.
    """
    settings = read_settings()
    prepare_data_dir(settings)
    seen = asyncio.run(look(settings))
    done, filled, health = asyncio.run(mended(settings, seen, vectors=True, hidden=as_json))
    server = _ask_server(settings)
    told = {
        "examined": {name: getattr(seen, name) for name in ("documents", "versions", "passages")},
        **{name: asdict(done)[name] for name in ("restored", "renewed", "left", "vectors", "orphans")},
        "chunks": health["chunks"],
        "pointer": health["pointer"],
        "server": server,
        **({"made": asdict(filled)} if filled is not None else {}),
    }
    if as_json:
        print(json.dumps(told, ensure_ascii=False))
    else:
        _show(seen, done, health, server)
        if filled is not None:
            print(filled_line(filled))
    return 1 if done.left or (filled is not None and filled.reason) else 0


async def look(settings: Settings) -> Examined:
    """Examine the data folder without loading it: what is wrong is seen before anything puts it right.

    Raises:
        EnvironmentProblem: the database is damaged.
        Unavailable: it is busy.
    """
    from service.database.session import Database
    from service.database.soundness import active_embedder
    from service.library.embed import HashNgram
    from service.library.examine import examine
    from service.library.rules import load_rules

    database = await Database.open(settings.database)
    try:
        async with database.reading() as connection:
            active = await active_embedder(connection) if settings.embedding_endpoint else None
        offline = HashNgram(load_rules(settings.knowledge_dir / "library").tuning.embed.dim)
        fingerprint, dim = active or (offline.fingerprint, offline.dim)
        with progress(word("reindex", "looking"), hidden=False) as told:
            return await examine(database, fingerprint, dim, told)
    finally:
        await database.close()


async def mended(
    settings: Settings, seen: Examined, *, vectors: bool = False, hidden: bool = False
) -> tuple[Mended, Filled | None, dict[str, Any]]:
    """Put right what was seen, make what vectors are missing; what was done, and the library's health after it.

    With ``vectors`` an endpoint is asked for what is missing, or for all anew where it is another than before.

    Raises:
        Unavailable: the database is busy or the disk is full.
    """
    from service.library.store import Library
    from service.logs import configure_logs
    from service.rulebook.thesaurus import load_thesaurus

    configure_logs()
    library = await Library.open(settings, load_thesaurus(settings.knowledge_dir / "thesaurus.yaml"))
    try:
        with progress(word("reindex", "mending"), hidden=not seen.faults) as told:
            done = await library.mend(seen, told)
        made = await rebuild(library, hidden) if vectors else None
        return done, made, library.health()
    finally:
        await library.close()


def _ask_server(settings: Settings) -> str | None:
    """Have the process that serves, if there is one, build Chroma anew; its number."""
    from service.owner import owner_of
    from service.projection.folder import Folders

    server = owner_of(settings.data_dir)
    if server is not None:
        Folders(settings.data_dir / "chroma").want_rebuild()
    return server


def _show(seen: Examined, done: Mended, health: dict[str, Any], server: str | None) -> None:
    print(word("reindex", "looked", documents=seen.documents, versions=seen.versions, passages=seen.passages))
    for line in (*mended_lines(done), *left_lines(done)):
        print(line)
    print(word("reindex", "done", chunks=health["chunks"], pointer=health["pointer"]))
    print(word("reindex", "server", pid=server) if server is not None else word("reindex", "no_server"))


def mended_lines(done: Mended) -> list[str]:
    """What was mended, in words."""
    lines = []
    for name in ("restored", "renewed"):
        lines += [word("reindex", name, id=document, version=version) for document, version in getattr(done, name)]
    if done.vectors:
        lines.append(word("reindex", "vectors", count=done.vectors))
    if done.orphans:
        lines.append(word("reindex", "orphans", count=done.orphans))
    return lines or ([] if done.left else [word("reindex", "nothing")])


def left_lines(done: Mended) -> list[str]:
    """What only a person can put right."""
    return [word("reindex", "left", id=fault.document, version=fault.version) for fault in done.left]
