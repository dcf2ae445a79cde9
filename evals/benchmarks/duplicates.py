"""Duplicates race, the work is done once: ``python -m evals.benchmarks.duplicates [--keys 50 --each 100 --kills 10]``.

A real server with a model endpoint of fixed latency. For each key so many requests of one body are sent at once, over
connections of their own; then all keys are asked for once more. Right is: the model calls of one draft and one row a
key, and every answer the same draft or 409. Then the server is killed in the middle of such a race, started anew and
asked again: still one row a key, an answer for each, and nothing stuck.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from evals.benchmarks.inquiries import bodies, encoded
from evals.benchmarks.load import Answer, Hung, Line
from evals.benchmarks.processes import Served, control, served, youli_environment

LATENCY_MS = 400.0
TRIES = 60
"""Times an asker comes back for what is in flight, a quarter of a second apart."""


@dataclass
class Race:
    """What came of the duplicates of one key."""

    key: str
    statuses: Counter[int] = field(default_factory=Counter)
    ids: set[str] = field(default_factory=set)
    calls: int = 0
    """Of the model, as its draft tells: one, or two where a step was written anew."""
    hung: int = 0
    refused_s: list[float] = field(default_factory=list)
    """How long each refusal took."""

    def take(self, answer: Answer) -> None:
        """Count an answer."""
        self.statuses[answer.status] += 1
        if answer.status == 201:
            draft = json.loads(answer.body)
            self.ids.add(draft["id"])
            self.calls = int(draft["writer"]["calls"])
        elif answer.status == 409:
            self.refused_s.append(answer.seconds)


def request_of(port: int, key: str, body: bytes) -> bytes:
    """A draft, with a key."""
    lines = ["POST /v1/drafts HTTP/1.1", f"Host: 127.0.0.1:{port}", "Content-Type: application/json"]
    lines += [f"Idempotency-Key: {key}", f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


async def race(port: int, key: str, body: bytes, each: int) -> Race:
    """All duplicates of a key at once."""
    found, request = Race(key), request_of(port, key, body)
    lines = await asyncio.gather(*(Line.open(port) for _ in range(each)))
    answers = await asyncio.gather(*(line.ask(request) for line in lines), return_exceptions=True)
    for line, answer in zip(lines, answers, strict=True):
        line.close()
        if isinstance(answer, Answer):
            found.take(answer)
        else:
            found.hung += 1
    return found


async def fetch(port: int, key: str, body: bytes) -> Race:
    """What a caller gets who comes back until it is there."""
    found = Race(key)
    line = await Line.open(port)
    for _ in range(TRIES):
        try:
            answer = await line.ask(request_of(port, key, body))
        except Hung:
            line = await Line.open(port)
            continue
        found.take(answer)
        if answer.status != 409:
            break
        await asyncio.sleep(0.25)
    line.close()
    return found


async def _races(port: int, keys: Sequence[str], sent: Sequence[bytes], each: int, together: int) -> list[Race]:
    found: list[Race] = []
    for start in range(0, len(keys), together):
        some = slice(start, start + together)
        found += await asyncio.gather(
            *(race(port, key, body, each) for key, body in zip(keys[some], sent[some], strict=True))
        )
    return found


def rows(data: Path) -> tuple[int, int]:
    """Drafts, and claims that are not finished."""
    with sqlite3.connect(f"file:{data / 'youli.sqlite3'}?mode=ro", uri=True) as database:
        drafts = database.execute("SELECT count(*) FROM drafts").fetchone()[0]
        open_claims = database.execute("SELECT count(*) FROM idempotency WHERE state <> 'done'").fetchone()[0]
    return drafts, open_claims


def run(server: Served, endpoint: Served, data: Path, given: argparse.Namespace) -> list[str]:
    """Race them all; what was wrong."""
    control(endpoint.port, latency_ms=LATENCY_MS)
    before, _ = rows(data)
    keys = [f"race-{given.seed}-{number}" for number in range(given.keys)]
    sent = encoded(bodies(given.keys, given.seed, writer="model"))
    begun = time.monotonic()
    races = asyncio.run(_races(server.port, keys, sent, given.each, given.together))
    seconds = time.monotonic() - begun
    calls = control(endpoint.port)["requests"]
    again = asyncio.run(_fetched(server.port, keys, sent))
    later = control(endpoint.port)["requests"] - calls
    after, unfinished = rows(data)
    statuses = sum((one.statuses for one in races), Counter[int]())
    told = sum(one.calls for one in races)
    refused = sorted(took for one in races for took in one.refused_s)
    print(
        f"{given.keys} keys × {given.each} at once, {given.together} keys together, {seconds:.1f} s: answers "
        f"{dict(sorted(statuses.items()))}, model calls {calls} of {told} told "
        f"(+{later} for the replays), rows {after - before}, "
        f"409 after p50 {_at(refused, 0.5):.0f} ms, p99 {_at(refused, 0.99):.0f} ms"
    )
    problems = [f"{one.key}: {dict(one.statuses)}, ids {one.ids}" for one in races if _wrong(one)]
    pairs = zip(races, again, strict=True)
    problems += [f"{one.key}: replay {dict(two.statuses)}" for one, two in pairs if one.ids | two.ids != two.ids]
    if (calls, later, after - before, unfinished) != (told, 0, given.keys, 0):
        problems.append(f"calls {calls}+{later} of {told}, rows {after - before}, unfinished {unfinished}")
    return problems


async def _fetched(port: int, keys: Sequence[str], sent: Sequence[bytes]) -> list[Race]:
    return [await fetch(port, key, body) for key, body in zip(keys, sent, strict=True)]


def _wrong(one: Race) -> bool:
    return bool(set(one.statuses) - {201, 409}) or len(one.ids) != 1 or bool(one.hung)


def kill(endpoint: Served, folder: Path, given: argparse.Namespace) -> list[str]:
    """Kill the server in the middle of races, and ask the next one; what was wrong."""
    chance, problems = random.Random(given.seed), []
    data, cut = folder / "youli", 0
    for number in range(given.kills):
        keys = [f"kill-{given.seed}-{number}-{one}" for one in range(given.together)]
        sent = encoded(bodies(given.together, given.seed + 1000 + number, writer="model"))
        with _server(folder, endpoint, number) as server:
            before, _ = rows(data)
            wait = chance.uniform(0.0, 2.2 * LATENCY_MS / 1000)
            asyncio.run(_killed(server, keys, sent, given.each // 5, wait))
        with _server(folder, endpoint, number) as server:
            cut += rows(data)[1]
            found = asyncio.run(_fetched(server.port, keys, sent))
            after, unfinished = rows(data)
        problems += [f"{one.key} after a kill: {dict(one.statuses)}" for one in found if not one.ids]
        if (after - before, unfinished) != (len(keys), 0):
            problems.append(f"kill {number}: rows {after - before} of {len(keys)}, unfinished {unfinished}")
    print(f"{given.kills} kills, {given.kills * given.together} keys, {cut} cut short, problems {len(problems)}")
    return problems


async def _killed(server: Served, keys: Sequence[str], sent: Sequence[bytes], each: int, wait: float) -> None:
    racing = asyncio.gather(*(race(server.port, key, body, each) for key, body in zip(keys, sent, strict=True)))
    await asyncio.sleep(wait)
    server.kill()
    await asyncio.gather(racing, return_exceptions=True)


def _server(folder: Path, endpoint: Served, number: int) -> AbstractContextManager[Served]:
    environment = youli_environment(folder / "youli", endpoint.port)
    return served(f"youli-{number}", ["service.cli", "serve", "--port", "0"], folder / "log", None, **environment)


def _at(sorted_s: Sequence[float], share: float) -> float:
    return 1000 * sorted_s[min(len(sorted_s) - 1, int(share * len(sorted_s)))] if sorted_s else 0.0


def main(arguments: list[str]) -> int:
    """Run and print; 1 when anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=50)
    parser.add_argument("--each", type=int, default=100)
    parser.add_argument("--together", type=int, default=5)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    given = parser.parse_args(arguments)
    print(f"seed {given.seed}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with served("endpoint", ["evals.benchmarks.endpoint"], folder / "endpoint", None) as endpoint:
            with _server(folder, endpoint, 0) as server:
                server.settle()
                problems = run(server, endpoint, folder / "youli", given)
            problems += kill(endpoint, folder, given)
    for problem in problems[:20]:
        print("   " + problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
