"""The processes a comparison runs: the model's endpoint and everything that asks it, started one after the other."""

from __future__ import annotations

import asyncio
import json
import shutil
import statistics
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.benchmarks.inquiries import bodies, encoded
from evals.benchmarks.load import Run, load, post
from evals.benchmarks.processes import Served, control, pin, processors, served, youli_environment

DOOR = "/v1/drafts"
MORE = 200
"""Bytes of a request around its prompt, and of the buyer's message that comes after it."""


@dataclass
class House:
    """Everything that runs. ``port`` of the endpoint; ``systems`` by name."""

    port: int
    endpoint: Served
    systems: dict[str, Served]
    seed: int = 0

    def ask(self, name: str, at_once: int, seconds: float = 0.0, count: int = 0, **more: Any) -> tuple[Run, float]:
        """Load one system with inquiries never asked before; its processor time with it.

        Raises:
            RuntimeError: an answer was no good one; nothing may be said about such a system's speed.
        """
        system = self.systems[name]
        self.seed += 1
        number = count or int(200 * seconds) + at_once
        requests = [post(system.port, DOOR, body) for body in encoded(bodies(number, self.seed, **more))]
        before = system.cpu()
        run = asyncio.run(load(system.port, requests, at_once, seconds, count))
        used = system.cpu() - before
        if len(run.good) != len(run.answers) or run.errors:
            bad = next((a for a in run.answers if a.status >= 300), None)
            said = bad.body[:500].decode("utf-8", "replace") if bad else run.errors[:3]
            raise RuntimeError(f"{name}: {len(run.answers) - len(run.good)} bad answers: {said}")
        return run, used


@contextmanager
def house(folder: Path, names: list[str]) -> Iterator[House]:
    """Start all, one after the other; the prompt the rivals send is one that ours has sent."""
    load_on, measured_on = processors()
    pin(0, load_on)
    with ExitStack() as stack:
        endpoint = stack.enter_context(served("endpoint", ["evals.benchmarks.endpoint"], folder, load_on))
        built = House(endpoint.port, endpoint, {})
        for name in ("kept", "unkept"):
            arguments = ["service.cli", "serve", "--port", "0"] if name == "kept" else ["evals.benchmarks.rivals", name]
            environment = youli_environment(folder / name, endpoint.port)
            if name == "unkept":  # what the first has learned serves the second
                shutil.copytree(folder / "kept" / "learned", folder / "unkept" / "learned")
            built.systems[name] = stack.enter_context(served(name, arguments, folder, measured_on, **environment))
            built.ask(name, 4, count=60)
            built.systems[name].settle()
        prompt = folder / "prompt.json"
        prompt.write_text(json.dumps(_prompt(built), ensure_ascii=False), encoding="utf-8")
        for name in names:
            environment = {
                "BENCH_PROMPT": str(prompt),
                "OPENAI_BASE_URL": f"http://127.0.0.1:{endpoint.port}/v1",
                "OPENAI_API_KEY": "sk-of-no-use",
            }
            arguments = ["evals.benchmarks.rivals", name]
            built.systems[name] = stack.enter_context(served(name, arguments, folder, measured_on, **environment))
            built.ask(name, 4, count=60)
        yield built


def _prompt(built: House) -> dict[str, str]:
    """A prompt our writer has sent; of several the one that is nearest in length to our mean request, all of it."""
    sent, sizes = [], []
    for _ in range(30):
        built.ask("unkept", 1, count=1)
        told = control(built.port)["last_body"]
        sizes.append(len(told.encode()))
        system, user = (message["content"] for message in json.loads(told)["messages"])
        sent.append({"system": system, "user": user})
    mean = statistics.mean(sizes)
    return min(sent, key=lambda texts: abs(len(json.dumps(texts, ensure_ascii=False).encode()) + MORE - mean))
