"""Two shops at one desk, never in each other's answers: ``python -m evals.benchmarks.crossings [--drafts 10000]``.

A real server; drafts of two shops in turn, many at once, with words of the shop's own in messages, order, policy and
conversation, the same names of conversations in both, and a document of each that is searched. Right is: no answer
holds a word of the other shop, and no list a draft of it.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evals.benchmarks.keyed import SHOPS, Keyed, keyed, upload
from evals.benchmarks.load import Line
from evals.benchmarks.processes import compile_all, stop_when_told
from evals.benchmarks.said import said

MARKS: dict[str, str] = dict(zip(SHOPS, said("crossings")["marks"], strict=True))
"""Words that stand nowhere in the project but in one shop's requests."""
WORDS = {shop: said("crossings", mark=MARKS[shop], other=MARKS[SHOPS[1 - number]]) for number, shop in enumerate(SHOPS)}
"""What each shop's buyers say and its desk uploads."""
SEARCH_EVERY = 25
"""Of so many drafts one is a search."""


@dataclass
class Seen:
    """What came back."""

    statuses: Counter[int] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    own: int = 0
    """Answers in which a shop's own word stands: that the words would be seen."""
    crossings: list[str] = field(default_factory=list)

    def take(self, shop: str, status: int, body: bytes) -> None:
        """Look for the other shop in an answer."""
        text = body.decode("utf-8", "replace")
        self.statuses[status] += 1
        self.own += MARKS[shop] in text
        other = next(one for one in SHOPS if one != shop)
        value = json.loads(text)
        if MARKS[other] in text or value.get("shop", shop) != shop:
            self.crossings.append(text[:300])
        if "verdict" in value:
            self.verdicts[f"{shop} {value['verdict']}"] += 1


def asked(shop: str, number: int) -> dict[str, Any]:
    """One inquiry of a shop; every third says its shop, and the same conversations run in both."""
    words = WORDS[shop]
    case = words["cases"][number % len(words["cases"])]
    inquiry: dict[str, Any] = {
        "messages": [{"role": "customer", "content": case["words"]}],
        "order": case["order"] | words["order"],
        "policy": words["policy"],
        "context": {"conversation": f"c{number // 7}", "buyer": words["buyer"]},
        "writer": "playbook",
    }
    return inquiry | ({"shop": shop} if number % 3 == 0 else {})


def requests(at: Keyed, count: int) -> Iterator[tuple[str, bytes]]:
    """The requests of both shops in turn."""
    for number in range(count):
        shop = SHOPS[number % 2]
        yield shop, at.request("POST", "/v1/drafts", at.keys[shop], asked(shop, number // 2))
        if number % SEARCH_EVERY < 2:
            query = {"query": WORDS[shop]["query"], "k": 20}
            yield shop, at.request("POST", "/v1/knowledge/search", at.keys[shop], query)


async def work(at: Keyed, source: Iterator[tuple[str, bytes]], seen: Seen) -> None:
    """One asker; both shops over one connection, as behind a proxy."""
    line = await Line.open(at.server.port)
    try:
        for shop, request in source:
            answer = await line.ask(request)
            seen.take(shop, answer.status, answer.body)
    finally:
        line.close()


async def listed(at: Keyed, shop: str, seen: Seen) -> int:
    """Every draft a shop sees in its list, looked at."""
    total, cursor = 0, ""
    while True:
        answer = await at.ask("GET", f"/v1/drafts?limit=200{cursor}", at.keys[shop])
        seen.take(shop, answer.status, answer.body)
        page = json.loads(answer.body)
        seen.crossings += [draft["id"] for draft in page["drafts"] if draft["shop"] != shop]
        total += len(page["drafts"])
        if page["next"] is None:
            return total
        cursor = f"&cursor={page['next']}"


async def measure(at: Keyed, count: int, at_once: int) -> bool:
    """Everything; whether all is well."""
    seen = Seen()
    for shop in SHOPS:
        form = upload(WORDS[shop]["file"], WORDS[shop]["document"], kind="shop", publish="true")
        made = await at.ask("POST", "/v1/knowledge/documents", at.keys[shop], form=form)
        seen.take(shop, made.status, made.body)
    began, source = time.monotonic(), requests(at, count)
    await asyncio.gather(*(work(at, source, seen) for _ in range(at_once)))
    took = time.monotonic() - began
    lists = {shop: await listed(at, shop, seen) for shop in SHOPS}
    wrong = sum(number for status, number in seen.statuses.items() if status not in (200, 201))
    print(f"{count} drafts in {took:.0f} s ({count / took:.0f}/s, {at_once} at once); statuses {dict(seen.statuses)}")
    print(f"verdicts {dict(seen.verdicts)}; own words seen in {seen.own} answers; lists {lists}")
    print(f"crossings {len(seen.crossings)}", *itertools.islice(seen.crossings, 3), sep="\n  ")
    return not seen.crossings and not wrong and sum(lists.values()) == count and seen.own > 0


def main(arguments: Sequence[str]) -> int:
    """Draft, look, and say whether the shops stayed apart."""
    parser = argparse.ArgumentParser(prog="evals.benchmarks.crossings")
    parser.add_argument("--drafts", type=int, default=10_000)
    parser.add_argument("--at-once", type=int, default=16)
    chosen = parser.parse_args(arguments)
    stop_when_told()
    compile_all()
    with tempfile.TemporaryDirectory() as folder, keyed(Path(folder) / "data") as at:
        return 0 if asyncio.run(measure(at, chosen.drafts, chosen.at_once)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
