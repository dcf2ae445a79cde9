"""A server killed with drafts in flight: ``python -m evals.benchmarks.kills_of_server [--seed N] [--kills 60]``.

Several clients ask for drafts, some of them under an ``Idempotency-Key``, until the server is killed at a moment drawn
evenly. The next server starts on the same folder. Then: every draft that was answered is there as it was answered;
every key whose answer never came answers when it is asked again, and the second time with the same draft; the audit
trail holds; the database is sound. The time from its start until it is ready, and until its first search is answered,
is measured; the very first start, which follows no kill and takes the shipped documents in, is told apart.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evals.benchmarks.inquiries import bodies
from evals.benchmarks.killing import paper
from evals.benchmarks.processes import ROOT, Served, served, stop_when_told

CLIENTS = 6
SPAN_S = 2.5
KEY_S = 20.0
"""Patience with a key whose first request died with its server."""
RECOVERY_S = 10.0
"""What a start after a kill may take, at 5,000 chunks."""
SAID = 500
"""Different inquiries that are asked."""


@dataclass
class Asked:
    """One draft that was asked for."""

    body: dict[str, Any]
    key: str | None
    answer: dict[str, Any] | None = None


@dataclass
class Outcome:
    """What came of all the kills."""

    kills: int = 0
    answered: int = 0
    cut_short: int = 0
    keys_again: int = 0
    problems: list[str] = field(default_factory=list)
    ready_s: list[float] = field(default_factory=list)
    """Seconds of every start, the first included, until the server was ready …"""
    search_s: list[float] = field(default_factory=list)
    """… and until its first search was answered."""


def call(port: int, method: str, path: str, body: Any = None, key: str | None = None) -> tuple[int, Any]:
    """One request; raises OSError when the server goes away."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")
    except http.client.HTTPException as error:
        raise OSError(str(error)) from None
    finally:
        connection.close()


class Clients:
    """Threads that ask for drafts until the server is gone."""

    def __init__(self, port: int, said: Sequence[dict[str, Any]], chance: random.Random, turn: int) -> None:
        self.asked: list[Asked] = []
        self.strange: list[str] = []
        self._port, self._said, self._stop = port, said, threading.Event()
        seeds = [chance.random() for _ in range(CLIENTS)]
        self._threads = [
            threading.Thread(target=self._ask, args=(random.Random(s), f"{turn}-{n}")) for n, s in enumerate(seeds)
        ]
        for thread in self._threads:
            thread.start()

    def _ask(self, chance: random.Random, name: str) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            body = dict(chance.choice(self._said))
            if chance.random() < 0.3:
                body["context"] = body.get("context", {}) | {"conversation": f"c-{name}"}
            asked = Asked(body, f"key-{name}-{number}" if chance.random() < 0.5 else None)
            self.asked.append(asked)
            try:
                status, answer = call(self._port, "POST", "/v1/drafts", body, asked.key)
            except (OSError, ValueError):
                return
            if status == 201:
                asked.answer = answer
            else:
                self.strange.append(f"answered {status} {answer.get('code')}")

    def end(self) -> None:
        """Wait until all have noticed."""
        self._stop.set()
        for thread in self._threads:
            thread.join(40)


def look(port: int, asked: list[Asked], outcome: Outcome) -> None:
    """Whether everything that was answered is there, and nothing is stuck."""
    for one in asked:
        if one.answer is not None:
            status, kept = call(port, "GET", f"/v1/drafts/{one.answer['id']}")
            fate = {"state", "superseded_by"}
            same = status == 200 and {k: v for k, v in kept.items() if k not in fate} == {
                k: v for k, v in one.answer.items() if k not in fate
            }
            if not same:
                outcome.problems.append(f"{one.answer['id']} was answered and is {status}")
            if one.key is not None:
                status, again = call(port, "POST", "/v1/drafts", one.body, one.key)
                if (status, again.get("id")) != (201, one.answer["id"]):
                    outcome.problems.append(f"{one.key} was answered and answers {status} {again.get('code')}")
        elif one.key is not None:
            _once(port, one, outcome)
    outcome.answered += sum(one.answer is not None for one in asked)
    outcome.cut_short += sum(one.answer is None for one in asked)


