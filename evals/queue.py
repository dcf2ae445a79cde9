"""What waits for a person: open appeals, blind words that contradict a score, live drafts nobody has looked at."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from evals.live import TAG, live_id
from evals.result_lines import lines_of, results_of
from evals.results import CaseResult, RunInfo, Status
from evals.review_log import NAME, read_log
from evals.reviews import Key, Review, Standing, key_of, machine_status, seen, standings
from evals.rubric import Rubric
from evals.runs import RUN, read_info, runs_dir
from service.errors import UsageError
from service.schemas.base import Out

Kind = Literal["appeal", "disagreement", "live"]


class Waiting(Out):
    """One thing a person should look at."""

    kind: Kind
    run: str
    case: str
    repeat: int
    name: str
    scorer: str = ""
    """Empty for a live draft: all of it is to be looked at."""
    scorer_name: str = ""
    criterion: str = ""
    machine: Status | None = None
    wanted: Literal["passed", "failed"] | None = None
    """What people say it should be."""
    reviewers: list[str] = Field(default_factory=list)
    """Who said so; they cannot decide it."""
    reason: str = ""
    referred: str = ""
    """An appeal that was passed on: to whom and why."""
    why: list[str] = Field(default_factory=list)
    """A live draft: why it was sampled (``rubric.yaml``)."""
    at: datetime


class WaitingPage(Out):
    """What waits, the most pressing first. ``counts``: how much there is of each kind."""

    items: list[Waiting]
    total: int
    counts: dict[Kind, int]


_ORDER: tuple[Kind, ...] = ("appeal", "disagreement", "live")


def waiting(data_dir: Path, shop: str, rubric: Rubric, limit: int) -> WaitingPage:
    """What waits in a shop's runs. A run that cannot be read is passed over.

    Args:
        data_dir: whose ``evals`` folder holds the runs.
        shop: whose runs.
        rubric: for names.
        limit: items shown.
    """
    found = [item for folder, info in _runs(data_dir, shop) for item in _of_run(folder, info, rubric)]
    found.sort(key=lambda one: (_ORDER.index(one.kind), one.at, one.case, one.scorer))
    counts = Counter(one.kind for one in found)
    return WaitingPage(items=found[:limit], total=len(found), counts={kind: counts[kind] for kind in _ORDER})


def _runs(data_dir: Path, shop: str) -> Iterator[tuple[Path, RunInfo]]:
    """The shop's runs that were reviewed, and its live one."""
    home = runs_dir(data_dir)
    folders = {path.parent for path in home.glob(f"*/{NAME}")} | {home / live_id(shop)}
    for folder in sorted(folders):
        if not (folder / RUN).is_file():
            continue
        try:
            info = read_info(folder)
        except UsageError:
            continue
        if info.shop == shop:
            yield folder, info


def _of_run(folder: Path, info: RunInfo, rubric: Rubric) -> Iterator[Waiting]:
    reviews = read_log(folder).reviews
    cases = {one.case for one in reviews}
    try:
        results = results_of(folder, cases)
    except UsageError:
        return
    texts = {(one.case, one.repeat): seen(one) for one in results}
    said = standings(one for one in reviews if texts.get((one.case, one.repeat)) == one.seen)
    for result in results:
        for key in dict.fromkeys(key_of(result, score) for score in result.scores):
            if key in said:
                yield from _of_score(info, result, key, said[key], rubric)
    if info.kind == "live":
        unseen = (json.loads(line) for _, case, line in lines_of(folder) if case not in cases)
        yield from (_live(info, one) for one in unseen)


def _live(info: RunInfo, line: dict[str, Any]) -> Waiting:
    where = {name: line[name] for name in ("case", "repeat", "name")}
    why = [tag for tag in line["tags"] if tag != TAG]
    return Waiting(kind="live", run=info.id, **where, why=why, at=line["draft"]["created_at"])


def _of_score(info: RunInfo, result: CaseResult, key: Key, standing: Standing, rubric: Rubric) -> Iterator[Waiting]:
    machine = machine_status(score for score in result.scores if key_of(result, score) == key)
    entry = rubric.entry.scorers.get(key.scorer)
    scored = {"scorer": key.scorer, "criterion": key.criterion, "machine": machine}
    about = {**_where(info, result), **scored, "scorer_name": entry.name if entry else key.scorer}
    appeals = standing.appeals()
    if appeals:
        yield Waiting(
            kind="appeal",
            **about,
            wanted=appeals[-1].status,
            referred=standing.passed_on(),
            **_told(appeals),
        )
    majority = standing.majority()
    if majority is not None and machine not in ("unscored", majority) and standing.last() is None:
        blind = [one for one in standing.blind.values() if one.status == majority]
        yield Waiting(kind="disagreement", **about, wanted=majority, **_told(blind))


def _told(reviews: list[Review]) -> dict[str, object]:
    reasons = dict.fromkeys(one.reason for one in reviews if one.reason)
    return {
        "reviewers": [one.reviewer for one in reviews],
        "reason": "；".join(reasons),
        "at": min(one.at for one in reviews),
    }


def _where(info: RunInfo, result: CaseResult) -> dict[str, object]:
    return {"run": info.id, "case": result.case, "repeat": result.repeat, "name": result.name}
