"""A server under load whose model fails one answer in five, in every way there is."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from evals.benchmarks.inquiries import bodies, encoded
from evals.benchmarks.load import Answer, Line, Run, load, post
from evals.benchmarks.processes import Served, control, held, served, youli_environment
from evals.benchmarks.verdicts import Tally, events_of, problems_of, same_steps

LATENCY_MS = 300.0
SPREAD_MS = 300.0
WARM = 200
ABANDONED = 20
CLOSED_WITHIN_S = 1.0
BAD_SHOWN, BAD_CHARS = 3, 6_000


def chaos(
    endpoint: int, folder: Path, seconds: float, at_once: int, share: float, seed: int, deadline: float
) -> dict[str, Any]:
    """Half plain, half streamed, against ``youli serve``; then streams that are left by their readers."""
    environment = youli_environment(folder / "chaos", endpoint, YOULI_DRAFT_DEADLINE_S=str(deadline))
    with served("chaos", ["service.cli", "serve", "--port", "0"], folder, None, **environment) as server:
        control(endpoint, latency_ms=LATENCY_MS, spread_ms=SPREAD_MS)
        asyncio.run(load(server.port, _requests(server.port, WARM, seed), at_once, count=WARM))
        server.settle()
        before = held(server.pid)
        control(endpoint, latency_ms=100, spread_ms=3_000)
        closed = asyncio.run(abandoned(endpoint, server, seed))
        control(endpoint, latency_ms=LATENCY_MS, spread_ms=SPREAD_MS, share=share, seed=seed)
        requests = _requests(server.port, int(40 * seconds) + at_once, seed + 1)
        run = asyncio.run(load(server.port, requests, at_once, seconds))
        seen = control(endpoint, latency_ms=LATENCY_MS, spread_ms=SPREAD_MS)
        asyncio.run(load(server.port, _requests(server.port, at_once, seed + 2), at_once, count=at_once))
        server.settle()
        told = control(endpoint)
        left = {"files and threads": [before, held(server.pid)], "streams at the endpoint": told["in_flight"]}
        errors = server.errors.read_text("utf-8", "replace")
    tally, bad = judged(run)
    return {
        "tally": tally, "bad": bad, "slow": slowest(run),
        "seconds": run.seconds, "calls": seen["requests"], "spoilt": seen["spoilt"],
        "overrun": max(0.0, tally.percentile(0.99) - deadline), "abandoned": closed, "left": left,
        "tracebacks": errors.count("Traceback") + errors.count("unhandled"),
    }  # fmt: skip


def _requests(port: int, count: int, seed: int) -> list[bytes]:
    made = []
    for number, body in enumerate(bodies(count, seed)):
        body["stream"] = bool(number % 2)
        made.append(body)
    return [post(port, "/v1/drafts", body) for body in encoded(made)]


def judged(run: Run) -> tuple[Tally, list[str]]:
    """What the readers got, and the first answers that were not as they must be.

    A connection that ended, or an answer without a code, is an untyped error.
    """
    bad: list[str] = []
    tally = Tally()
    for answer in run.answers:
        problems, reason = _judge(answer)
        tally.add(problems, reason, answer.seconds)
        if problems and len(bad) < BAD_SHOWN:
            bad.append(f"{problems} {answer.body.decode('utf-8', 'replace')[-BAD_CHARS:]}")
    for error in run.errors:
        tally.add([f"untyped: {error}"], "untyped", 0.0)
    return tally, bad


def slowest(run: Run, count: int = 5) -> list[str]:
    """The slowest answers: how long, when they were asked for, plain or streamed."""
    first = min((answer.at for answer in run.answers), default=0.0)
    slow = sorted(run.answers, key=lambda answer: -answer.seconds)[:count]
    return [
        f"{answer.seconds:.1f} s at {answer.at - first:.0f} s, {'stream' if answer.status == 200 else 'plain'}"
        for answer in slow
    ]


def _judge(answer: Answer) -> tuple[list[str], str | None]:
    if answer.status == 201:
        draft: Any = json.loads(answer.body)
    elif answer.status == 200:
        events = events_of(answer.body)
        name, draft = events[-1] if events else ("nothing", {})
        if name != "draft.completed":
            return ([f"typed: {draft['code']}"] if "code" in draft else [f"untyped: ended with {name}"]), "failed"
        shown = [data for name, data in events if name == "draft.step"]
        if not same_steps(shown, draft["steps"]):
            return ["shown steps are not the draft's"], "shown"
    else:
        return [_typed(answer)], "refused"
    return problems_of(draft, None, None), draft["writer"]["reason"] if draft["writer"]["degraded"] else None


def _typed(answer: Answer) -> str:
    try:
        return f"typed: {answer.status} {json.loads(answer.body)['code']}"
    except (ValueError, KeyError, TypeError):
        return f"untyped: {answer.status}"


async def abandoned(endpoint: int, server: Served, seed: int) -> dict[str, Any]:
    """Streams whose readers leave while the model writes: how long until the model is no longer listened to."""
    chance = random.Random(seed)
    longest, never, asked = 0.0, 0, 0
    for request in _streams(server.port, seed):
        line = await Line.open(server.port)
        asking = asyncio.ensure_future(line.ask(request))
        await asyncio.sleep(chance.uniform(0.3, 1.5))
        asked += (await asyncio.to_thread(control, endpoint))["in_flight"]
        line.close()
        begun = time.monotonic()
        while time.monotonic() < begun + 5:
            if not (await asyncio.to_thread(control, endpoint))["in_flight"]:
                break
            await asyncio.sleep(0.02)
        took = time.monotonic() - begun
        never += took >= 5
        longest = max(longest, took)
        await asyncio.gather(asking, return_exceptions=True)
    return {"streams": ABANDONED, "asked of the model": asked, "longest_s": round(longest, 3), "never": never}


def _streams(port: int, seed: int) -> Iterator[bytes]:
    made: Sequence[dict[str, Any]] = bodies(ABANDONED, seed + 3, stream=True)
    yield from (post(port, "/v1/drafts", body) for body in encoded(made))
