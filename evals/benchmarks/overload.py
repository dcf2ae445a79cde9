"""Many drafts at once, and four times as many: ``python -m evals.benchmarks.overload [--drafts 10000] [--json]``.

A real ``youli serve``, a model of fixed latency in a process of its own, and this process, which asks with raw sockets.
First stage: so many askers as are served (``--at-once``), each asking again as soon as it is answered, until
``--drafts`` are made; its rate is the peak. Second stage: ``--over`` times as many askers for ``--seconds``; who is
refused comes back after the time he was told (``--impatient``: at once). Printed for each stage: drafts a second, times
of the drafts and of the refusals, errors, what every process used, and how many processors the host took away.

``--url`` aims at a service that runs already (behind nginx, several workers); then ``--pid`` names the processes whose
processor and memory are told. ``--soak MINUTES`` spoils a share of the model's answers all the while and looks whether
memory, files, sockets or threads grow. Inquiries are those of all cases, each made new.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from evals.benchmarks.crowd import Crowd
from evals.benchmarks.passages import fill
from evals.benchmarks.processes import (
    Served,
    compile_all,
    control,
    cpu_of,
    memory_of,
    pin,
    processors,
    served,
    stolen,
    stop_when_told,
    youli_environment,
)

TARGETS = {
    "errors at once": ("<=", 0),
    "p99 at once, s": ("<=", 1.6),
    "goodput over / peak": (">=", 0.9),
    "refusal p99, ms": ("<=", 50),
}


@dataclass
class Costs:
    """What processes used between two looks."""

    pids: dict[str, int]
    _before: dict[str, float] = field(default_factory=dict)
    _since: float = 0.0
    _stolen: float = 0.0

    def begin(self) -> None:
        """From now on."""
        self._before = {name: cpu_of(pid) for name, pid in self.pids.items()}
        self._since, self._stolen = time.monotonic(), stolen()

    @property
    def stolen(self) -> float:
        """Processors the host of this machine gave to others: such figures are not the program's alone."""
        return round((stolen() - self._stolen) / (time.monotonic() - self._since), 2)

    def told(self) -> dict[str, Any]:
        """Share of one processor, and memory."""
        took = time.monotonic() - self._since
        return {
            name: {"cpu": round((cpu_of(pid) - self._before[name]) / took, 2), "rss_mb": round(memory_of(pid) / 1e6)}
            for name, pid in self.pids.items()
        }


def stages(crowd: Crowd, costs: Costs, given: argparse.Namespace) -> dict[str, Any]:
    """Warm, at once, over."""
    told: dict[str, Any] = {}
    warm = asyncio.run(crowd.ask(given.at_once, count=2 * given.at_once))
    print(f"warm: {warm.told()}", file=sys.stderr, flush=True)
    for name, run in (
        ("at once", {"at_once": given.at_once, "count": given.drafts}),
        ("over", {"at_once": given.over * given.at_once, "seconds": given.seconds}),
    ):
        costs.begin()
        stage = asyncio.run(crowd.ask(**run))
        told[name] = stage.told() | {"processes": costs.told(), "stolen": costs.stolen}
        drafts = max(1, len(stage.drafts))
        told[name]["server_cpu_ms_a_draft"] = round(
            1000 * stage.seconds * told[name]["processes"].get("server", {}).get("cpu", 0.0) / drafts, 1
        )
        print(f"{name}: {json.dumps(told[name], ensure_ascii=False)}", file=sys.stderr, flush=True)
    once, over = told["at once"], told["over"]
    told["targets"] = {
        "errors at once": sum(once["errors"].values()) + once["refused"],
        "p99 at once, s": once["draft_s"].get("p99"),
        "goodput over / peak": round(over["goodput"] / once["goodput"], 3) if once["goodput"] else None,
        "refusal p99, ms": over["refusal_ms"].get("p99", 0.0),
    }
    return told


def met(told: dict[str, Any]) -> bool:
    """Whether every target is."""
    fits = {"<=": lambda a, b: a is not None and a <= b, ">=": lambda a, b: a is not None and a >= b}
    return all(fits[how](told[name], goal) for name, (how, goal) in TARGETS.items())


def main(arguments: list[str]) -> int:
    """Run it; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--at-once", type=int, default=100)
    parser.add_argument("--drafts", type=int, default=2_000)
    parser.add_argument("--over", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--model-ms", type=float, default=800.0)
    parser.add_argument("--chunks", type=int, default=0, help="passages beside the shipped documents")
    parser.add_argument("--impatient", action="store_true")
    parser.add_argument("--pin", action="store_true", help="the server on a processor of its own")
    parser.add_argument("--url", help="a service that runs, on this machine; its model is its own affair")
    parser.add_argument("--pid", type=int, action="append", default=[])
    parser.add_argument("--key")
    parser.add_argument("--soak", type=float, default=0.0, metavar="MINUTES")
    parser.add_argument("--share", type=float, default=0.2, help="of the model's answers that are spoilt in a soak")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    stop_when_told()
    with ExitStack() as stack:
        crowd, costs, endpoint = _built(stack, given)
        if given.soak:
            from evals.benchmarks.soak import soak

            return soak(crowd, costs, endpoint, given)
        told = stages(crowd, costs, given)
    print(json.dumps(told, ensure_ascii=False, indent=None if given.json else 2))
    return 0 if met(told["targets"]) else 1


def _built(stack: ExitStack, given: argparse.Namespace) -> tuple[Crowd, Costs, Served | None]:
    """Everything, started and learned; or what runs already."""
    import os

    own = {"askers": os.getpid()}
    if given.url:
        port = urlsplit(given.url).port or 80
        pids = {"server" if not i else f"server {i + 1}": pid for i, pid in enumerate(given.pid)}
        return Crowd(port, given.key, not given.impatient), Costs(pids | own), None
    compile_all()
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    load_on, measured_on = processors()
    if given.pin:
        pin(0, load_on)
    endpoint = stack.enter_context(served("endpoint", ["evals.benchmarks.endpoint"], folder, load_on))
    control(endpoint.port, latency_ms=given.model_ms)
    environment = youli_environment(folder / "data", endpoint.port, YOULI_MAX_DRAFTS=str(given.at_once))
    arguments = ["service.cli", "serve", "--port", "0"]
    server = stack.enter_context(served("server", arguments, folder, measured_on if given.pin else None, **environment))
    crowd = Crowd(server.port, given.key, not given.impatient)
    asyncio.run(crowd.ask(4, count=40))
    if given.chunks:
        fill(server.port, given.chunks)
    server.settle()
    return crowd, Costs({"server": server.pid, "model": endpoint.pid} | own), endpoint


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
