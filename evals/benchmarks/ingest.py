"""From passages with vectors to committed and found by Chroma: ``python -m evals.benchmarks.ingest [--chunks 5000]``.

Beside it, in the same run and round by round, raw ``collection.upsert`` of the same vectors under the same ids and
settings, in batches of 2,000. Rates are passages a second; the ratio is the median of the rounds'. On a machine with
other work the ratio of processor time is the steadier one. Then, over the same vectors: how often Chroma and the exact
scan name the same ten, and what an edit of one document costs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evals.benchmarks.texts import KNOWLEDGE, sentences
from service.database import publishing as writing
from service.database.taking import Taken, add_versions
from service.library.embed import HashNgram
from service.library.store import Library
from service.logs import configure_logs
from service.projection.index import VectorIndex
from service.rulebook.thesaurus import load_thesaurus
from service.settings import read_settings
from service.vectors import Chroma

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sqlalchemy.ext.asyncio import AsyncConnection

    Matrix = NDArray[np.float32]

DIM = 512
PER_DOCUMENT = 50
RAW_BATCH = 2_000
QUERIES = 200
TOP = 10


def passages(count: int, seed: int = 1) -> list[str]:
    """Different texts of about 180 characters, of the scripts' sentences."""
    chance, said = random.Random(seed), sentences()
    return [f"{i} " + "".join(chance.choices(said, k=7))[:180] for i in range(count)]


def taken(texts: list[str], matrix: Matrix) -> list[Taken]:
    """Documents ready for the database, ``PER_DOCUMENT`` passages each."""
    made = []
    for first in range(0, len(texts), PER_DOCUMENT):
        name, body, pieces, at = f"doc_{first:07d}", "\n".join(texts[first : first + PER_DOCUMENT]), [], 0
        for text in texts[first : first + PER_DOCUMENT]:
            piece = {"section": "", "text": text, "indexed_text": f"{name}\n{text}", "start": at, "end": at + len(text)}
            pieces.append({**piece, "held": False, "held_reason": None})
            at += len(text) + 1
        labels: dict[str, Any] = {"kind": "shop", "title": name, "authority": "shop", "platform": None}
        labels["category"] = None
        document = {"id": name, "shop": "*", "source": "upload", "path": None, "created_at": datetime.now(UTC)}
        empty = {"author": None, "note": None, "effective_from": None, "effective_to": None, "name": "a.md"}
        version = {"sha256": name, "labels": {**labels, "questions": []}, "raw": body.encode(), "text": body}
        blobs = [row.tobytes() for row in matrix[first : first + PER_DOCUMENT]]
        made.append(Taken({**document, **labels}, {**version, **empty, "warnings": [], "dropped": []}, pieces, blobs))
    return made


async def committed(library: Library, items: list[Taken], fingerprint: str) -> None:
    """Everything in the database and published, in one transaction."""

    async def work(connection: AsyncConnection) -> None:
        numbers = await add_versions(connection, items, fingerprint)
        await writing.publish_versions(connection, zip((i.document["id"] for i in items), numbers, strict=True))
        await writing.move_pointer(connection)

    await library.database.write(work)


def raw(ids: list[str], matrix: Matrix, folder: Path) -> tuple[float, float]:
    """Seconds of raw upserts until the collection counts all: by the clock, and of processor."""
    chroma = Chroma()
    chroma.open(path=str(folder))
    begun, cpu = time.perf_counter(), time.process_time()
    for start in range(0, len(ids), RAW_BATCH):
        rows = matrix[start : start + RAW_BATCH]
        chroma.upsert(ids=ids[start : start + RAW_BATCH], dim=DIM, body=rows.tobytes())
    assert chroma.count()["count"] == len(ids)
    took = time.perf_counter() - begun, time.process_time() - cpu
    chroma.close()
    return took


