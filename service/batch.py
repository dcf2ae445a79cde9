"""Many texts at once: each read and checked by itself, so that a broken one spoils no other, and counted together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from service.errors import InvalidRequest, YouliError
from service.intake import read_model
from service.schemas import BatchItem, BatchResult, BatchSummary, CheckRequest, CheckResult, ItemProblem
from service.schemas.checks import MAX_BATCH_CHARS

if TYPE_CHECKING:
    from service.checking import Checker
    from service.schemas import Draft, Inquiry

Stored = Mapping[tuple[str, str], "tuple[Draft, Inquiry] | None"]
"""Drafts by shop and id; None for one that is not there."""


def read_items(values: Sequence[Any]) -> list[CheckRequest | InvalidRequest]:
    """Every item as a request, or why it is none.

    Raises:
        InvalidRequest: ``batch_too_long``, more characters in all than one batch takes.
    """
    read: list[CheckRequest | InvalidRequest] = []
    for value in values:
        try:
            read.append(read_model(CheckRequest, value))
        except InvalidRequest as error:
            read.append(error)
    size = sum(len(item.text) for item in read if isinstance(item, CheckRequest))
    if size > MAX_BATCH_CHARS:
        raise InvalidRequest("batch_too_long", size=size, limit=MAX_BATCH_CHARS)
    return read


def check_items(checker: Checker, items: Sequence[CheckRequest | YouliError], stored: Stored) -> BatchResult:
    """Check every readable item; ``stored`` holds the drafts that items name."""
    done = [_check(checker, index, item, stored) for index, item in enumerate(items)]
    return BatchResult(items=done, summary=summarise(done))


def _check(checker: Checker, index: int, item: CheckRequest | YouliError, stored: Stored) -> BatchItem:
    if isinstance(item, YouliError):
        return BatchItem(index=index, error=_problem(item))
    case = stored.get((item.shop, item.draft)) if item.draft is not None else None
    return BatchItem(index=index, result=checker.check(item, case))


def _problem(error: YouliError) -> ItemProblem:
    errors = error.errors if isinstance(error, InvalidRequest) else []
    return ItemProblem(code=error.code, detail=error.detail, errors=errors)


def summarise(items: Iterable[BatchItem]) -> BatchSummary:
    """Counts over a batch, the most frequent first."""
    listed = list(items)
    results = [item.result for item in listed if item.result is not None]
    passed = sum(result.passed for result in results)
    return BatchSummary(
        items=len(listed),
        checked=len(results),
        failed=len(listed) - len(results),
        passed=passed,
        blocked=len(results) - passed,
        passed_share=round(passed / len(results), 4) if results else None,
        by_category=_counted(results, "category"),
        by_severity=_counted(results, "severity"),
        by_rule=_counted(results, "rule"),
    )


def _counted(results: Iterable[CheckResult], field: str) -> dict[str, int]:
    return dict(Counter(getattr(f, field) for result in results for f in result.findings).most_common())
