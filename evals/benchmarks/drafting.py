"""What a draft costs beside a bare endpoint and a plain chain: ``python -m evals.benchmarks.drafting [--json]``.

Five processes and this one: a model of fixed latency (``endpoint``), FastAPI with the openai SDK and nothing else
(``bare``), a chain of LangChain over Chroma (``chain``), ``youli serve`` (``kept``), and that without keeping drafts
(``unkept``). All get the same inquiries and send the model about as many bytes, and it answers all alike. Rounds are
interleaved and every ratio is taken within a round; the medians are printed. Processor time is that of the server,
user and system; Chroma's process behind ``youli serve`` is told apart. The load and the model run on one processor,
what is measured on another, if there are two. Compare ratios: milliseconds of one machine are no one's measure.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from evals.benchmarks.drafting_house import House, house
from evals.benchmarks.drafting_stream import first_step, in_process
from evals.benchmarks.processes import compile_all, control, stop_when_told

DEGRADED = b'"degraded":true,"reason":"llm_'
"""In a draft the playbook wrote because the model was too late."""
TARGETS = {
    "cpu, unkept / bare": ("<=", 2.2),
    "cpu, kept / bare": ("<=", 3.0),
    "added p50 at 1, best round, ms": ("<=", 8.0),
    "throughput at 64 / bare": (">=", 0.9),
    "stream / SDK's loop": ("<=", 0.5),
    "first step before the last token, ms": (">", 0.0),
}


def cpu_table(built: House, rounds: int, seconds: float) -> dict[str, Any]:
    """Processor time a draft at 0 ms of model time, one and sixteen at once."""
    told: dict[str, Any] = {}
    for at_once in (1, 16):
        spent: dict[str, list[float]] = {name: [] for name in built.systems}
        sizes: dict[str, float] = {}
        chroma = built.systems["kept"].cpu_of_children()
        drafts = 0
        for number in range(rounds):
            for name in _turned(list(built.systems), number):
                control(built.port, latency_ms=0)
                run, used = built.ask(name, at_once, seconds)
                spent[name].append(1000 * used / len(run.answers))
                sizes[name] = control(built.port)["bytes_in"] / len(run.answers)
                drafts += len(run.answers) if name == "kept" else 0
        chroma = 1000 * (built.systems["kept"].cpu_of_children() - chroma) / max(1, drafts)
        ratios = {
            name: [mine / theirs for mine, theirs in zip(values, spent["bare"], strict=True)]
            for name, values in spent.items()
        }
        told[str(at_once)] = {
            name: {
                "ms": statistics.median(values),
                "ratio": statistics.median(ratios[name]),
                "ratios": [round(ratio, 2) for ratio in ratios[name]],
                "prompt_bytes": round(sizes[name]),
            }
            for name, values in spent.items()
        }
        told[str(at_once)]["chroma_ms"] = chroma
        if at_once == 1:
            told["stages"] = {name: stages(built, name) for name in ("kept", "unkept")}
    return told


def stages(built: House, name: str, count: int = 60) -> dict[str, float]:
    """Medians of where a draft's time goes, as the draft tells it; ``door`` is all the rest the asker waits for."""
    run, _ = built.ask(name, 1, count=count)
    spent: dict[str, list[float]] = {}
    for answer in run.answers:
        told = json.loads(answer.body)["timings_ms"]
        for stage, value in (told | {"door": 1000 * answer.seconds - sum(told.values())}).items():
            spent.setdefault(stage, []).append(value)
    return {stage: round(statistics.median(values), 2) for stage, values in spent.items()}


def latency_table(built: House, rounds: int, model_ms: float = 500.0, count: int = 8) -> dict[str, Any]:
    """Median time added to the model's, one at a time: of each round, of all, and of the best round; milliseconds.

    Whatever else the machine does only ever adds to it: on a busy one the best round is the nearer to the truth.
    """
    added: dict[str, list[float]] = {name: [] for name in built.systems}
    for number in range(rounds):
        for name in _turned(list(built.systems), number):
            control(built.port, latency_ms=model_ms)
            run, _ = built.ask(name, 1, count=count)
            added[name].append(statistics.median(1000 * answer.seconds - model_ms for answer in run.answers))
    return {
        name: {
            "ms": statistics.median(values),
            "best": min(values),
            "rounds": [round(value, 1) for value in values],
        }
        for name, values in added.items()
    }


