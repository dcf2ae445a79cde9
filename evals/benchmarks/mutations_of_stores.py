"""Every file of a data folder damaged in every way: ``python -m evals.benchmarks.mutations_of_stores [--each 40]``.

A folder that was in use, with rows in its ``-wal``, is copied; one file of it gets a bit turned, a block overwritten,
is cut, emptied, taken away, or swapped for another; then a process starts on it (a fork of one that has everything
imported), searches and drafts. Whatever it does is one of these:

=========  ======================================================================================================
same       it answers as before: damage that does not matter, or that was mended by itself
refused    it says in one sentence what is broken and what to do (a ``YouliError``), before anything is answered
fewer      an older state: rows are gone, and nobody says so
changed    another answer with content in it, and nobody says so
empty      nothing is found, as if nothing were known, and nobody says so
died       the process ended by a signal or with an error nobody foresaw
=========  ======================================================================================================

The last four are faults. Chroma's files are damaged under a running index, whose process may die; ours may not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from evals.benchmarks.said import said
from service.errors import YouliError
from service.settings import Settings

STORES = ("youli.sqlite3", "youli.sqlite3-wal", "learned", "contradictions.json", "evals", "chroma")
WORDS = said("mutations_of_stores")
PATIENCE_S = 120
FAULTS = ("fewer", "changed", "empty", "died")


def damage(path: Path, chance: random.Random, others: list[Path]) -> str:
    """Damage a file in one way; which."""
    size = path.stat().st_size
    way = chance.choice(
        ["bit", "bit", "block", "block", "cut", "empty", "gone", "head", "swap"] if size else ["gone", "swap"]
    )
    if way == "gone":
        path.unlink()
    elif way == "empty":
        os.truncate(path, 0)
    elif way == "cut":
        os.truncate(path, chance.randrange(size))
    elif way == "swap":
        path.write_bytes(chance.choice([other for other in others if other != path] or others).read_bytes())
    else:
        with path.open("rb+") as file:
            place = 0 if way == "head" else chance.randrange(size)
            length = {"bit": 1, "block": 512, "head": 32}[way]
            file.seek(place)
            was = file.read(length)
            file.seek(place)
            turned = bytes([was[0] ^ (1 << chance.randrange(8))]) if way == "bit" else chance.randbytes(len(was))
            file.write(bytes(len(was)) if way == "head" else turned)
    return way


async def _answers(data: Path) -> dict[str, Any]:
    """What a process on this folder finds, drafts and holds."""
    from service.assembly import assemble
    from service.schemas import Inquiry, SearchRequest

    settings = Settings(auth="off", data_dir=data)
    async with assemble(settings, owner=True) as desk:
        found = [
            [(p.document_id, p.start, p.text) for p in desk.library.search(SearchRequest(query=query, k=5))]
            for query in WORDS["queries"]
        ]
        last: Any = None
        inquiry = Inquiry.model_validate(WORDS["inquiry"])
        async for event in desk.drafter.draft(inquiry):
            last = event
        draft = last.draft
        page = await desk.library.history.documents("default", _wanted(), 200, 0)
        async with desk.library.database.reading() as connection:
            drafts = (await connection.exec_driver_sql("SELECT count(*) FROM drafts")).scalar_one() - 1
        return {
            "found": found,
            "reply": draft.reply,
            "cited": [(c.document_id, c.quote) for c in draft.citations],
            "documents": [document.id for document in page.documents],
            "drafts": drafts,
            "clashes": desk.library.health()["conflicts"],
            "runs": _runs(data),
        }


def _wanted() -> Any:
    from service.database.history import Wanted

    return Wanted(None, None, None)


def _runs(data: Path) -> list[Any]:
    """The eval runs as the doors show them."""
    from evals.runs import all_runs, read_results, read_summary, runs_dir, unreadable_runs

    told = []
    for info in all_runs(data):
        folder = runs_dir(data) / info.id
        results, half = read_results(folder)
        summary = read_summary(folder)
        told.append([info.model_dump(mode="json"), len(results), half, summary is not None])
    return [*told, *unreadable_runs(data)]


def tried(data: Path) -> tuple[str, Any]:
    """Do it in a fork: ``answered`` and what, ``refused`` and the sentence, or ``died`` and how."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        signal.alarm(PATIENCE_S)
        _without_chroma()
        try:
            told: tuple[str, Any] = ("answered", asyncio.run(_answers(data)))
        except YouliError as error:
            told = ("refused", f"{error.code}: {error.detail}")
        except BaseException as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            told = ("died", f"{type(error).__name__} {Path(last.filename).name}:{last.lineno}")
        with os.fdopen(writing, "w", encoding="utf-8") as pipe, suppress(OSError):
            json.dump(told, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        said = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status or not said:
        return "died", f"signal {-status}"
    kind, what = json.loads(said)
    return kind, what


def judged(kind: str, what: Any, whole: dict[str, Any]) -> tuple[str, str]:
    """Which of the outcomes it is, and a word on it."""
    if kind != "answered":
        return kind, str(what)[:160]
    if what == whole:
        return "same", ""
    differs = [name for name in whole if what[name] != whole[name]]
    if not any(what["found"]) or not what["cited"]:
        return "empty", ",".join(differs)
    if differs == ["runs"] and [name for name in what["runs"] if isinstance(name, str)]:
        return "refused", "runs"  # it is listed as one that cannot be read
    if any(isinstance(whole[name], int) and what[name] < whole[name] for name in differs):
        return "fewer", ",".join(differs)
    return "changed", ",".join(differs)


def prepared(home: Path) -> Path:
    """A folder that was in use when its process was killed: rows are in its ``-wal``; with an eval run in it."""
    data = home / "whole"
    pid = os.fork()
    if pid == 0:
        _without_chroma()
        asyncio.run(_use(data))
    os.waitpid(pid, 0)
    run = data / "evals" / "run_20261122-0930-1a2b"
    run.mkdir(parents=True)
    info = {"id": run.name, "label": "", "shop": "default", "state": "done", "started_at": "2026-11-22T09:30:00Z"}
    (run / "run.json").write_text(json.dumps(info | {"writer": "playbook", "only": [], "repeats": 1}))
    return data


async def _use(data: Path) -> None:
    """Draft, then end without a word."""
    from service.assembly import assemble, learn
    from service.schemas import Inquiry

    async with assemble(Settings(auth="off", data_dir=data), owner=True) as desk:
        learn(desk)
        for _ in range(20):
            inquiry = Inquiry.model_validate(WORDS["inquiry"])
            async for _event in desk.drafter.draft(inquiry):
                pass
        await asyncio.sleep(2)
        os.kill(os.getpid(), signal.SIGKILL)


def mutations(store: str, count: int, seed: int, home: Path, whole: Path) -> Iterator[tuple[str, str, str]]:
    """One after the other: the way, the outcome, a word."""
    chance = random.Random(f"{seed}-{store}")
    kind, before = tried(_copy(whole, home / "copy"))
    assert kind == "answered", before
    for _ in range(count):
        data = _copy(whole, home / "copy")
        paths = sorted(path for path in data.rglob("*") if path.is_file() and not path.name.startswith("."))
        mine = [path for path in paths if path.name == store or store in path.relative_to(data).parts[:-1]]
        path = chance.choice(mine)
        way = damage(path, chance, paths)
        outcome, word = judged(*tried(data), before)
        yield f"{way} {path.name}", outcome, word


def _copy(whole: Path, target: Path) -> Path:
    shutil.rmtree(target, ignore_errors=True)
    return Path(shutil.copytree(whole, target))


def of_chroma(count: int, seed: int, home: Path) -> Iterator[tuple[str, str, str]]:
    """Chroma's files, damaged under an index that answers; it must notice, be built anew, and search must go on."""
    import numpy as np

    from service.projection.index import VectorIndex

    chance = random.Random(f"{seed}-chroma")
    rows = np.random.default_rng(seed).standard_normal((3_000, 64)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    ids = [f"c{number}" for number in range(len(rows))]
    index = VectorIndex(home / "data", first=True)
    try:
        for _ in range(count):
            if not index.serves("p"):
                assert index.project("p", ids, rows, "f")
            paths = sorted(path for path in (home / "data" / "chroma").rglob("*") if path.is_file())
            path = chance.choice([path for path in paths if path.name != "stamp.json"])
            way = damage(path, chance, paths)
            wrong = [n for n in range(0, 3_000, 300) if (f := index.query(rows[n], 3)) is not None and f[0] != ids[n]]
            noticed = not (index.serves("p") and index.check())
            healed = index.serves("p") or index.project("p", ids, rows, "f")
            after = [n for n in range(0, 3_000, 300) if (f := index.query(rows[n], 3)) and f[0] != ids[n]]
            outcome = "changed" if after or not healed else "same"
            yield f"{way} {path.name}", outcome, f"noticed {noticed}, wrong meanwhile {len(wrong)}"
    finally:
        index.close()


def main(arguments: list[str]) -> int:
    """Run and print a table; 1 when there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--each", type=int, default=40)
    parser.add_argument("--store", action="append", choices=STORES)
    parser.add_argument("--all", action="store_true", help="print every mutation, not only the faults")
    given = parser.parse_args(arguments)
    print(f"seed {given.seed}", flush=True)
    stores = given.store or list(STORES)
    _imported("learned" in stores)
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        whole = prepared(home) if set(stores) - {"chroma"} else home
        for store in stores:
            if store == "chroma":
                made = of_chroma(given.each, given.seed, home)
            else:
                made = mutations(store, given.each, given.seed, home, whole)
            counts: Counter[str] = Counter()
            for way, outcome, word in made:
                counts[outcome] += 1
                if given.all or outcome in FAULTS:
                    print(f"   {store}: {way}: {outcome} {word}", flush=True)
            bad += sum(counts[name] for name in FAULTS)
            told = ", ".join(f"{name} {counts[name]}" for name in ("same", "refused", *FAULTS))
            print(f"{store:20} {sum(counts.values())} mutations: {told}", flush=True)
    return 1 if bad else 0


def _imported(learned: bool) -> None:
    """What every fork would import, and, where it is not under test, the rulebook with what it learned."""
    import service.assembly
    from service.rulebook import book
    from service.settings import HOME

    assert service.assembly
    if not learned:
        kept = book.load_rulebook(HOME / "knowledge")
        setattr(book, "load_rulebook", lambda folder, learned=None: kept)  # noqa: B010


def _without_chroma() -> None:
    """Chroma has its own turn: here it is neither started nor built."""
    from service.projection.index import VectorIndex

    for name, answer in (("prepare", None), ("project", True)):
        setattr(VectorIndex, name, lambda *given, answer=answer: answer)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
