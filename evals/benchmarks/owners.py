"""Whether the clock tells what the answer does not: ``python -m evals.benchmarks.owners [--rounds 400]``.

A real server. A key of one shop asks for another shop's things and for things there are none of, in turn and in random
order; then a guesser asks with every kind of bad key. The medians must lie within ±10 % of each other; in brackets the
tenth percentiles, which tell the same where other work on the machine blurs the medians.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from evals.benchmarks.keyed import SHOPS, Keyed, keyed, spread, upload
from evals.benchmarks.load import Line
from evals.benchmarks.processes import compile_all, stop_when_told
from evals.benchmarks.said import said
from evals.results import RunInfo
from evals.runs import runs_dir, write_info

MOST = 0.10
"""How far a median may lie from the other, as a share."""
RUN = "run_20261122-0000-beef"
NONE = {
    "draft": "dft_01M3H2ZK6T0V8Q4N7X5C1B9RDE",
    "document": "doc_01m3h2zk6t0v8q4n7x5c1b9rde",
    "run": "run_20261122-0000-dead",
    "key": "key_01M3H2ZK6T0V8Q4N7X5C1B9RDE",
}
DOORS: tuple[tuple[str, str, str, dict[str, str] | None], ...] = (
    ("draft", "GET", "/v1/drafts/{}", None),
    ("draft", "POST", "/v1/drafts/{}/feedback", {"action": "rejected"}),
    ("draft", "POST", "/v1/checks", {"text": "好的", "draft": "{}"}),
    ("document", "GET", "/v1/knowledge/documents/{}", None),
    ("document", "GET", "/v1/knowledge/documents/{}/versions/1", None),
    ("document", "GET", "/v1/knowledge/documents/{}/diff", None),
    ("document", "POST", "/v1/knowledge/documents/{}/publish", {}),
    ("document", "DELETE", "/v1/knowledge/documents/{}", None),
    ("run", "GET", "/v1/evals/runs/{}", None),
    ("run", "GET", "/v1/evals/runs/{}/report", None),
    ("key", "DELETE", "/v1/keys/{}", None),
)


async def theirs(at: Keyed) -> dict[str, str]:
    """One of everything in the other shop."""
    key = at.keys[SHOPS[1]]
    words = said("owners")
    draft = json.loads((await at.ask("POST", "/v1/drafts", key, words["inquiry"])).body)["id"]
    form = upload(words["file"], words["document"], kind="shop", publish="true")
    document = json.loads((await at.ask("POST", "/v1/knowledge/documents", key, form=form)).body)["id"]
    info = RunInfo(id=RUN, shop=SHOPS[1], state="done", started_at=datetime.now(UTC), label="一次")
    write_info(runs_dir(at.folder) / RUN, info)
    listed = json.loads((await at.ask("GET", "/v1/keys", key)).body)["keys"]
    return {"draft": draft, "document": document, "run": RUN, "key": listed[0]["id"]}


async def timed(at: Keyed, requests: Mapping[str, bytes], rounds: int, status: int) -> dict[str, list[float]]:
    """Seconds of each kind of request, asked for in turn, in an order that changes.

    Raises:
        RuntimeError: an answer has another status: nothing may be said about times then.
    """
    found: dict[str, list[float]] = {name: [] for name in requests}
    chooser, warm = random.Random(7), rounds // 10
    for number in range(rounds + warm):
        for name in chooser.sample(list(requests), len(requests)):
            line = await Line.open(at.server.port)
            answer = await line.ask(requests[name])
            line.close()
            if answer.status != status:
                raise RuntimeError(f"{name}: {answer.status} {answer.body[:200]!r}")
            if number >= warm:
                found[name].append(answer.seconds)
    return found


def told(name: str, found: Mapping[str, Sequence[float]]) -> bool:
    """Print a line; whether all medians lie near enough to the first."""
    shown = {kind: spread(seconds) for kind, seconds in found.items()}
    first, least = next(iter(shown.values()))
    apart = max(abs(median / first - 1) for median, _ in shown.values())
    below = max(abs(low / least - 1) for _, low in shown.values())
    told = "  ".join(f"{kind} {median:.2f} ({low:.2f})" for kind, (median, low) in shown.items())
    verdict = "" if apart <= MOST else "  TOO FAR"
    print(f"{name:48} ms {told}  apart {apart:.1%} ({below:.1%}){verdict}", flush=True)
    return apart <= MOST


async def measure(at: Keyed, rounds: int) -> bool:
    """Everything; whether all is well."""
    ids, key, good = await theirs(at), at.keys[SHOPS[0]], True
    for family, method, path, body in DOORS:
        requests = {}
        for whose, id in (("foreign", ids[family]), ("missing", NONE[family])):
            value = None if body is None else json.loads(json.dumps(body).replace("{}", id) if body else "{}")
            requests[whose] = at.request(method, path.replace("{}", id), key, value)
        good &= told(f"{method} {path}", await timed(at, requests, rounds, 404))
    prefix, secret = key.split(".")
    wrong = {
        "unknown": f"yl_{'0' * 12}.{secret}",
        "secret": f"{prefix}.{'0' * 43}",
        **at.bad,
        "malformed": "nonsense",
        "none": None,
    }
    requests = {name: at.request("GET", "/v1/drafts", token) for name, token in wrong.items()}
    return told("bad keys", await timed(at, requests, rounds, 401)) and good


def main(arguments: Sequence[str]) -> int:
    """Measure, and say whether the medians lie within the bounds."""
    parser = argparse.ArgumentParser(prog="evals.benchmarks.owners")
    parser.add_argument("--rounds", type=int, default=400)
    chosen = parser.parse_args(arguments)
    stop_when_told()
    compile_all()
    with tempfile.TemporaryDirectory() as folder, keyed(Path(folder) / "data") as at:
        return 0 if asyncio.run(measure(at, chosen.rounds)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