def rate_table(built: House, rounds: int, seconds: float, model_ms: float = 500.0, at_once: int = 64) -> dict[str, Any]:
    """Drafts a second with so many at once, beside the bare endpoint's; and the share the model did not write."""
    rates: dict[str, list[float]] = {name: [] for name in built.systems}
    without: dict[str, list[float]] = {name: [] for name in built.systems}
    for number in range(rounds):
        for name in _turned(list(built.systems), number):
            control(built.port, latency_ms=model_ms)
            run, _ = built.ask(name, at_once, seconds)
            rates[name].append(run.rate)
            without[name].append(sum(DEGRADED in answer.body for answer in run.answers) / len(run.answers))
    ratios = {name: [a / b for a, b in zip(values, rates["bare"], strict=True)] for name, values in rates.items()}
    return {
        name: {
            "rate": statistics.median(values),
            "ratio": statistics.median(ratios[name]),
            "degraded": statistics.mean(without[name]),
        }
        for name, values in rates.items()
    }


def _turned(names: list[str], number: int) -> list[str]:
    """Another one begins each round."""
    number %= len(names)
    return names[number:] + names[:number]


def goals(told: dict[str, Any]) -> list[tuple[str, float | None, str, bool | None]]:
    """Each target: name, what was measured (the worse of one and sixteen at once), the target, whether it is met."""
    cpu, added, rate = told["cpu"], told["added"], told["rate"]
    streams = told["streams"]
    measured = {
        "cpu, unkept / bare": max(cpu[n]["unkept"]["ratio"] for n in ("1", "16")),
        "cpu, kept / bare": max(cpu[n]["kept"]["ratio"] for n in ("1", "16")),
        "added p50 at 1, best round, ms": added["kept"]["best"],
        "throughput at 64 / bare": rate["kept"]["ratio"],
        "stream / SDK's loop": streams["client"].get("ratio"),
        "first step before the last token, ms": streams["first_step"].get("before_ms"),
    }
    rows = []
    for name, value in measured.items():
        sign, target = TARGETS[name]
        met = None if value is None else {"<=": value <= target, ">=": value >= target, ">": value > target}[sign]
        rows.append((name, value, f"{sign} {target:g}", met))
    return rows


def show(told: dict[str, Any]) -> None:
    """Print it for people."""
    print("\n0 ms of model time; ms of processor a draft, ratio to bare, bytes to the model")
    for at_once in ("1", "16"):
        rows = dict(told["cpu"][at_once])
        chroma = rows.pop("chroma_ms")
        for name, row in rows.items():
            print(
                f"  {at_once:>2} at once  {name:<8} {row['ms']:7.2f} {row['ratio']:6.2f} x  {row['prompt_bytes']:6} B"
                f"   rounds {row['ratios']}"
            )
        print(f"  {at_once:>2} at once  Chroma's process behind kept {chroma:.2f} ms a draft")
    for name, spent in told["cpu"]["stages"].items():
        print(f"  where {name}'s time goes, ms: " + "  ".join(f"{stage} {value:.2f}" for stage, value in spent.items()))
    print("\n500 ms of model time; ms added (median, one at a time); drafts a second with 64 at once, ratio to bare")
    for name in told["added"]:
        rate = told["rate"][name]
        ms, best = told["added"][name]["ms"], told["added"][name]["best"]
        print(
            f"  {name:<8} {ms:7.1f} ms, best round {best:6.1f} ms   {rate['rate']:7.1f} /s {rate['ratio']:6.2f} x, "
            f"{100 * rate['degraded']:.0f} % without the model"
        )
    print(f"\nstreams: {json.dumps(told['streams'])}")
    print("\ntarget                                     measured     target")
    for name, value, target, met in goals(told):
        shown = "-" if value is None else f"{value:.2f}"
        print(f"  {name:<40} {shown:>9}   {target:>8}   {'' if met is None else 'met' if met else 'MISSED'}")


def measure(rounds: int, seconds: float, rivals: list[str]) -> dict[str, Any]:
    """Start everything, measure, stop everything."""
    compile_all()
    stop_when_told()
    with tempfile.TemporaryDirectory() as folder, house(Path(folder), rivals) as built:
        return {
            "cpu": cpu_table(built, rounds, seconds),
            "added": latency_table(built, rounds),
            "rate": rate_table(built, max(1, rounds // 2), max(2.0, 3 * seconds)),
            "streams": {
                "client": asyncio.run(in_process(built.port, rounds)),
                "first_step": first_step(built.port, built.systems["kept"].port),
            },
        }


def main(arguments: list[str]) -> int:
    """Measure and print; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of load a system, a round")
    parser.add_argument("--without-chain", action="store_true", help="leave the plain chain out")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    told = measure(given.rounds, given.seconds, ["bare"] if given.without_chain else ["bare", "chain"])
    if given.json:
        told["targets"] = {name: {"measured": value, "target": t, "met": met} for name, value, t, met in goals(told)}
        print(json.dumps(told, ensure_ascii=False, indent=1))
    else:
        show(told)
    return int(any(met is False for *_, met in goals(told)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
