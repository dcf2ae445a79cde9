"""Drafts spoiled on purpose: each way applies to enough of them, changes only what is said, and is noticed."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from evals.dataset import load_cases
from evals.mutations import Mutation, again, load_mutations, mutate, spoil, watch
from evals.playing import Played
from evals.results import CaseResult, Score
from evals.rubric import shipped_rubric
from evals.scoring import rule_scores
from evals.sight import Sight
from service.errors import RulebookError
from service.schemas import Draft, Inquiry
from tests.desk import draft, inquiry, shipped

MUTATIONS = {one.id: one for one in load_mutations()}
A_KIND = 50
"""Cases of each verdict that are drafted: every mutation finds 40 drafts among them."""
LEAST, LEAST_EACH = 0.98, 0.95
"""What the suite must notice of its own sentences, overall and of each way."""
LEAST_HELD, LEAST_HELD_EACH = 0.80, 0.40
"""As measured on sentences no rule was written against."""


@pytest.fixture(scope="module")
def played() -> list[Played]:
    return asyncio.run(_played())


async def _played() -> list[Played]:
    """Drafts of the shipped cases, those first in which the buyer threatens or an agent wrote before."""
    by_verdict = defaultdict(list)
    for case in load_cases():
        by_verdict[case.entry.expect.verdict].append(case)
    chosen = []
    for cases in by_verdict.values():
        cases.sort(key=lambda case: ("threat" not in case.entry.tags, len(case.entry.inquiry.messages) == 1))
        chosen += cases[:A_KIND]
    return [Played(case.inquiry, draft=await draft(case.inquiry), case=case) for case in chosen]


@cache
def sight() -> Sight:
    return Sight(shipped(), shipped_rubric())


def score(one: Played) -> list[Score]:
    return rule_scores(one, sight())


def caught(played: list[Played], mutations: list[Mutation], drafts: int) -> dict[str, float]:
    killed = watch(played, score, mutations, drafts)
    assert all(one.drafts >= drafts for one in killed), killed
    shares = {one.name: one.caught / one.drafts for one in killed}
    shares[""] = sum(one.caught for one in killed) / sum(one.drafts for one in killed)
    return shares


def test_spoiled_drafts_are_noticed(played: list[Played]) -> None:
    shares = caught(played, list(MUTATIONS.values()), 40)
    assert len(shares) > 20
    assert shares.pop("") >= LEAST, shares
    assert {name: share for name, share in shares.items() if share < LEAST_EACH} == {}


def test_spoiled_drafts_are_noticed_in_words_no_rule_was_written_against(played: list[Played]) -> None:
    shares = caught(played, load_mutations(which="held"), 20)
    assert shares.pop("") >= LEAST_HELD, shares
    assert {name: share for name, share in shares.items() if share < LEAST_HELD_EACH} == {}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_spoiled_draft_differs_in_what_it_says_and_in_nothing_else(name: str, played: list[Played]) -> None:
    spoiled = spoil(played, MUTATIONS[name])
    assert len(spoiled) >= 40
    for one in spoiled:
        before, after = one.original.draft, one.draft
        assert before is not None
        assert after.reply == "\n".join(step.text for step in after.steps) != before.reply
        assert after.findings == []
        said = {"steps", "reply", "findings"}
        assert after.model_dump(exclude=said) == before.model_dump(exclude=said)
        if MUTATIONS[name].entry.change in ("say", "number", "echo", "swell"):
            changed = [a != b for a, b in zip(before.steps, after.steps, strict=True)]
            assert changed.count(True) == 1
            assert [(s.step, s.citations, s.writer) for s in before.steps] == [
                (s.step, s.citations, s.writer) for s in after.steps
            ]


def test_spoiling_is_the_same_every_time_and_n_goes_through_all_there_is(played: list[Played]) -> None:
    one = next(one for one in played if one.draft and one.draft.verdict == "unreasonable")
    gift = MUTATIONS["gift"]
    assert mutate(one, gift) == mutate(one, gift)
    many = [mutate(one, gift, n) for n in range(len(gift.entry.says))]
    assert all(any(said in (made.reply if made else "") for made in many) for said in gift.entry.says)


def test_the_drafts_are_spread_over_the_scenarios(played: list[Played]) -> None:
    there = {one.draft.scenario for one in played if one.draft}
    first = spoil(played, MUTATIONS["steps_swapped"])[: len(there)]
    assert {one.draft.scenario for one in first} == there


async def test_what_has_nothing_to_spoil_is_left_alone() -> None:
    asked = inquiry("杯子不想要了，能退吗", order={"days_since_received": 40, "opened": True, "used": True})
    made = await draft(asked)
    assert made.verdict == "unreasonable"
    assert mutate(Played(asked, draft=made), MUTATIONS["refused_due"]) is None
    assert mutate(Played(asked, draft=made), MUTATIONS["agent_repeated"]) is None
    assert mutate(Played(asked, draft=made), MUTATIONS["platform_predicted"]) is None
    assert mutate(Played(asked, draft=None), MUTATIONS["insult"]) is None
    empty = made.model_copy(update={"steps": [], "reply": ""})
    assert mutate(Played(asked, draft=empty), MUTATIONS["insult"]) is None


def test_numbers_are_changed_where_there_are_some() -> None:
    one = Played(inquiry("还能退吗"), draft=told("退货要在签收后7天内提，今天是第31天。"))
    for n in range(12):
        made = mutate(one, MUTATIONS["number_changed"], n)
        assert made is not None
        assert re.sub(r"\d+", "0", made.reply) == re.sub(r"\d+", "0", one.draft.reply if one.draft else "")
        assert sorted(re.findall(r"\d+", made.reply)) != ["31", "7"]


def test_what_failed_already_is_not_counted_as_noticed() -> None:
    def always(_: Played) -> list[Score]:
        return [Score(scorer="law", status="failed")]

    asked = inquiry("还能退吗")
    killed = watch([Played(asked, draft=told("过了时间，退不了。"))], always, [MUTATIONS["insult"]])
    assert (killed[0].drafts, killed[0].caught) == (1, 0)


def test_a_result_is_watched_once_with_its_case() -> None:
    case = next(load_cases())
    made = told("过了时间，退不了。")
    base = {"name": "", "scenario": "", "verdict": "", "threat": "", "inquiry": case.inquiry, "draft": made}
    results = [
        CaseResult(case=name, repeat=n, **base) for name, n in ((case.entry.id, 1), (case.entry.id, 2), ("x", 1))
    ]
    assert [(one.case, one.draft) for one in again(results, {case.entry.id: case})] == [(case, made)]


@pytest.mark.parametrize(
    "text",
    [
        "a: {name: 甲, spoils: 乙, drafts: {}, put: [{into: rule}]}",
        "a: {name: 甲, spoils: 乙, drafts: {}, put: [{into: rule, how: middle}], says: [丙丙丙]}",
        "a: {name: 甲, spoils: 乙, change: drop, drafts: {}, put: [{into: rule}], says: [丙丙丙]}",
        "a: {name: 甲, spoils: 乙, change: turn, drafts: {}}",
    ],
)
def test_a_broken_file_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "mutations.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RulebookError):
        load_mutations(path)


def told(said: str) -> Draft:
    """A draft with one step."""
    parts = {"boundary": "b", "name": "n"}
    return Draft.model_validate(
        {
            "id": "dft_1",
            "created_at": "2026-11-22T00:00:00Z",
            "shop": "default",
            "reply": said,
            "verdict": "unreasonable",
            "scenario": "overdue_no_reason",
            "scenario_name": "",
            "threat": "none",
            "reading": {"demands": [], "cause": "", "emotion": "calm", "confidence": 1},
            "demands": [],
            "basis": parts,
            "missing": [],
            "steps": [{"step": "rule", "text": said}],
            "citations": [],
            "derived": [],
            "findings": [],
            "advice": [],
            "writer": {"kind": "playbook"},
            "knowledge_version": "",
        }
    )


def test_the_protocol_takes_what_a_turn_is() -> None:
    class Turn:
        inquiry: Inquiry = inquiry("还能退吗")
        draft: Draft | None = told("过了时间，退不了。")

    assert mutate(Turn(), MUTATIONS["insult"]) is not None
