"""Erased to the last byte: ``python -m evals.benchmarks.erasing [--buyers 10 --others 10]``.

A real server drafts for buyers whose every word is a canary of their own, ten a buyer: in messages, order and
instruction, in what was sent and why, in texts that were checked, in answers kept for an Idempotency-Key, in live
samples and their pages.
All buyers are erased over HTTP; then every byte below the folder is searched for every canary in every way it may be
written down, once while the server runs and once after it has ended. Right is: nothing found, every other buyer's draft
still there, and the audit trail's chain whole.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from evals.benchmarks.processes import compile_all, served, stop_when_told
from evals.benchmarks.residue import residue
from evals.benchmarks.said import said
from service.database.session import Database
from service.database.verifying import Verified, verify

AT_ONCE = 4
_PLACES = ("message", "product", "fact", "instruction", "sent", "why", "checked", "loose", "buyer", "conversation")


def canaries(name: str) -> dict[str, str]:
    """A buyer's words, each to be found nowhere else."""
    return {place: said("erasing", place=place, name=name)["canary"] for place in _PLACES}


def ask(port: int, path: str, body: dict[str, Any] | None = None, key: str = "") -> dict[str, Any]:
    """A request's answer as JSON.

    Raises:
        RuntimeError: it was refused.
    """
    headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(
            urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, headers), timeout=300
        ) as answer:
            told = answer.read()
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{path}: {error.code} {error.read()[:300]!r}") from None
    found: dict[str, Any] = json.loads(told) if told.startswith(b"{") else {}
    return found


def live(port: int, name: str) -> str:
    """A buyer's day at the desk; the id of the draft."""
    told = canaries(name)
    words = said("erasing", **told)
    inquiry = {
        "messages": [{"role": "customer", "content": words["bought"]}],
        "order": {"product": told["product"], "facts": {words["fact"]: told["fact"] * 40}},
        "instruction": told["instruction"],
        "context": {"buyer": told["buyer"], "conversation": told["conversation"]},
    }
    draft = str(ask(port, "/v1/drafts", inquiry, key=f"draft-{name}")["id"])
    again = {**inquiry, "stream": True, "context": {"buyer": told["buyer"]}}
    ask(port, "/v1/drafts", again, key=f"stream-{name}")
    ask(port, "/v1/checks", {"text": told["checked"], "draft": draft}, key=f"check-{name}")
    ask(port, "/v1/checks", {"text": words["checked"], "repair": True}, key=f"loose-{name}")
    given = {"action": "rejected", "final_text": told["sent"], "reason": told["why"]}
    ask(port, f"/v1/drafts/{draft}/feedback", given, key=f"feedback-{name}")
    return draft


def found_in(folder: Path, names: Sequence[str]) -> list[tuple[str, str]]:
    """Files that hold a word of these buyers."""
    return residue(folder, [word for name in names for word in canaries(name).values()])


async def _verified(path: Path) -> Verified:
    database = await Database.open(f"sqlite+aiosqlite:///{path}")
    try:
        return await verify(database)
    finally:
        await database.close()


def run(folder: Path, buyers: int, others: int) -> dict[str, Any]:
    """Live, erase and search; what was found."""
    gone, stay = [f"ga{n:03d}" for n in range(buyers)], [f"sb{n:03d}" for n in range(others)]
    environment = {"YOULI_AUTH": "off", "YOULI_DATA_DIR": str(folder / "data"), "YOULI_RATE_PER_MINUTE": "1000000"}
    with served("server", ["service.cli", "serve", "--port", "0"], folder, None, **environment) as server:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            drafts = dict(
                zip([*gone, *stay], pool.map(lambda name: live(server.port, name), [*gone, *stay]), strict=True)
            )
        sampled = ask(server.port, "/v1/evals/live", {})
        page = folder / "data" / "evals" / str(sampled["run"]) / "report.html"
        until = time.monotonic() + 120
        while not page.is_file() and time.monotonic() < until:
            time.sleep(1.0)
        planted = len(found_in(folder, gone))
        begun = time.monotonic()
        erased = [
            ask(server.port, "/v1/erasures", {"buyer": canaries(name)["buyer"]}, key=f"erase-{name}") for name in gone
        ]
        took = (time.monotonic() - begun) / max(len(gone), 1)
        running = found_in(folder, gone)
        kept = sum(ask(server.port, f"/v1/drafts/{drafts[name]}")["id"] == drafts[name] for name in stay)
        others_found = len({word for _, word in found_in(folder, stay)})
    ended = found_in(folder, gone)
    chain = asyncio.run(_verified(folder / "data" / "youli.sqlite3"))
    return {
        "canaries": len(gone) * len(_PLACES), "planted_hits": planted, "page": page.is_file(),
        "drafts_erased": sum(one["drafts"] for one in erased), "scrubbed": sum(one["scrubbed"] for one in erased),
        "left_running": running, "left_ended": ended, "others_kept": kept, "others_words": others_found,
        "chain": chain.sound and chain.guarded, "rows": chain.rows, "seconds_each": round(took, 2),
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it and say what came of it; 1 when anything is left or lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--buyers", type=int, default=10)
    parser.add_argument("--others", type=int, default=10)
    given = parser.parse_args(arguments)
    stop_when_told()
    compile_all()
    with tempfile.TemporaryDirectory() as folder:
        found = run(Path(folder), given.buyers, given.others)
    print(json.dumps(found, ensure_ascii=False, indent=2))
    whole = found["others_kept"] == given.others and found["chain"] and found["planted_hits"] > 0
    return 0 if whole and not found["left_running"] and not found["left_ended"] else 1


if __name__ == "__main__":
    sys.exit(main())
