"""Every fault of an embeddings endpoint while drafts are made, and while documents come in."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from evals.benchmarks.faults_in_process import Bench, bench, finished
from evals.benchmarks.faulty import FINE, Variant
from evals.benchmarks.faulty_vectors import variants
from evals.benchmarks.inquiries import bodies
from evals.benchmarks.processes import Served, control
from evals.benchmarks.texts import sentences
from evals.benchmarks.verdicts import Tally, problems_of
from service.drafting import Drafter
from service.library.breaker import Breaker
from service.library.semantic import Semantic
from service.schemas import Inquiry, SearchRequest

DOWN = "V1 503"
QUERY_S = 1.2
"""What a query's vector may take (``service.library.semantic``)."""


def _fresh(built: Bench) -> None:
    """As if the process had just started: nobody knows yet who answers, and nothing was asked before."""
    embedder = built.library._embedder
    assert isinstance(embedder, Semantic)
    embedder._breaker, embedder._verdict, embedder.reason = Breaker(), "unknown", None
    embedder._kept.clear()


async def drafts(built: Bench, port: int, variant: Variant | None, repeats: int, seed: int) -> Tally:
    """So many drafts under one fault, each as the first of its process."""
    control(port, fault=variant.id if variant else None)
    allowed = variant.reasons if variant else FINE
    drafter, tally = Drafter(built.rulebook, built.library), Tally()
    for body in bodies(repeats, seed, writer="playbook"):
        _fresh(built)
        begun, waited = time.monotonic(), built.waited()
        try:
            draft, _ = await finished(drafter, Inquiry.model_validate(body))
        except Exception as error:
            tally.add([f"raised {type(error).__name__}: {error}"[:200]], "raised", time.monotonic() - begun)
            continue
        seconds, waited = time.monotonic() - begun, built.waited() - waited
        told = draft.model_dump(mode="json", by_alias=True)
        problems, reason = problems_of(told, None, None), draft.search.reason
        if draft.search.degraded != (reason is not None):
            problems.append("degraded without a reason")
        if (reason not in allowed) if allowed else (reason is not None):
            problems.append(f"unexpected: {reason}")
        tally.add(problems, reason or "none", seconds, waited)
    return tally


async def documents(built: Bench, port: int, repeats: int) -> Tally:
    """V2: documents that come in while the endpoint is down wait whole, and are whole once it is up again."""
    tally, said = Tally(), max(sentences(), key=len)
    for number in range(repeats):
        begun, problems = time.monotonic(), []
        mark = f"Q{number:03}Z"
        text = "\n\n".join(f"{mark} {part}\n{said}" for part in range(8))
        control(port, fault=DOWN)
        _fresh(built)
        made = await built.library.add(f"{mark}.txt", text.encode(), kind="shop", publish=True)
        if not made.queued or made.state != "draft" or _found(built, mark):
            problems.append("seen before its vectors were there")
        await built.library.fill_vectors()
        if _found(built, mark):
            problems.append("seen though the endpoint is down")
        control(port, fault=None)
        _fresh(built)
        filled = await built.library.fill_vectors()
        if filled.left or not _found(built, mark):
            problems.append("not seen though the endpoint is up")
        tally.add(problems, None, time.monotonic() - begun)
    return tally


def _found(built: Bench, mark: str) -> bool:
    request = SearchRequest(query=mark, k=10, kinds=["shop"])
    return any(mark in passage.text for passage in built.library.search(request))


async def vector_faults(served: Served, folder: Path, repeats: int, only: str, told: Any) -> dict[str, int]:
    """All variants; ``told`` hears of each. Returns what is left of tasks."""
    port = served.port
    endpoint = {"embedding_model": "fake-e", "embedding_base_url": f"http://127.0.0.1:{port}/v1"}
    async with bench(folder, 1.0, served.pid, **endpoint) as built:
        filled = await built.library.fill_vectors()
        if filled.left or filled.reason:
            raise RuntimeError(f"no vectors from a sound endpoint: {filled}")
        told(None, await drafts(built, port, None, repeats, 100))
        before = len(asyncio.all_tasks())
        for number, variant in enumerate(variants()):
            if variant.id.startswith(only):
                told(variant, await drafts(built, port, variant, repeats, 200 + number))
        if "V2".startswith(only):
            two = Variant("V2", "down while documents come in", lambda *_: None, FINE)
            told(two, await documents(built, port, repeats))
        await asyncio.sleep(1)
        return {"tasks before": before, "tasks after": len(asyncio.all_tasks())}
