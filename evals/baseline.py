"""``evals/baseline.json``: what the suite came to when a person last accepted it; a case a line, for git to show.

A baseline never holds what the rubric lists as ``never_accepted``; any other veto stands in it only for a case that
is listed in ``known_misses.yaml``, the cases known not to be right yet.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from evals.results import Digests
from evals.rubric import Rubric
from evals.standing import CaseStanding, Side, Standing, scorer_of
from evals.whole import write_whole
from evals.words import listed, word
from service.errors import Conflict, RulebookError, UsageError, phrase

BASELINE = Path(__file__).with_name("baseline.json")


def read_baseline(path: Path = BASELINE) -> Side:
    """The accepted baseline.

    Raises:
        UsageError: ``baseline_missing``: none was accepted yet.
        RulebookError: the file is broken; with the line.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise UsageError("baseline_missing", path=path) from None
    except (OSError, UnicodeDecodeError) as error:
        raise RulebookError(path, 0, phrase("baseline_broken", problem=type(error).__name__)) from None
    try:
        return Side(Standing.model_validate(json.loads(text)))
    except json.JSONDecodeError as error:
        raise RulebookError(path, error.lineno, phrase("baseline_broken", problem=error.msg)) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        line = _line(text, [str(part) for part in first["loc"]])
        raise RulebookError(path, line, phrase("baseline_broken", problem=f"{where} {first['msg']}")) from None


def accept(run: Side, path: Path, rubric: Rubric, known: Collection[str]) -> Standing:
    """Make a run the baseline.

    Args:
        run: a whole run of the suite.
        path: the file, written whole or not at all.
        rubric: says what is never accepted.
        known: ids of the cases known not to be right yet.

    Raises:
        Conflict: ``baseline_refused``: names what may not stand in a baseline, case by case (``extra``).
    """
    refused = refusals(run, rubric, known)
    if refused:
        error = Conflict("baseline_refused", reasons="；".join(text for text, _ in refused))
        error.extra = {"refused": [{"reason": text, "cases": cases} for text, cases in refused]}
        raise error
    now = datetime.now(UTC).replace(microsecond=0)
    standing = run.standing.model_copy(update={"kind": "baseline", "at": now, "cases": dict(_sorted(run.standing))})
    _write(path, written(standing))
    return standing


def refusals(run: Side, rubric: Rubric, known: Collection[str]) -> list[tuple[str, list[str]]]:
    """Why a run may not become the baseline: the sentence and the cases; empty when it may."""
    standing = run.standing
    found: list[tuple[str, list[str]]] = []
    if standing.state != "done" or standing.results < standing.total:
        found.append((word("baseline", "unfinished", results=standing.results, total=standing.total), []))
    if standing.kind != "run":
        found.append((word("baseline", "no_suite"), []))
    if standing.only:
        found.append((word("baseline", "filtered", only=listed(standing.only)), []))
    if broken := [case for case, one in standing.cases.items() if one.errors]:
        found.append((word("baseline", "errors", cases=listed(broken)), broken))
    names = {name: entry.name for name, entry in rubric.entry.scorers.items()}
    for scorer, cases in _by_scorer(standing, vetoes=False).items():
        if scorer in rubric.entry.never_accepted:
            found.append((word("baseline", "never", name=names.get(scorer, scorer), cases=listed(cases)), cases))
    for scorer, cases in _by_scorer(standing, vetoes=True).items():
        left = [case for case in cases if case not in known]
        if left and scorer not in rubric.entry.never_accepted:
            found.append((word("baseline", "veto", name=names.get(scorer, scorer), cases=listed(left)), left))
    return found


def _by_scorer(standing: Standing, *, vetoes: bool) -> dict[str, list[str]]:
    """Scorer → cases in which it failed, or vetoed; a judge's count too: what it vetoes a person should look at."""
    found: dict[str, list[str]] = {}
    for case, one in sorted(standing.cases.items()):
        keys = [key for marks in (one, one.judged) if marks for key in (marks.vetoed if vetoes else marks.failed)]
        for scorer in sorted({scorer_of(key) for key in keys}):
            found.setdefault(scorer, []).append(case)
    return found


def written(standing: Standing) -> str:
    """The file's text: the head, then a case a line; what is as usual is left out."""
    head = standing.model_dump(mode="json", exclude={"cases"}, exclude_defaults=True)
    head["digests"] = {name: getattr(standing.digests, name) for name in Digests.model_fields}
    lines = [f" {_json(name)}: {_json(value)},\n" for name, value in head.items()]
    cases = ",\n".join(f"  {_json(case)}: {_json(_case(one))}" for case, one in sorted(standing.cases.items()))
    return "{\n" + "".join(lines) + ' "cases": {\n' + cases + "\n }\n}\n"


def _case(one: CaseStanding) -> dict[str, Any]:
    kept = one.model_dump(mode="json", exclude_defaults=True)
    order = ("digest", "points", "passed", "verdict", "boundary")
    return {name: kept.pop(name) for name in order if name in kept} | kept


def _sorted(standing: Standing) -> list[tuple[str, CaseStanding]]:
    return sorted(standing.cases.items())


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=isinstance(value, dict) and "digest" not in value)


def _line(text: str, where: list[str]) -> int:
    """The line a broken field stands in: a case has one of its own."""
    for name in reversed(where):
        at = text.find(f"{_json(name)}:")
        if at >= 0:
            return text.count("\n", 0, at) + 1
    return 1


def _write(path: Path, text: str) -> None:
    """The file, whole or not at all."""
    try:
        write_whole(path, text)
    except OSError as error:
        raise UsageError("baseline_unwritable", path=path, reason=error.strerror or type(error).__name__) from None
