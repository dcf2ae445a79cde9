"""After a kill: is everything there that was done, whole, and nothing that was not begun?"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evals.benchmarks.killing import FILES, documents, paper
from service.database import publishing as writing
from service.database.knowledge import read_pointer
from service.database.soundness import read_version
from service.library.examine import examine
from service.library.folder import digest
from service.library.ingest import ingest
from service.schemas import SearchRequest

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from evals.benchmarks.killing import Work

CAUGHT_UP_S = 90.0
"""Patience for Chroma to answer again, on a machine that has other work."""


async def problems(kind: str, work: Work) -> list[str]:
    """What is wrong, in words; nothing when all is well."""
    library = work.library
    health = library.health()
    seen = await examine(library.database, health["fingerprint"], library.snapshot.matrix.shape[1])
    found = [f"{fault.document}@{fault.version} {fault.why}" for fault in seen.faults]
    if seen.missing or seen.wrong or any(seen.orphans):
        found.append(f"vectors missing {len(seen.missing)} wrong {len(seen.wrong)} orphans {seen.orphans}")
    found += await _pointer(library)
    found += await _whole(library)
    found += await (_folder(work) if kind == "sync" else _uploads(work))
    if kind == "rebuild" and len(library.snapshot.chunks):
        found += await _caught_up(library)
    return [f"{kind} turn {len(work.lines)}: {text}" for text in found]


async def _pointer(library: Any) -> list[str]:
    """The pointer names what is live: moved once more, its digest stays."""
    moved: list[str] = []

    async def work(connection: AsyncConnection) -> None:
        before = await read_pointer(connection)
        after = await writing.move_pointer(connection)
        if before.generation and before.digest != after.digest:
            moved.append("pointer and live versions are of different moments")
        raise _Undone

    with suppress(_Undone):
        await library.database.write(work)
    return moved


class _Undone(Exception):
    """Nothing of this is to be kept."""


async def _whole(library: Any) -> list[str]:
    """Every live version has the passages an undisturbed ingest gives, and is found."""
    found = []
    for document in library.snapshot.documents:
        async with library.database.reading() as connection:
            kept = await read_version(connection, (document.id, document.version), library.health()["fingerprint"])
        if kept is None:
            found.append(f"{document.id}@{document.version} is live and not there")
            continue
        row = kept.row
        labels = row["labels"]
        own = row["source"] == "file"
        made = ingest(row["name"], row["raw"], library.rules, title=labels["title"], kind=labels["kind"], own=own)
        there = [(chunk["start"], chunk["end"], chunk["indexed_text"]) for chunk in kept.chunks]
        wanted = [(piece.start, piece.end, text) for piece, text in zip(made.pieces, made.indexed, strict=True)]
        if there != wanted or made.text != row["text"] or len(kept.vectors) != len(wanted):
            found.append(f"{document.id}@{document.version} is not what was taken in: {len(there)} of {len(wanted)}")
        asked = SearchRequest(query=document.title, documents=[document.id], k=3)
        if not library.search(asked):
            found.append(f"{document.id} is not found")
    return found


async def _folder(work: Work) -> list[str]:
    """All files of one turn, none before the last that was done; then the folder as it is now, of one turn again.

    Whoever wrote the files may have been ended between two of them: what is then synced would be mixed by his doing.
    """
    library, found = work.library, []
    done = max((line["done"]["turn"] for line in work.lines if "done" in line), default=None)
    begun = max((line["doing"]["turn"] for line in work.lines if "doing" in line), default=None)
    turns = await _turns(library)
    if done is not None and (len(turns) != 1 or not done <= min(turns) <= (begun or done)):
        found.append(f"turns {sorted(turns)}, done {done}, begun {begun}")
    knowledge = work.folder / "knowledge"
    turn = max(max(_turns_in(path.read_text("utf-8"))) for path in (knowledge / "guidelines").glob("paper*.md"))
    documents(knowledge, turn)
    await work.done({"turn": turn, "op": "sync"}, library.sync(knowledge))
    for number in range(FILES):
        name = f"paper{number}"
        text = library.document(f"guidelines/{name}", "default").text
        if text.strip() != Path(work.folder / f"knowledge/guidelines/{name}.md").read_text("utf-8").strip():
            found.append(f"{name} is not the file's after the next sync")
    again = await library.sync(knowledge)
    if again.added or again.changed or again.retired:
        found.append("a sync of nothing new changed something")
    return found


async def _turns(library: Any) -> set[int]:
    turns = set()
    for document in library.snapshot.documents:
        turns |= _turns_in(library.document(document.id, "default").text)
    return turns


def _turns_in(text: str) -> set[int]:
    """The turns a paper says it is of: one, unless it is half of one and half of another."""
    return {int(part.split()[0]) for part in text.split(" turn")[1:]}


async def _uploads(work: Work) -> list[str]:
    """Every upload and version that was answered is there, and live is what was last made live, or is being."""
    library, found = work.library, []
    done = [line["done"] for line in work.lines if "done" in line]
    for what in done:
        if "sha" not in what:
            continue
        async with library.database.reading() as connection:
            kept = await read_version(connection, (what["id"], what["version"]), "-")
        if kept is None or kept.row["sha256"] != what["sha"]:
            found.append(f"{what['id']}@{what['version']} was answered and is lost")
        elif what["op"] == "add" and kept.row["state"] != "published":
            found.append(f"{what['id']} was answered as published")
    letter = next((what["id"] for what in done if what["op"] == "version"), None)
    if letter is not None:
        live = await _live_digest(library, letter)
        allowed = _may_be_live(work.lines)
        if live not in allowed:
            found.append(f"live is {live}, not one of the {len(allowed)} it may be")
    return found


async def _live_digest(library: Any, document_id: str) -> str | None:
    number = next((d.version for d in library.snapshot.documents if d.id == document_id), None)
    if number is None:
        return None
    async with library.database.reading() as connection:
        kept = await read_version(connection, (document_id, number), "-")
    return None if kept is None else str(kept.row["sha256"])


def _may_be_live(lines: list[dict[str, Any]]) -> set[str | None]:
    """Digests of what the letter may show: what was last answered as live, or was cut short since then."""
    answered = {line["done"]["turn"] for line in lines if "done" in line}
    digests = {line["done"]["version"]: line["done"]["sha"] for line in lines if "sha" in line.get("done", {})}
    allowed: set[str | None] = {None}
    for line in lines:
        what = line.get("done") or line.get("doing")
        if what is None or what["op"] == "add":
            continue
        published = what["op"] == "publish" or what["publish"]
        shown = digests[what["version"]] if what["op"] == "publish" else digest(paper("letter", what["turn"]).encode())
        if published and "done" in line:
            allowed = {shown}
        elif published and what["turn"] not in answered:
            allowed.add(shown)
    return allowed


async def _caught_up(library: Any) -> list[str]:
    """Chroma answers for what is published, however it was left."""
    until = time.monotonic() + CAUGHT_UP_S
    while time.monotonic() < until:
        if library.health()["chroma"]["state"] == "ready":
            return []
        await asyncio.sleep(0.1)
    return [f"chroma stays {library.health()['chroma']}"]
