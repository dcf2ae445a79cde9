"""What came of the cases of :mod:`evals.benchmarks.schema_fuzz`: counted, added up over slices, told."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

COUNTS = ("cases", "statuses", "checks", "failed", "said")


@dataclass
class Tally:
    """What came of the cases."""

    cases: Counter[str] = field(default_factory=Counter)
    """By phase."""
    operations: set[str] = field(default_factory=set)
    served: set[str] = field(default_factory=set)
    """Operations that did what was asked at least once: a door that only refuses was not tried."""
    statuses: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    """Passed, by check."""
    failures: dict[tuple[str, str, str], str] = field(default_factory=dict)
    """By operation, check and what is wrong: how to see it again."""
    failed: Counter[str] = field(default_factory=Counter)
    said: Counter[str] = field(default_factory=Counter)
    """Refusals of what fits the document, for a reason of ``schema_fuzz.yaml``."""
    errors: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """All cases."""
        return sum(self.cases.values())

    def add(self, other: Tally) -> None:
        """Take another one's in."""
        self.cases += other.cases
        self.operations |= other.operations
        self.served |= other.served
        self.statuses += other.statuses
        self.checks += other.checks
        self.failures |= other.failures
        self.failed += other.failed
        self.said += other.said
        self.errors += other.errors

    def count(self, event: Any) -> None:
        """Take in what one scenario of Schemathesis did."""
        recorder = event.recorder
        self.cases[str(event.phase.value)] += len(recorder.cases)
        for case_id, node in recorder.cases.items():
            label = node.value.operation.label
            shown = recorder.interactions.get(case_id)
            response = shown.response if shown else None
            self.operations.add(label)
            self.statuses[str(response.status_code if response else "none")] += 1
            if response and response.status_code < 300:
                self.served.add(label)
            for check in recorder.checks.get(case_id, ()):
                if check.failure_info is None:
                    self.checks[check.name] += 1
                    continue
                failure = check.failure_info.failure
                self.failed[check.name] += 1
                what = f"{failure.title}: {failure.message}"[:600]
                body = response.content[:300].decode("utf-8", "replace") if response else ""
                how = f"{what}\n{check.failure_info.code_sample[:900]}\n{body}"
                self.failures.setdefault((label, check.name, what[:160]), how)

    def report(self, label: str, seconds: float = 0) -> str:
        """All of it as text."""
        lines = [
            f"{label}: {self.total} cases of {len(self.operations)} operations in {seconds:.0f} s, by phase "
            f"{dict(self.cases)}",
            f"checks passed {dict(self.checks)}",
            f"statuses {dict(self.statuses.most_common())}; never 2xx: {sorted(self.operations - self.served)}",
            f"failures {sum(self.failed.values())} {dict(self.failed)}, refused with a reason {dict(self.said)}",
        ]
        lines += [f"error: {one}" for one in dict.fromkeys(self.errors)]
        return "\n".join(lines)

    def line(self, **more: Any) -> str:
        """The numbers as a line of JSON, for a file of slices."""
        told: dict[str, Any] = {name: dict(getattr(self, name)) for name in COUNTS}
        told |= {"operations": sorted(self.operations), "served": sorted(self.served), "errors": self.errors}
        return json.dumps(more | told)


def added_up(lines: Iterable[str]) -> Tally:
    """The slices of a file as one."""
    every = Tally()
    for told in map(json.loads, lines):
        one = Tally(operations=set(told["operations"]), served=set(told["served"]), errors=told["errors"])
        for name in COUNTS:
            getattr(one, name).update(told[name])
        every.add(one)
    return every


def summed(path: Path) -> str:
    """A file of slices, told as one."""
    lines = path.read_text("utf-8").splitlines()
    return added_up(lines).report(f"{len(lines)} slices", sum(json.loads(line)["seconds"] for line in lines))
