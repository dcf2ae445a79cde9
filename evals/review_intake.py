"""Taking in ``reviews.json``: every row is held against the run it speaks of; all are taken or none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field

from evals.result_lines import results_of
from evals.results import CaseResult, RunInfo, Score, Status
from evals.review_log import append, locked, read_log
from evals.reviews import (
    DECISIONS,
    REASONED,
    Key,
    Review,
    ReviewIn,
    ReviewsIn,
    Standing,
    key_of,
    machine_status,
    person,
    seen,
    settled_as,
    standings,
)
from evals.rubric import Rubric
from evals.runs import read_info
from evals.words import word
from service.errors import InvalidRequest
from service.schemas.base import Out

SHOWN = 20
"""Rows named in one refusal; the rest would only repeat them."""


class Taken(Out):
    """What became of a file of reviews."""

    run: str
    reviewer: str
    taken: int
    """New ones, those that replace an earlier one among them."""
    replaced: int
    same: int
    """Said before in the same words: not written again."""
    open_appeals: int
    """Appeals of the run that wait for somebody."""
    notes: list[str] = Field(default_factory=list)
    """Chinese: what else should be known."""


@dataclass
class _Desk:
    """The run, what was scored in it, and what has been said so far."""

    info: RunInfo
    rubric: Rubric
    given: ReviewsIn
    results: Mapping[tuple[str, int], CaseResult]
    scores: Mapping[Key, list[Score]]
    said: Mapping[Key, Standing]
    open_eyed: frozenset[str]
    """Cases whose scores this reviewer has spoken of."""
    rows: dict[Key, tuple[int, ReviewIn]] = field(default_factory=dict)
    """Rows of this file so far."""

    def status(self, key: Key) -> Status | None:
        """What the machine said; None where it looked at no such thing."""
        return machine_status(self.scores[key]) if key in self.scores else None


def take_in(folder: Path, given: ReviewsIn, rubric: Rubric, now: datetime | None = None) -> Taken:
    """Take reviews into the run in ``folder``.

    Raises:
        InvalidRequest: ``reviews_refused`` — rows that do not fit, each named; nothing was written.
        UsageError: the run cannot be read.
        Unavailable: the disk is full; nothing was written.
    """
    info = read_info(folder)
    named = {row.case for row in given.reviews}
    results = {(one.case, one.repeat): one for one in results_of(folder, named)}
    moment = now or datetime.now(UTC)
    with locked(folder):
        log = read_log(folder)
        desk = _desk(info, rubric, given, results, log.reviews)
        problems = list(_problems(desk))
        if problems:
            raise _refused(problems)
        rows = {row.key: row for row in given.reviews}.values()
        reviews = [_kept(row, given, results[row.case, row.repeat], moment) for row in rows]
        mine = {(one.key, one.lane): one for one in log.reviews if person(one.reviewer) == person(given.reviewer)}
        new = [one for one in reviews if not ((old := mine.get((one.key, one.lane))) and old.same(one))]
        if new:
            append(folder, new)
    standing = standings([*log.reviews, *new])
    return Taken(
        run=info.id,
        reviewer=given.reviewer,
        taken=len(new),
        replaced=sum((one.key, one.lane) in mine for one in new),
        same=len(reviews) - len(new),
        open_appeals=sum(len(one.appeals()) for one in standing.values()),
        notes=[word("people", "line_broken", line=line) for line in log.broken],
    )


def _desk(
    info: RunInfo,
    rubric: Rubric,
    given: ReviewsIn,
    results: Mapping[tuple[str, int], CaseResult],
    before: Sequence[Review],
) -> _Desk:
    scores: dict[Key, list[Score]] = {}
    for result in results.values():
        for score in result.scores:
            scores.setdefault(key_of(result, score), []).append(score)
    me = person(given.reviewer)
    looked = frozenset(one.case for one in before if person(one.reviewer) == me and one.action != "blind")
    return _Desk(info, rubric, given, results, scores, standings(before), looked)


def _problems(desk: _Desk) -> Iterator[tuple[str, str]]:
    """Everything that does not fit: where, and what to do."""
    given, info = desk.given, desk.info
    if given.run != info.id:
        yield "/run", word("people", "wrong_run", given=given.run, run=info.id)
        return
    if given.rubric != info.digests.rubric:
        yield "/rubric", word("people", "wrong_rubric", given=given.rubric, rubric=info.digests.rubric)
        return
    for number, row in enumerate(given.reviews):
        told = _problem(desk, row)
        earlier = desk.rows.setdefault(row.key, (number, row))
        if told is None and earlier[1] != row:
            told = word("people", "twice", other=earlier[0] + 1)
        if told is not None:
            entry = desk.rubric.entry.scorers.get(row.scorer)
            where = {"number": number + 1, "case": row.case, "scorer": entry.name if entry else row.scorer}
            yield f"/reviews/{number}", word("people", "row", **where, what=told)


def _problem(desk: _Desk, row: ReviewIn) -> str | None:
    """What is wrong with one row."""
    if (row.case, row.repeat) not in desk.results:
        known = any(case == row.case for case, _ in desk.results)
        return word("people", "no_repeat" if known else "no_case", repeat=row.repeat)
    if (row.action == "blind") != desk.given.blind:
        return word("people", "blind_only" if desk.given.blind else "not_blind")
    if row.scorer not in desk.rubric.entry.scorers and row.key not in desk.scores:
        return word("people", "no_scorer", scorer=row.scorer)
    if row.action in REASONED and not row.reason.strip():
        return word("people", f"reason_{row.action}")
    return _blind_problem(desk, row) if desk.given.blind else _open_problem(desk, row)


def _blind_problem(desk: _Desk, row: ReviewIn) -> str | None:
    if row.criterion and row.key not in desk.scores:
        return word("people", "no_criterion", criterion=row.criterion)
    if row.case in desk.open_eyed:
        return word("people", "seen_before")
    return None  # a question the machine had no score for is asked all the same: leaving it out would tell


def _open_problem(desk: _Desk, row: ReviewIn) -> str | None:
    status = desk.status(row.key)
    if status is None:
        missing = "no_criterion" if row.criterion else "not_scored"
        return word("people", missing, criterion=row.criterion)
    standing = desk.said.get(row.key, Standing())
    mine = person(desk.given.reviewer) in standing.appealed()
    if row.action in DECISIONS:
        return word("people", "own_appeal") if mine else _undecided(desk, standing)
    if row.action == "override" and mine:
        return word("people", "appealed_before")
    if row.action == "override" and row.status is None:
        return word("people", "override_status")
    each = {one.status for one in desk.scores[row.key]}
    settled = settled_as(status, standing)
    if row.action == "agree":
        wrong = row.status is not None and row.status not in each
    else:
        wrong = each == {row.status} and (settled is None or settled.status == row.status)
    return word("people", f"{row.action}_same", status=word("people", status)) if wrong else None


def _undecided(desk: _Desk, standing: Standing) -> str | None:
    """A decision needs an open appeal; the same person may change his own."""
    last = standing.decision[1] if standing.decision else None
    again = last is not None and person(last.reviewer) == person(desk.given.reviewer)
    return None if standing.appeals() or again else word("people", "no_appeal")


def _kept(row: ReviewIn, given: ReviewsIn, result: CaseResult, moment: datetime) -> Review:
    return Review(
        **row.model_dump(exclude={"reason"}),
        reason=row.reason.strip(),
        reviewer=given.reviewer.strip(),
        rubric=given.rubric,
        seen=seen(result),
        sheet=given.sheet,
        at=moment,
    )


def _refused(problems: Sequence[tuple[str, str]]) -> InvalidRequest:
    errors = [{"pointer": pointer, "message": message} for pointer, message in problems[:SHOWN]]
    return InvalidRequest("reviews_refused", errors=errors, count=len(problems), first=problems[0][1])
