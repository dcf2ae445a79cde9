"""What a search costs: ``python -m evals.benchmarks.search``.

A snapshot of thousands of passages put together from the shipped documents' sentences, with shops, kinds, platforms and
dates of their own; queries from typical questions and from the thesaurus, each with a filter. Printed: how long the
snapshot takes to build, what a search costs (the first time and again), beside Chroma with the same filter as
``where`` and an exact scan of the vectors; and how far Chroma and the exact scan agree on the first ten. Times are the
processor's and the clock's; on a busy machine only the processor's tell anything. Compare ratios.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from evals.benchmarks.texts import KNOWLEDGE
from service.library.embed import HashNgram
from service.library.folder import read_folder
from service.library.ingest import ingest
from service.library.rules import LibraryRules, load_rules
from service.library.snapshot import SHARED, Snapshot, SnapshotChunk, SnapshotDocument
from service.library.split import sentences
from service.library.words import Tokeniser
from service.projection.index import VectorIndex
from service.rulebook.thesaurus import Thesaurus, load_thesaurus
from service.schemas import Authority, SearchRequest

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PER_DOCUMENT = 10
PLATFORMS = (None, None, "淘宝", "京东", "抖音")
FILTERS: tuple[dict[str, Any], ...] = (
    {"shop": "a"},
    {"shop": "b", "platform": "淘宝"},
    {"shop": "a", "kinds": ["law", "platform"]},
    {"shop": "b", "at": NOW - timedelta(days=200)},
    {"kinds": ["guideline"], "platform": "京东"},
)
"""A desk asks with few different filters, again and again."""


def corpus(rules: LibraryRules, count: int) -> tuple[list[SnapshotDocument], list[SnapshotChunk], list[str]]:
    """Documents, ``count`` passages, and the questions the shipped documents list."""
    chooser, embedder = random.Random(4), HashNgram(rules.tuning.embed.dim)
    said: list[str] = []
    questions: list[str] = []
    for file in read_folder(KNOWLEDGE):
        made = ingest(file.path, file.data, rules, kind=file.kind, own=True)
        spans = [span for piece in made.pieces for span in sentences(made.text, piece.start, piece.end)]
        said += [made.text[a:b].strip() for a, b in spans if b - a > 8]
        questions += made.front.questions or ()
    documents, chunks = [], []
    for place in range(-(-count // PER_DOCUMENT)):
        kind: Authority = chooser.choice(("law", "platform", "guideline"))
        documents.append(
            SnapshotDocument(
                f"made/{place}", 1, chooser.choice((SHARED, SHARED, "a", "b")), kind, chooser.choice(said)[:20],
                kind, chooser.choice(PLATFORMS), None,
                tuple(chooser.sample(questions, 4)), NOW,
                NOW - timedelta(days=chooser.randint(1, 900)) if place % 3 == 0 else None,
            )
        )  # fmt: skip
    texts = [_passage(chooser, said) for _ in range(count)]
    for i, vector in enumerate(embedder.embed(texts)):
        chunks.append(SnapshotChunk(f"c{i}", i // PER_DOCUMENT, "", texts[i], 0, len(texts[i]), False, vector))
    return documents, chunks, questions


def _passage(chooser: random.Random, said: Sequence[str]) -> str:
    text = ""
    while len(text) < 220:
        text += chooser.choice(said)
    return text[:400]


def queries(thesaurus: Thesaurus, questions: Sequence[str], count: int) -> list[str]:
    """Half typical questions, half ways of saying things."""
    chooser = random.Random(5)
    says = [say for group in thesaurus.groups for say in group.say]
    made = [chooser.choice(questions) for _ in range(count // 2)]
    return made + ["，".join(chooser.sample(says, 2)) for _ in range(count - len(made))]


def timed(work: Callable[[int], object], count: int) -> str:
    """Median and 99th percentile, processor and clock, in milliseconds."""
    spent = []
    for i in range(count):
        wall, start = time.perf_counter(), time.process_time()
        work(i)
        spent.append((time.process_time() - start, time.perf_counter() - wall))
    cpu, clock = (sorted(1000 * pair[n] for pair in spent) for n in (0, 1))
    return "".join(f"{v:9.2f}" for v in (cpu[count // 2], cpu[int(count * 0.99)], clock[count // 2], clock[-1]))


def where(asked: SearchRequest) -> dict[str, Any]:
    """The filter in Chroma's words."""
    parts: list[dict[str, Any]] = [{"shop": {"$in": [SHARED, asked.shop or "default"]}}]
    if asked.kinds:
        parts.append({"kind": {"$in": list(asked.kinds)}})
    if asked.platform:
        parts.append({"platform": {"$in": ["", asked.platform]}})
    parts.append({"since": {"$lte": (asked.at or NOW).timestamp()}})
    return {"$and": parts}


