"""Every operation, every check: ``python -m evals.benchmarks.schema_fuzz [--cases 20000 --seed N]``.

Schemathesis reads the API's own document and tries the doors with what fits it and what does not, and with sequences
along its links. A server of its own, keys on, asked with an admin's key; the document is held against every answer.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from evals.benchmarks.processes import served
from evals.benchmarks.schema_client import client
from evals.benchmarks.schema_tally import Tally, summed

PHASES = ("examples", "coverage", "fuzzing", "stateful")

WORKERS = 1
"""With more its generators meet in one Hypothesis, which then reports errors of its own; the server is the slower one.
"""
ENVIRONMENT = {"YOULI_RATE_PER_MINUTE": "1000000", "YOULI_WEBHOOK_ALLOW": "127.0.0.1"}
"""Of a server that is tried."""


def fuzz(
    url: str, key: str | None, seed: int, examples: int, phases: Sequence[str] = PHASES, every: int = 1, **more: Any
) -> Tally:
    """Try the doors.

    Args:
        url: of the server.
        key: an admin's; None where the server wants none.
        seed: of what is tried.
        examples: cases an operation in the fuzzing phase, sequences in the stateful one.
        phases: which.
        every: 1: all operations; 3: every third of them by name.
        more: further parts of Schemathesis' configuration.
    """
    import schemathesis
    from schemathesis.engine import events, from_schema

    generation = {"max-examples": examples, "no-shrink": True, "database": "none"}
    bearer = {"auth": {"openapi": {"bearer": {"bearer": key}}}} if key else {}
    usual = {"seed": seed, "continue-on-failure": True, "request-timeout": 120, "base-url": url, "workers": WORKERS}
    enabled = {name: {"enabled": name in phases} for name in PHASES}
    config = schemathesis.Config.from_dict(usual | {"generation": generation, "phases": enabled} | bearer | more)
    document = _document(url, key)
    schema: Any = schemathesis.openapi.from_dict(document, config=config)
    if every > 1:
        names = sorted(one["operationId"] for path in document["paths"].values() for one in path.values())
        schema = schema.include(operation_id=names[::every])
    tally = Tally()
    _accept_what_is_said(schema, tally)
    with client():
        for event in from_schema(schema).execute():
            if isinstance(event, events.ScenarioFinished):
                tally.count(event)
            elif isinstance(event, events.NonFatalError):
                tally.errors.append(f"{event.label}: {event.info.format()[:600]}")
            elif isinstance(event, events.FatalError):
                raise RuntimeError(str(event.exception)) from event.exception
    return tally


def _accept_what_is_said(schema: Any, tally: Tally) -> None:
    said: dict[str, str] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text("utf-8"))["said"]

    @schema.hook  # type: ignore[untyped-decorator]
    def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
        code = _code(response) if type(failure).__name__ == "RejectedPositiveData" else None
        if code not in said:
            return True
        tally.said[str(code)] += 1
        return False


def _document(url: str, key: str | None) -> dict[str, Any]:
    asked = urllib.request.Request(f"{url}/openapi.json", headers={"Authorization": f"Bearer {key}"} if key else {})
    with urllib.request.urlopen(asked, timeout=120) as answer:
        told: dict[str, Any] = json.load(answer)
    return told


def _code(response: Any) -> str | None:
    try:
        told = json.loads(response.content)
        return str(told.get("code") or told["error"]["code"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def main(arguments: list[str]) -> int:
    """Run slices until there are enough cases; 1 when anything failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--examples", type=int, default=40)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--phases", default=",".join(PHASES))
    parser.add_argument("--out", type=Path, help="a file that gets a line of JSON for each slice")
    parser.add_argument("--sum", type=Path, help="only add up the slices of such a file")
    given = parser.parse_args(arguments)
    if given.sum:
        print(summed(given.sum))
        return 0
    every, begun, slices = Tally(), time.monotonic(), 0
    while every.total < given.cases:
        seed, at = given.seed + slices, time.monotonic()
        found = _slice(seed, given.examples, given.phases.split(","))
        took = time.monotonic() - at
        print(found.report(f"seed {seed}", took), flush=True)
        for (label, check, _), how in found.failures.items():
            print(f"--- {label} [{check}]\n{how}\n", flush=True)
        if given.out:
            with given.out.open("a", encoding="utf-8") as file:
                file.write(found.line(seed=seed, examples=given.examples, seconds=round(took)) + "\n")
        every.add(found)
        slices += 1
    print(every.report(f"seeds {given.seed}–{given.seed + slices - 1}", time.monotonic() - begun))
    return 1 if every.failed or every.errors else 0


def _slice(seed: int, examples: int, phases: Sequence[str]) -> Tally:
    """Try a server of its own."""
    with tempfile.TemporaryDirectory() as folder:
        environment = ENVIRONMENT | {"YOULI_DATA_DIR": f"{folder}/data"}
        command = ["service.cli", "serve", "--port", "0"]
        with served("youli", command, Path(folder) / "log", None, **environment) as server:
            return fuzz(f"http://127.0.0.1:{server.port}", admin_key(server.said), seed, examples, phases)


def admin_key(said: Sequence[str]) -> str:
    """The key a first start prints."""
    return next(line.strip() for line in said if line.startswith("yl_"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
