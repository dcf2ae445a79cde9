"""A small run on disk, for tests of what people say about scores."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from evals.results import CaseResult, Digests, RunInfo, Score, Status
from evals.reviews import Review, ReviewIn, ReviewsIn, seen
from evals.rubric import shipped_rubric
from evals.runs import RESULTS, write_info
from evals.scoring import points_of
from service.schemas import Step
from tests.desk import inquiry
from tests.fake_desk import a_draft

RUN_ID = "run_20261122-090000-ab12"
RUBRIC = shipped_rubric().digest
LATER = datetime(2026, 11, 22, 12, tzinfo=UTC)


def score(
    scorer: str, status: Status = "passed", by: Literal["rule", "judge"] = "rule", criterion: str = "", **more: Any
) -> Score:
    entry = shipped_rubric().entry.scorers[scorer]
    told = {"weight": entry.weight, "veto": entry.veto, "reason": "机器的理由" if status != "passed" else ""}
    return Score(scorer=scorer, criterion=criterion, status=status, by=by, **(told | more))


def result(case: str, *scores: Score, reply: str = "收到，这就给您看。", **more: Any) -> CaseResult:
    asked = inquiry(f"{case} 这一单怎么办")
    steps = [Step(step="empathy", text=reply)] if reply else []
    draft = a_draft(asked).model_copy(update={"reply": reply, "steps": steps})
    points, vetoed = points_of(scores)
    passed = points is not None and points >= shipped_rubric().entry.pass_ and not vetoed
    base: dict[str, Any] = {
        "case": case,
        "name": f"{case} 的名字",
        "scenario": case.partition(".")[0],
        "verdict": "unreasonable",
        "threat": "none",
        "inquiry": asked,
        "draft": draft,
        "scores": list(scores),
        "points": points,
        "vetoed": vetoed,
        "passed": passed,
    }
    return CaseResult(**(base | more))


def put(folder: Path, results: Sequence[CaseResult], run: str = RUN_ID, **more: Any) -> Path:
    """A finished run in ``folder / run``."""
    digests = Digests(rubric=more.pop("rubric", RUBRIC), judge=more.pop("judge", ""))
    write_info(folder / run, RunInfo(id=run, state="done", started_at=LATER, digests=digests, **more))
    lines = [one.model_dump_json(by_alias=True) + "\n" for one in results]
    (folder / run / RESULTS).write_text("".join(lines), "utf-8")
    return folder / run


def row(case: str, scorer: str, action: str, status: str | None = None, reason: str = "", **more: Any) -> ReviewIn:
    whole = {"case": case, "scorer": scorer, "action": action, "status": status, "reason": reason, **more}
    return ReviewIn.model_validate(whole)


def given(*rows: ReviewIn, reviewer: str = "小周", blind: bool = False, **more: Any) -> ReviewsIn:
    whole = {"run": RUN_ID, "rubric": RUBRIC, "reviewer": reviewer, "blind": blind, "reviews": rows, **more}
    return ReviewsIn.model_validate(whole)


def blind(one: CaseResult, scorer: str, status: str | None, reviewer: str = "小周", **more: Any) -> Review:
    """A blind review as it is kept."""
    base = {"case": one.case, "scorer": scorer, "action": "blind", "status": status, "reviewer": reviewer}
    return Review.model_validate(base | {"rubric": RUBRIC, "seen": seen(one), "at": LATER} | more)