def chroma(snapshot: Snapshot, folder: Path) -> Any:
    """A collection with the filters' fields, as a service without a snapshot would keep it."""
    import chromadb
    from chromadb.config import Settings

    client = chromadb.PersistentClient(path=str(folder), settings=Settings(anonymized_telemetry=False))
    collection = client.create_collection("beside", embedding_function=None, metadata={"hnsw:space": "cosine"})
    fields: list[Any] = []
    for chunk in snapshot.chunks:
        document = snapshot.documents[chunk.document]
        since = document.effective_from.timestamp() if document.effective_from else 0.0
        fields.append(
            {"shop": document.shop, "kind": document.kind, "platform": document.platform or "", "since": since}
        )
    for start in range(0, len(fields), 2_000):
        part = slice(start, start + 2_000)
        collection.upsert(
            ids=[c.id for c in snapshot.chunks[part]], embeddings=snapshot.matrix[part], metadatas=fields[part]
        )
    return collection


def agreement(snapshot: Snapshot, index: VectorIndex, vectors: np.ndarray[Any, Any]) -> tuple[float, int]:
    """The share of the exact scan's first ten that the index gives, and how many queries it answered.

    Equal scores count as the same. A query it does not answer in time is searched exactly, so it is left out.
    """
    agreed = answered = 0
    for vector in vectors:
        given = index.query(vector, 10)
        if given is None:
            continue
        scores = np.vecdot(snapshot.matrix, vector)
        least = np.sort(scores)[-10] - 1e-5
        agreed += sum(scores[int(chunk[1:])] >= least for chunk in given)
        answered += 1
    return agreed / max(1, 10 * answered), answered


def beside_chroma(snapshot: Snapshot, asked: Sequence[SearchRequest], vectors: np.ndarray[Any, Any]) -> None:
    """Print what the vectors alone cost, and how far the two ways agree."""
    with tempfile.TemporaryDirectory() as folder:
        collection = chroma(snapshot, Path(folder) / "beside")
        n = len(asked)

        def query(i: int) -> object:
            return collection.query(
                query_embeddings=vectors[i][None, :], n_results=10, where=where(asked[i]), include=[]
            )

        query(0)
        print(f"  {'Chroma, vectors only, where':<34}{timed(query, n)}")

        def scan(i: int) -> object:
            return np.argsort(-np.vecdot(snapshot.matrix, vectors[i]))[:10]

        print(f"  {'exact scan, vectors only':<34}{timed(scan, n)}")
        index = VectorIndex(Path(folder))
        index.project("g", [chunk.id for chunk in snapshot.chunks], snapshot.matrix)
        full = [SearchRequest(query=request.query, k=10, shop="a") for request in asked]
        print(f"  {'search with Chroma behind it':<34}{timed(lambda i: snapshot.search(full[i], index.query), n)}")
        share, answered = agreement(snapshot, index, vectors)
        print(f"\nChroma gives {share:.4f} of the exact scan's first ten; {answered} of {n} queries answered in time")
        index.close()


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--chunks", type=int, default=5_000)
    options.add_argument("--queries", type=int, default=250)
    options.add_argument("--alone", action="store_true", help="without Chroma")
    given = options.parse_args()
    rules = load_rules(KNOWLEDGE / "library")
    start = time.process_time()
    thesaurus = load_thesaurus(KNOWLEDGE / "thesaurus.yaml")
    print(f"thesaurus: {len(thesaurus.groups)} groups loaded in {1000 * (time.process_time() - start):.0f} ms")
    documents, chunks, questions = corpus(rules, given.chunks)
    embedder, tokeniser = HashNgram(rules.tuning.embed.dim), Tokeniser(rules.words)
    start = time.process_time()
    snapshot = Snapshot("g", documents, chunks, tokeniser, embedder, thesaurus, rules.tuning)
    print(f"snapshot: {len(chunks)} passages built in {time.process_time() - start:.1f} s")
    said = queries(thesaurus, questions, given.queries)
    asked = [
        SearchRequest.model_validate({"query": query, "k": 10, **FILTERS[i % len(FILTERS)]})
        for i, query in enumerate(said)
    ]
    print(f"\nms, {len(asked)} queries with filters    cpu p50  cpu p99 clock p50 slowest")
    for name in ("search, first time", "search, again"):
        print(f"  {name:<34}{timed(lambda i: snapshot.search(asked[i]), len(asked))}")
    if not given.alone:
        beside_chroma(snapshot, asked, embedder.embed(said))


if __name__ == "__main__":
    main()
