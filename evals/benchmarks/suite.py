"""What running the suite costs beside its model: ``python -m evals.benchmarks.suite [--cases 200] [--json]``.

A model of 50 ms (``endpoint``, a process of its own), sixteen cases at once, one call a case, no judge, no twins, no
drafts kept from before. Told are the seconds from the first inquiry to the last score, as a multiple of what the model
alone would take (cases × 0.05 / 16), those of the whole command with its start, and those of a bare loop over the
openai SDK in a process of its own. Rounds are interleaved; the best and the median are told.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from evals.benchmarks.processes import compile_all, control, served, youli_environment
from evals.dataset import load_cases

LATENCY_S = 0.05
AT_ONCE = 16

_LOOP = """
import asyncio, os, sys
from openai import AsyncOpenAI
async def main():
    client, gate = AsyncOpenAI(max_retries=0), asyncio.Semaphore(16)
    async def one():
        async with gate:
            made = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x" * 6000}])
            assert made.choices[0].message.content
    await asyncio.gather(*(one() for _ in range(int(sys.argv[1]))))
asyncio.run(main())
"""


def write_cases(folder: Path, count: int) -> None:
    """Cases of one draft each: the shipped ones without twins and pushes, taken in turn from every scenario."""
    chosen = [case for case in load_cases() if not case.entry.pushes]
    step = max(1, len(chosen) // count)
    for number, case in enumerate(chosen[::step][:count]):
        (folder / f"{number:03}.yaml").write_bytes(case.file.path.read_bytes())


def our_run(cases: Path, environment: dict[str, str], home: Path) -> dict[str, float]:
    """One run of the command: seconds of the run as it tells them, of the process, and the calls it made."""
    out = home / f"run-{time.monotonic_ns()}"
    command = [sys.executable, "-m", "service.cli", "eval", "run", "--json", "--fresh", "--no-judge", "--no-twins"]
    command += ["--no-mutations", "--writer", "model", "--concurrency", str(AT_ONCE)]
    command += ["--cases", str(cases), "--out", str(out)]
    begun = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    whole = time.perf_counter() - begun
    summary = json.loads(done.stdout)["summary"]
    return {"run": summary["run"]["seconds"], "process": whole, "calls": summary["calls"], "cases": summary["cases"]}


def bare_loop(count: int, environment: dict[str, str]) -> float:
    """Seconds of a process that only asks, its imports with it."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", _LOOP, str(count)], env=environment, check=True)
    return time.perf_counter() - begun


def measure(count: int, rounds: int) -> dict[str, Any]:
    """The table: seconds and multiples of what the model alone takes."""
    compile_all()
    told: dict[str, list[float]] = {"run": [], "process": [], "bare process": []}
    calls = 0.0
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        cases = home / "cases"
        cases.mkdir()
        write_cases(cases, count)
        with served("endpoint", ["evals.benchmarks.endpoint"], home / "endpoint", None) as endpoint:
            environment = {**os.environ, **youli_environment(home / "data", endpoint.port)}
            control(endpoint.port, latency_ms=1000 * LATENCY_S)
            our_run(cases, environment, home)  # the data folder is made, the learning done
            for _ in range(rounds):
                ours = our_run(cases, environment, home)
                told["run"].append(ours["run"])
                told["process"].append(ours["process"])
                told["bare process"].append(bare_loop(count, environment))
                calls = ours["calls"]
    ideal = count * LATENCY_S / AT_ONCE
    return {
        "cases": count,
        "calls": calls,
        "ideal_s": ideal,
        **{
            name: {
                "best_s": round(min(values), 2),
                "median_s": round(statistics.median(values), 2),
                "best_ratio": round(min(values) / ideal, 2),
                "median_ratio": round(statistics.median(values) / ideal, 2),
            }
            for name, values in told.items()
        },
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    told = measure(given.cases, given.rounds)
    if given.json:
        print(json.dumps(told, indent=1))
        return
    print(f"{told['cases']} cases, {told['calls']:.0f} calls, the model alone {told['ideal_s']:.3f} s")
    for name in ("run", "process", "bare process"):
        one = told[name]
        best, median = (f"{one[f'{kind}_s']} s = {one[f'{kind}_ratio']} x" for kind in ("best", "median"))
        print(f"{name:14} best {best}, median {median}")


if __name__ == "__main__":
    main()
