"""Results of imagined runs: what the suite's reading parts are tried on without drafting anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evals.results import CaseResult, Digests, RunInfo, Score
from evals.rubric import shipped_rubric
from evals.runs import RESULTS, write_info
from evals.scoring import points_of
from evals.standing import Side, side_of
from service.schemas import Draft, Inquiry

AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
SCORERS = ("give_in", "steps", "empathy", "length", "vague", "law", "offer", "must")
"""Scored in every case; each weighs 10."""


def draft(
    reply: str = "这单按七天的规则办不了。", *, model: bool = False, replaced: bool = False, **changed: Any
) -> Draft:
    """A finished draft, as little as there can be of it."""
    wrote = "playbook" if replaced or not model else "model"
    whole = {
        "id": "dft_1",
        "created_at": AT,
        "shop": "default",
        "reply": reply,
        "verdict": "unreasonable",
        "scenario": "overdue_no_reason",
        "scenario_name": "超期无理由",
        "threat": "none",
        "reading": {"demands": [], "cause": "", "emotion": "calm", "confidence": 1},
        "demands": [],
        "basis": {"boundary": "past_window", "name": "过了期限"},
        "missing": [],
        "steps": [{"step": "rule", "text": reply, "writer": wrote}],
        "citations": [],
        "derived": [],
        "findings": [],
        "advice": [],
        "writer": {"kind": "model" if model else "playbook", "calls": int(model), "degraded": replaced},
        "knowledge_version": "g1+x",
    }
    return Draft.model_validate(whole | changed)


def result(case: str, *failed: str, judge: dict[str, bool] | None = None, **changed: Any) -> CaseResult:
    """A result in which these scorers failed (a ``!`` behind one: it vetoes; ``must:…``: a criterion)."""
    names = {one.rstrip("!").partition(":")[0] for one in failed}
    scores = [Score(scorer=name, status="passed", weight=10) for name in SCORERS if name not in names]
    for one in failed:
        scorer, _, criterion = one.rstrip("!").partition(":")
        told = {"reason": f"{scorer} 没过", "veto": one.endswith("!"), "criterion": criterion}
        scores.append(Score(scorer=scorer, status="failed", weight=10, **told))
    for scorer, good in (judge or {}).items():
        status = "passed" if good else "failed"
        scores.append(Score(scorer=scorer.rstrip("!"), by="judge", status=status, weight=10, veto="!" in scorer))
    points, vetoed = points_of(scores)
    whole: dict[str, Any] = {
        "case": case,
        "name": f"用例 {case}",
        "scenario": "overdue_no_reason",
        "verdict": "unreasonable",
        "threat": "none",
        "inquiry": Inquiry.model_validate({"messages": [{"role": "customer", "content": "我要退"}]}),
        "draft": draft(),
        "scores": scores,
        "points": points,
        "vetoed": vetoed,
        "digest": f"d-{case}",
    }
    whole |= changed
    if whole["draft"] is None:
        whole |= {"scores": [], "points": None, "vetoed": False, "error": "overloaded"}
    passed = whole["draft"] is not None and not vetoed and points is not None and points >= 80
    return CaseResult.model_validate({"passed": passed} | whole)


def good(count: int, **changed: Any) -> dict[str, CaseResult]:
    """So many cases in which nothing failed, by id."""
    return {f"c{n:03}": result(f"c{n:03}", **changed) for n in range(count)}


def info(results: Sequence[CaseResult], run: str = "run_b", **changed: Any) -> RunInfo:
    """How a finished run stands."""
    digests = {"rubric": "r1", "cases": "c1", "knowledge": "k1", "prompts": "p1", "code": "x1"}
    digests |= changed.pop("digests", {})
    whole = {"id": run, "state": "done", "started_at": AT, "writer": "playbook", "total": len(results)}
    return RunInfo.model_validate(whole | {"digests": Digests(**digests)} | changed)


def side(results: Iterable[CaseResult], run: str = "run_b", **changed: Any) -> Side:
    """A finished run as a side of a comparison."""
    kept = list(results)
    return side_of(info(kept, run, **changed), kept, shipped_rubric().entry.pass_)


def write_run(folder: Path, results: Iterable[CaseResult], tail: str = "", **changed: Any) -> Path:
    """The folder such a run leaves; ``tail`` is what was written of a further line."""
    kept = list(results)
    folder.mkdir(parents=True, exist_ok=True)
    write_info(folder, info(kept, folder.name, **changed))
    lines = "".join(one.model_dump_json(by_alias=True) + "\n" for one in kept)
    (folder / RESULTS).write_text(lines + tail, "utf-8")
    return folder