def _once(port: int, one: Asked, outcome: Outcome) -> None:
    first: dict[str, Any] = {}
    until, status = time.monotonic() + KEY_S, 409
    while status == 409 and time.monotonic() < until:
        status, first = call(port, "POST", "/v1/drafts", one.body, one.key)
        if status == 409:
            time.sleep(0.5)
    outcome.keys_again += 1
    if status != 201:
        outcome.problems.append(f"{one.key} is stuck: {status} {first.get('code')}")
        return
    status, second = call(port, "POST", "/v1/drafts", one.body, one.key)
    if second.get("id") != first["id"]:
        outcome.problems.append(f"{one.key} made two drafts")


async def sound(data: Path) -> list[str]:
    """The database and the trail, looked at while the server runs."""
    from service.backup.copying import copy_sqlite
    from service.database.session import Database
    from service.database.verifying import verify

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.sqlite3"
        copy_sqlite(data / "youli.sqlite3", copy)
        database = await Database.open(f"sqlite+aiosqlite:///{copy}")
        try:
            found = await verify(database)
        finally:
            await database.close()
    return [f"audit: {problem.what} at {problem.seq}" for problem in found.problems]


def fill(data: Path, chunks: int) -> None:
    """Documents in, so that there is something to recover."""
    from service.library.store import Library
    from service.rulebook.thesaurus import load_thesaurus
    from service.settings import read_settings

    async def work() -> None:
        settings = read_settings(data_dir=data, auth="off")
        library = await Library.open(settings, load_thesaurus(settings.knowledge_dir / "thesaurus.yaml"), search=False)
        try:
            made = 0
            while made < chunks:
                name = f"filling{made}"
                text = "\n".join(paper(f"{name}-{part}", made) for part in range(20))
                made += (await library.add(f"{name}.md", text.encode(), kind="shop", publish=True)).chunks
        finally:
            await library.close()

    asyncio.run(work())


def run(kills: int, seed: int, folder: Path, chunks: int) -> Outcome:
    """Kill ``kills`` servers of one folder."""
    chance, outcome = random.Random(seed), Outcome()
    data, before, said = folder / "data", list[Asked](), bodies(SAID, seed)
    fill(data, chunks)
    for turn in range(kills + 1):
        began = time.monotonic()
        with served(f"serve{turn}", ["service.cli", "serve", "--port", "0"], folder, None, **_environment(data)) as one:
            outcome.ready_s.append(time.monotonic() - began)
            call(
                one.port,
                "POST",
                "/v1/knowledge/search",
                {"query": chance.choice(said)["messages"][-1]["content"][:200], "k": 5},
            )
            outcome.search_s.append(time.monotonic() - began)
            look(one.port, before, outcome)
            outcome.problems += asyncio.run(sound(data))
            told = f"start {turn}: ready {outcome.ready_s[-1]:.1f} s, first search {outcome.search_s[-1]:.1f} s, "
            print(f"{told}{len(before)} asked before, problems {len(outcome.problems)}", flush=True)
            if turn == kills:
                break
            clients = Clients(one.port, said, chance, turn)
            time.sleep(chance.uniform(0, SPAN_S))
            _kill(one)
            clients.end()
            outcome.kills += 1
            outcome.problems += clients.strange
            before = clients.asked
    return outcome


def _kill(one: Served) -> None:
    with suppress(ProcessLookupError):
        os.kill(one.pid, signal.SIGKILL)
    while one.alive:
        time.sleep(0.01)


def _environment(data: Path) -> dict[str, str]:
    return {"YOULI_DATA_DIR": str(data), "YOULI_AUTH": "off", "YOULI_RATE_PER_MINUTE": "1000000"}


def main(arguments: list[str]) -> int:
    """Run and print; 1 when anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--chunks", type=int, default=5_000)
    given = parser.parse_args(arguments)
    stop_when_told()
    print(f"seed {given.seed}, {ROOT.name}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(given.kills, given.seed, Path(folder), given.chunks)
    print(
        f"kills {outcome.kills}, answered {outcome.answered}, cut short {outcome.cut_short}, keys asked again "
        f"{outcome.keys_again}, problems {len(outcome.problems)}"
    )
    for name, (first, *after) in (("ready", outcome.ready_s), ("first search", outcome.search_s)):
        over = sum(seconds > RECOVERY_S for seconds in after)
        print(
            f"{name} after a kill: median {statistics.median(after):.1f} s, worst {max(after):.1f} s (kill "
            f"{after.index(max(after)) + 1}), over {RECOVERY_S:.0f} s {over}, of {len(after)}; "
            f"the first start, after none: {first:.1f} s"
        )
    for problem in outcome.problems[:20]:
        print("   " + problem)
    return 1 if outcome.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
