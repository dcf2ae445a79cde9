"""Every operation, every check: ``python -m evals.benchmarks.schema_fuzz [--cases 20000 --seed N]``.

Schemathesis reads the API's own document and tries the doors with what fits it and what does not, and with sequences
along its links. A server of its own, keys on, asked with an admin's key; the document is held against every answer.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import tempfile
import time
import urllib.request
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from evals.benchmarks.processes import served
from service.idempotency.keys import HEADER, PATTERN

PHASES = ("examples", "coverage", "fuzzing", "stateful")

WORKERS = 3


@dataclass
class Tally:
    """What came of the cases."""

    cases: Counter[str] = field(default_factory=Counter)
    """By phase."""
    operations: set[str] = field(default_factory=set)
    checks: Counter[str] = field(default_factory=Counter)
    """Passed, by check."""
    failures: dict[tuple[str, str, str], str] = field(default_factory=dict)
    """By operation, check and what is wrong: how to see it again."""
    failed: Counter[str] = field(default_factory=Counter)
    said: Counter[str] = field(default_factory=Counter)
    """Refusals of what fits the document, for a reason of the file beside this."""
    errors: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """All cases."""
        return sum(self.cases.values())

    def add(self, other: Tally) -> None:
        """Take another one's in."""
        self.cases += other.cases
        self.operations |= other.operations
        self.checks += other.checks
        self.failures |= other.failures
        self.failed += other.failed
        self.said += other.said
        self.errors += other.errors


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
    _hook()
    _accept_what_is_said(schema, tally)
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            _count(tally, event)
        elif isinstance(event, events.NonFatalError) and "Inconsistent results" not in event.info.format():
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


@cache
def _hook() -> None:
    import schemathesis

    def before_call(context: Any, case: Any, kwargs: Any) -> None:
        _as_a_client(case)

    schemathesis.hook(before_call)  # it knows it by its name; once a process


def _as_a_client(case: Any) -> None:
    """Draw a new key for most requests, as clients do, and have no run that would keep a processor busy for minutes."""
    key = (case.headers or {}).get(HEADER)
    if isinstance(key, str) and re.fullmatch(PATTERN, key) and zlib.crc32(case.id.encode()) % 4:
        case.headers[HEADER] = f"{key[:200]}{case.id}"
    only = case.body.get("only", []) if isinstance(case.body, dict) else None
    if case.operation.definition.raw.get("operationId") == "start_run" and isinstance(only, list):
        case.body = {**case.body, "only": [*only[:49], "no-case-has-this"]}


def _code(response: Any) -> str | None:
    try:
        told = json.loads(response.content)
        return str(told.get("code") or told["error"]["code"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def _count(tally: Tally, event: Any) -> None:
    """Take in what one scenario did."""
    recorder = event.recorder
    tally.cases[str(event.phase.value)] += len(recorder.cases)
    for case_id, node in recorder.cases.items():
        tally.operations.add(node.value.operation.label)
        for check in recorder.checks.get(case_id, ()):
            if check.failure_info is None:
                tally.checks[check.name] += 1
                continue
            failure = check.failure_info.failure
            tally.failed[check.name] += 1
            what = f"{failure.title}: {failure.message}"[:600]
            shown = recorder.interactions.get(case_id)
            body = shown.response.content[:300].decode("utf-8", "replace") if shown and shown.response else ""
            wrong = (node.value.operation.label, check.name, what[:160])
            tally.failures.setdefault(wrong, f"{what}\n{check.failure_info.code_sample[:900]}\n{body}")


def report(tally: Tally, seconds: float, label: str) -> str:
    """All of it as text."""
    lines = [
        f"{label}: {tally.total} cases of {len(tally.operations)} operations in {seconds:.0f} s, by phase "
        f"{dict(tally.cases)}",
        f"checks passed {dict(tally.checks)}",
        f"failures {sum(tally.failed.values())} {dict(tally.failed)}, refused with a reason {dict(tally.said)}",
    ]
    lines += [f"error: {one}" for one in dict.fromkeys(tally.errors)]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Run slices until there are enough cases; 1 when anything failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--examples", type=int, default=40)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--phases", default=",".join(PHASES))
    given = parser.parse_args(arguments)
    every, begun, slices = Tally(), time.monotonic(), 0
    while every.total < given.cases:
        seed = given.seed + slices
        with tempfile.TemporaryDirectory() as folder:
            environment = {"YOULI_DATA_DIR": f"{folder}/data", "YOULI_RATE_PER_MINUTE": "1000000"}
            command = ["service.cli", "serve", "--port", "0"]
            with served("youli", command, Path(folder) / "log", None, **environment) as server:
                at = time.monotonic()
                url = f"http://127.0.0.1:{server.port}"
                found = fuzz(url, admin_key(server.said), seed, given.examples, given.phases.split(","))
        print(report(found, time.monotonic() - at, f"seed {seed}"), flush=True)
        for (label, check, _), how in found.failures.items():
            print(f"--- {label} [{check}]\n{how}\n", flush=True)
        every.add(found)
        slices += 1
    print(report(every, time.monotonic() - begun, f"seeds {given.seed}–{given.seed + slices - 1}"))
    return 1 if every.failed or every.errors else 0


def admin_key(said: Sequence[str]) -> str:
    """The key a first start prints."""
    return next(line.strip() for line in said if line.startswith("yl_"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