async def ours(items: list[Taken], ids: list[str], matrix: Matrix, folder: Path) -> dict[str, Any]:
    """Seconds to committed, and to answered by Chroma; then agreement and the cost of an edit."""
    settings = read_settings(data_dir=folder)
    library = await Library.open(settings, load_thesaurus(KNOWLEDGE / "thesaurus.yaml"))
    index = VectorIndex(folder, first=True)
    index.prepare()  # as a server does when it starts: its process is there before the first upload
    assert index._spare is not None
    index._spare.ask("ready")
    fingerprint = HashNgram(DIM).fingerprint
    pid, cpu = index._spare.pid, time.process_time() + _cpu_of(index._spare.pid)
    commit = await _timed(lambda: committed(library, items, fingerprint))
    project = await _timed(lambda: asyncio.to_thread(index.project, "g1", ids, matrix, fingerprint))
    cpu = time.process_time() + _cpu_of(pid) - cpu
    assert index.serves("g1")
    agreed = agreement(index, ids, matrix)
    edited = [*ids[PER_DOCUMENT:], *(f"{chunk}~" for chunk in ids[:PER_DOCUMENT])]
    again = np.concatenate([matrix[PER_DOCUMENT:], matrix[:PER_DOCUMENT][::-1]])
    edit = await _timed(lambda: asyncio.to_thread(index.project, "g2", edited, again, fingerprint))
    index.close()
    await library.close()
    return {"commit": commit, "project": project, "edit": edit, "agreed": agreed, "cpu": cpu}


def _cpu_of(pid: int) -> float:
    """Seconds of processor a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def agreement(index: VectorIndex, ids: list[str], matrix: Matrix) -> float:
    """Share of the exact scan's ten nearest that Chroma names too, over queries of other words."""
    live = index._live
    assert live is not None
    asked = HashNgram(DIM).embed([text[:40] for text in passages(QUERIES, seed=99)])
    same = 0
    for vector in asked:
        found = live.process.ask("query", {"k": TOP}, vector.tobytes())["ids"][0]
        scores = matrix @ vector
        least = np.partition(scores, -TOP)[-TOP]
        place = {chunk: i for i, chunk in enumerate(ids)}
        same += sum(scores[place[chunk]] >= least - 1e-6 for chunk in found)
    return same / (len(asked) * TOP)


async def _timed(work: Callable[[], Awaitable[Any]]) -> float:
    begun = time.perf_counter()
    await work()
    return time.perf_counter() - begun


def main(arguments: list[str]) -> int:
    """Measure and print; 1 when the goals are missed."""
    configure_logs()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, nargs="+", default=[5_000, 10_000])
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args(arguments)
    missed = False
    for count in given.chunks:
        texts = passages(count)
        matrix = HashNgram(DIM).embed(texts)
        items = taken(texts, matrix)
        ids = [f"{i.document['id']}@1#{n}" for i in items for n in range(len(i.pieces))]
        ratios: list[tuple[float, float]] = []
        rounds = []
        for number in range(given.rounds + 1):
            with tempfile.TemporaryDirectory() as folder:
                seconds, cpu = raw(ids, matrix, Path(folder) / "raw")
                mine = asyncio.run(ours(items, ids, matrix, Path(folder) / "ours"))
            whole = mine["commit"] + mine["project"]
            ratio = (seconds / whole, cpu / mine["cpu"])
            line = f"raw {count / seconds:6.0f}/s  ours {count / whole:6.0f}/s  ratio {ratio[0]:.2f} cpu {ratio[1]:.2f}"
            print(
                f"{count:6} {'warm-up' if not number else f'round {number}'}: {line}  (commit {mine['commit']:.2f} s, "
                f"project {mine['project']:.2f} s; edit of one document {mine['edit']:.2f} s; "
                f"agreement {mine['agreed']:.4f})",
                flush=True,
            )
            if number:
                ratios.append(ratio)
                rounds.append(mine)
        clock, work = (statistics.median(pair[i] for pair in ratios) for i in (0, 1))
        agreed = min(mine["agreed"] for mine in rounds)
        print(
            f"{count:6} median ratio {clock:.2f} (goal 0.80), of processor time {work:.2f}; "
            f"least agreement {agreed:.4f} (goal 0.99)"
        )
        missed = missed or max(clock, work) < 0.8 or agreed < 0.99
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
