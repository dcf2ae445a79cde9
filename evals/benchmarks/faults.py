"""What drafts come to when the model fails: ``python -m evals.benchmarks.faults [--part model|vectors|chaos]``.

``model``: every way in ``faulty``, plain and streamed, each so many times: the draft is whole, as planned, says why it
did without the model, and keeps its deadline. ``vectors``: the same of an embeddings endpoint.
``chaos``: one answer in five spoilt in all ways mixed, fifty drafts at once for minutes, against a real server. Printed
are totals and everything that is not as it must be; 0 of N shows a rate below 3/N, no more.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from evals.benchmarks.chaos import CLOSED_WITHIN_S, chaos
from evals.benchmarks.faults_in_process import model_faults
from evals.benchmarks.faulty import Variant, variants
from evals.benchmarks.processes import Served, compile_all, served, stop_when_told
from evals.benchmarks.vector_faults import QUERY_S, vector_faults
from evals.benchmarks.verdicts import Tally
from service.logs import configure_logs

OVERRUN_S = 0.3
USABLE = 0.999


def _row(name: str, way: str, tally: Tally) -> None:
    print(
        f"{name:<32} {way:<6} {tally.usable:3}/{tally.asked:<3} longest {max(tally.seconds):5.2f} s  "
        f"{dict(tally.reasons)}  {dict(tally.problems) or ''}",
        flush=True,
    )


def _total(name: str, count: int, tally: Tally, deadline: float) -> bool:
    """Print it; whether all was well."""
    over, own = (max(0.0, tally.percentile(0.99, worked) - deadline) for worked in (False, True))
    print(
        f"{name}: {count} variants, usable and as expected {tally.usable} of {tally.asked}; overrun of {deadline:g} s "
        f"p99 {over:.3f} s, {own:.3f} s without the time the machine was at other work (goal {OVERRUN_S}), "
        f"longest {max(tally.seconds):.3f} s; made again for want of a processor {tally.again}; "
        f"problems {dict(tally.problems)}"
    )
    return tally.usable == tally.asked and own <= OVERRUN_S


def model_part(endpoint: Served, folder: Path, given: argparse.Namespace) -> bool:
    """Print each variant, and the totals; whether all was well."""
    chosen = [v for v in variants() if not given.only or v.id.startswith(given.only)]
    whole: dict[bool, Tally] = {False: Tally(), True: Tally()}

    def told(variant: Variant | None, stream: bool, tally: Tally) -> None:
        _row(variant.id if variant else "sound endpoint", "stream" if stream else "plain", tally)
        whole[stream].join(tally)

    left = asyncio.run(model_faults(endpoint, folder, chosen, given.repeats, given.deadline, told))
    well = [_total("stream" if way else "plain", len(chosen), tally, given.deadline) for way, tally in whole.items()]
    print(f"left: {json.dumps(left)}")
    after = left["after"]
    return all(well) and after["tasks"] <= left["before"]["tasks"] and not after["streams at the endpoint"]


def vectors_part(endpoint: Served, folder: Path, given: argparse.Namespace) -> bool:
    """The same of the embeddings endpoint. V2 is no draft and has no deadline."""
    whole, count = Tally(), 0

    def told(variant: Variant | None, tally: Tally) -> None:
        nonlocal count
        _row(variant.id if variant else "sound endpoint", "", tally)
        count += variant is not None
        if variant is not None and variant.row == "V2":
            tally.seconds, tally.worked = [], []
        whole.join(tally)

    left = asyncio.run(vector_faults(endpoint, folder, given.repeats, given.only, told))
    well = _total("drafts", count, whole, QUERY_S)
    print(f"left: {json.dumps(left)}")
    return well and left["tasks after"] <= left["tasks before"]


def chaos_part(endpoint: Served, folder: Path, given: argparse.Namespace) -> bool:
    """Print what came of the load; whether all was well."""
    told: dict[str, Any] = chaos(
        endpoint.port, folder, given.seconds, given.at_once, given.share, given.seed, given.deadline
    )
    tally: Tally = told["tally"]
    untyped = sum(count for problem, count in tally.problems.items() if problem.startswith("untyped"))
    rate = tally.usable / tally.asked
    print(
        f"{tally.asked} drafts in {told['seconds']:.0f} s, {given.at_once} at once; {told['calls']} calls of the model,"
        f" {told['spoilt']} of them spoilt (seed {given.seed})\nusable {tally.usable} ({100 * rate:.3f} %, goal "
        f"{100 * USABLE} %), untyped errors {untyped}, problems {dict(tally.problems)}\nreasons {dict(tally.reasons)}\n"
        f"p50 {tally.percentile(0.5):.2f} s, p99 {tally.percentile(0.99):.2f} s, overrun of {given.deadline:g} s "
        f"p99 {told['overrun']:.3f} s; slowest {told['slow']}\nreaders gone: {told['abandoned']}\nleft: "
        f"{told['left']}; tracebacks {told['tracebacks']}"
    )
    for answer in told["bad"]:
        print(f"not as it must be: {answer}")
    gone = told["abandoned"]
    closed = not gone["never"] and gone["longest_s"] <= CLOSED_WITHIN_S
    return rate >= USABLE and not untyped and closed and not told["tracebacks"]


PARTS = {"model": model_part, "vectors": vectors_part, "chaos": chaos_part}


def main(arguments: list[str]) -> int:
    """Run the parts; 1 when something was not as it must be."""
    configure_logs()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=list(PARTS), action="append")
    parser.add_argument("--repeats", type=int, default=20, help="of each variant, plain and streamed each")
    parser.add_argument("--deadline", type=float, default=2.0, help="seconds a draft's model may take")
    parser.add_argument("--only", default="", help="variants whose row and name begin so")
    parser.add_argument("--seconds", type=float, default=180.0, help="of chaos")
    parser.add_argument("--at-once", type=int, default=50)
    parser.add_argument("--share", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    compile_all()
    stop_when_told()
    well = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in given.part or list(PARTS):
            print(f"\n{part}", flush=True)
            with served("endpoint", ["evals.benchmarks.endpoint"], folder, None) as endpoint:
                well = PARTS[part](endpoint, folder / part, given) and well
    return int(not well)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
