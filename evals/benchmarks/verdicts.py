"""What a draft made under faults must be: whole, as planned, and honest about what went wrong."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from evals.benchmarks.faulty import ANY, FINE
from service.errors import messages


@cache
def known_reasons() -> frozenset[str]:
    """Every reason a draft may name: codes with words of their own."""
    return frozenset(code for code in messages() if code.startswith(("llm_", "embedding_")))


@dataclass
class Tally:
    """What came of many drafts."""

    asked: int = 0
    usable: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    worked: list[float] = field(default_factory=list)
    """The same less the time the machine was at other work."""
    again: int = 0
    """Drafts that had to be made again because of that."""

    def add(self, problems: list[str], reason: str | None, seconds: float, waited: float = 0.0) -> None:
        """One draft more."""
        self.asked += 1
        self.usable += not problems
        self.reasons[reason or "model"] += 1
        self.problems.update(problems)
        self.seconds.append(seconds)
        self.worked.append(seconds - waited)

    def join(self, other: Tally) -> None:
        """Another's drafts too."""
        self.asked += other.asked
        self.usable += other.usable
        self.reasons += other.reasons
        self.problems += other.problems
        self.seconds += other.seconds
        self.worked += other.worked
        self.again += other.again

    def percentile(self, share: float, worked: bool = False) -> float:
        """Seconds that this share of the drafts did not take longer than."""
        ordered = sorted(self.worked if worked else self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def problems_of(draft: dict[str, Any], plan: list[str] | None, allowed: frozenset[str] | None) -> list[str]:
    """What keeps a draft from being usable.

    Args:
        draft: as it was given out.
        plan: the steps it must have; None: any.
        allowed: reasons it may give; ``FINE``: it must be the model's; None: any known reason, or the model's.
    """
    found = []
    steps, writer = draft.get("steps") or [], draft.get("writer") or {}
    if not steps or not all(step.get("text", "").strip() for step in steps):
        found.append("a step is empty")
    if plan is not None and [step["step"] for step in steps] != plan:
        found.append("not the planned steps")
    if draft.get("reply") != "\n".join(step["text"] for step in steps):
        found.append("the reply is not its steps")
    if any(finding["severity"] == "block" for finding in draft.get("findings", ())):
        found.append("a finding blocks it")
    reason, degraded = writer.get("reason"), writer.get("degraded")
    if bool(degraded) != (reason is not None) and reason != "llm_failed_checks":
        found.append("degraded without a reason, or a reason without being degraded")
    if reason is not None and reason not in known_reasons():
        found.append(f"an unknown reason: {reason}")
    if allowed is not None and allowed != ANY and not _as_expected(reason, bool(degraded), allowed):
        found.append(f"unexpected: {reason}")
    return found


def _as_expected(reason: str | None, degraded: bool, allowed: frozenset[str]) -> bool:
    return not degraded if allowed == FINE else reason in allowed


def same_steps(shown: list[dict[str, Any]], steps: list[dict[str, Any]]) -> bool:
    """Whether what was shown on the way is what the draft says."""
    return [(step["step"], step["text"]) for step in shown] == [(step["step"], step["text"]) for step in steps]


def events_of(body: bytes) -> list[tuple[str, Any]]:
    """The events of a stream's body, chunked as it came."""
    whole = b"".join(_unchunked(body)).decode("utf-8")
    found = []
    for block in whole.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and not line.startswith(":"))
        if "event" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


def _unchunked(body: bytes) -> list[bytes]:
    pieces, place = [], 0
    while (end := body.find(b"\r\n", place)) >= 0:
        size = int(body[place:end], 16)
        pieces.append(body[end + 2 : end + 2 + size])
        place = end + 4 + size
    return pieces
