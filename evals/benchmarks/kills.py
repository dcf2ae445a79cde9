"""Killed anywhere, nothing is lost: ``python -m evals.benchmarks.kills [--seed N] [--sync 40 --add 30 …]``.

Real processes take documents in (four kinds of work, see ``killing``), migrate databases and back them up (see
``killing_database``) and are ended by SIGKILL at times drawn evenly.
Each writes what it is about to do and what it has done to a journal that is on disk before it goes on. The next
process, a fresh one, first looks whether everything done is there, whole, and nothing else is; then it goes on working
until it is killed in turn. The last one is let live.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from evals.benchmarks.killing import KINDS, Work, documents
from evals.benchmarks.texts import KNOWLEDGE

SPAN_S = 3.0
"""A process is killed at a moment drawn evenly from this long after it says that it works …"""
EARLY = 0.2
"""… or, in this share of the cycles, from the time it takes to start and look through what is there."""
PATIENCE_S = 180.0


@dataclass
class Outcome:
    """What came of the kills of one kind."""

    kind: str
    kills: int = 0
    early: int = 0
    done: int = 0
    in_flight: int = 0
    problems: list[str] = field(default_factory=list)
    left_processes: int = 0


def kill(kind: str, count: int, seed: int, folder: Path) -> Outcome:
    """Kill a worker ``count`` times and look after each whether all is well.

    Args:
        kind: one of :data:`~evals.benchmarks.killing.KINDS`.
        count: kills.
        seed: of the moments.
        folder: an empty folder to work in.
    """
    chance = random.Random(f"{seed}-{kind}")
    (folder / "knowledge").mkdir(parents=True)
    shutil.copytree(KNOWLEDGE / "library", folder / "knowledge" / "library")
    shutil.copy(KNOWLEDGE / "thesaurus.yaml", folder / "knowledge" / "thesaurus.yaml")
    documents(folder / "knowledge", 0)
    outcome, starting = Outcome(kind), 1.0
    for cycle in range(count + 1):
        worker = _Worker(kind, folder, seed * 1000 + cycle)
        early = cycle and cycle < count and chance.random() < EARLY
        if early:
            worker.end_after(chance.uniform(0, starting))
            outcome.early += 1
        else:
            starting = worker.wait_until_it_works(outcome.problems)
            worker.end_after(chance.uniform(0, SPAN_S) if cycle < count else 0.0)
        outcome.kills += cycle < count
        outcome.left_processes += worker.left_behind()
    lines = _journal(folder)
    outcome.done = sum("done" in line for line in lines)
    outcome.in_flight = sum("doing" in line for line in lines) - outcome.done
    return outcome


class _Worker:
    """A process that works until it is killed."""

    def __init__(self, kind: str, folder: Path, seed: int) -> None:
        self._folder = folder
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("YOULI_", "OPENAI_"))}
        module = "evals.benchmarks.killing_database" if kind in ("migrate", "backup") else "evals.benchmarks.killing"
        command = [sys.executable, "-m", module, kind, str(folder), str(seed)]
        with (folder / "stderr.txt").open("wb") as errors:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=kept, text=True)
        self._begun = time.monotonic()

    def wait_until_it_works(self, problems: list[str]) -> float:
        """Take its findings; seconds from its start to its first work."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            problems += told.get("problems", [])
            if told.get("working"):
                return time.monotonic() - self._begun
        problems.append("ended: " + (self._folder / "stderr.txt").read_text("utf-8", "replace")[-400:])
        return 1.0

    def end_after(self, seconds: float) -> None:
        """Let it work on, then kill it."""
        time.sleep(seconds)
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(PATIENCE_S)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def left_behind(self) -> int:
        """Processes of Chroma that outlive their server by more than some seconds."""
        pids = {line["chroma"] for line in _journal(self._folder) if "chroma" in line}
        until = time.monotonic() + 10
        while (alive := [pid for pid in pids if _is_chroma(pid)]) and time.monotonic() < until:
            time.sleep(0.05)
        return len(alive)


def _is_chroma(pid: int) -> bool:
    try:
        return b"service.vectors" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _journal(folder: Path) -> list[dict[str, int]]:
    return Work.read(folder / "journal.jsonl")


def main(arguments: list[str]) -> int:
    """Run and print a table; 1 when anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    for kind, count in KINDS.items():
        parser.add_argument(f"--{kind}", type=int, default=count)
    given = parser.parse_args(arguments)
    print(f"seed {given.seed}")
    bad = 0
    for kind in KINDS:
        count = getattr(given, kind)
        if not count:
            continue
        with tempfile.TemporaryDirectory() as folder:
            begun = time.monotonic()
            outcome = kill(kind, count, given.seed, Path(folder))
        bad += len(outcome.problems) + outcome.left_processes
        print(
            f"{kind:8} kills {outcome.kills} (while starting {outcome.early}), done {outcome.done}, "
            f"cut short {outcome.in_flight}, problems {len(outcome.problems)}, "
            f"processes left {outcome.left_processes}, {time.monotonic() - begun:.0f} s",
            flush=True,
        )
        for problem in outcome.problems[:10]:
            print("   " + problem)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
