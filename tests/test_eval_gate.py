"""The whole way: a rule turned wrong and a prompt made worse are stopped by the gate, and the cases are named."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from evals.dataset import Case, Criterion, load_cases
from evals.gate import Gated, gate
from evals.misses import known_misses
from evals.playing import Play
from evals.rescoring import rescore
from evals.results import CaseResult
from evals.rubric import shipped_rubric
from evals.scoring import score_case
from evals.sight import Sight
from evals.standing import Side
from evals.words import name_of
from service.drafting import Drafter
from service.llm import ModelClient
from service.modelside import ModelSide
from service.rulebook.book import Rulebook
from service.rulebook.boundaries import load_boundaries
from service.schemas import Draft, Inquiry
from service.writing.model import ModelWriter
from service.writing.prompts import Prompts
from tests.desk import KNOWLEDGE, ROOT, EmptyLibrary, draft, shipped
from tests.eval_runs import side
from tests.fake_model import FakeModel, Reply, planned

SCENARIO = "quality_in_window"
"""Its row in the law's chapter is the one that is turned."""


def some_cases() -> list[Case]:
    """About forty: the row's own scenario, and the first of every other."""
    known = known_misses()
    by_scenario = groupby(
        (case for case in load_cases() if case.entry.id not in known), key=lambda case: case.entry.id.partition(".")[0]
    )
    groups = {name: list(some) for name, some in by_scenario}
    return [*groups.pop(SCENARIO)[:8], *(some[0] for some in groups.values())]


async def played(cases: Sequence[Case], book: Rulebook, drafter: Drafter, writer: str) -> Side:
    """A run of these cases."""
    return side(await results_of(cases, book, drafter, writer), writer=writer)


async def results_of(cases: Sequence[Case], book: Rulebook, drafter: Drafter, writer: str) -> list[CaseResult]:
    """What they come to, played and scored as the runner does."""

    async def drafting(inquiry: Inquiry) -> Draft:
        return await draft(inquiry, drafter)

    play, sight = Play(drafting, book.facts, writer, twins=False), Sight(book, shipped_rubric())
    return [await score_case(await play.case(case), sight) for case in cases]


def stopped(run: Side, reference: Side) -> Gated:
    return gate(run, reference, shipped_rubric(), known=known_misses().keys())


@asynccontextmanager
async def modelled(fake: FakeModel, prompts: Path) -> AsyncIterator[Drafter]:
    """A drafter whose model is told what these prompts say."""
    client = ModelClient("some-model", "sk-test", fake.url)
    yield Drafter(shipped(), EmptyLibrary(), ModelSide(ModelWriter(client, Prompts.load(prompts)), 8.0))
    await client.close()


def docile(request: dict[str, Any]) -> Reply:
    """A model that does as its instructions say: a step worded there is worded so, one not wanted is left out.

    Without such instructions it says what the draft in the prompt says.
    """
    system = request["messages"][0]["content"]
    told = dict(re.findall(r"^- ([^：\n]+)：(.+)$", system, re.MULTILINE))
    steps = []
    for step, words in material(request).items():
        rule = told.get(name_of("step", step), "")
        if "不写这一步" in rule:
            continue
        worded = re.search(r"一律写成“([^”]+)”", rule)
        steps.append({"step": step, "text": worded[1] if worded else words, "passages": []})
    return Reply.says({"reading": {"claims": []}, "steps": steps, "notes": ""})


def material(request: dict[str, Any]) -> dict[str, str]:
    """The steps asked for, with what the prompt's own draft says in each."""
    ground = dict(re.findall(r"^- ([a-z]+)：(.+)$", request["messages"][-1]["content"], re.MULTILINE))
    return {step: ground.get(step, "") for step in planned(request)}


def worse_prompts(folder: Path, step: str, instead: str) -> Path:
    """The shipped prompts, but the drafting prompt says something else of one step."""
    shutil.copytree(ROOT / "prompts", folder)
    path = folder / "draft.md"
    text, count = re.subn(
        rf"^- {name_of('step', step)}：.+$",
        f"- {name_of('step', step)}：{instead}",
        path.read_text("utf-8"),
        flags=re.MULTILINE,
    )
    assert count == 1
    path.write_text(text, "utf-8")
    return folder


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return some_cases()


@pytest.fixture(scope="module")
def by_shipped_prompts() -> list[Side]:
    """The run all worse prompts are held against, once it was made."""
    return []


async def test_a_statutory_row_turned_wrong_is_stopped(cases: list[Case], tmp_path: Path) -> None:
    book = shipped()
    reference = await played(cases, book, Drafter(book, EmptyLibrary()), "playbook")
    assert stopped(reference, reference).reasons == []
    wrong_book = with_row_turned(tmp_path / "boundaries")
    gated = stopped(await played(cases, wrong_book, Drafter(wrong_book, EmptyLibrary()), "playbook"), reference)
    assert not gated.passed
    turned = [case for case, one in reference.standing.cases.items() if one.boundary == SCENARIO]
    veto = next(reason for reason in gated.reasons if reason.kind == "veto")
    assert len(turned) >= 5 and set(turned) <= set(veto.cases)
    lost = next(reason for reason in gated.reasons if reason.kind == "lost")
    assert set(turned) <= set(lost.cases) and all(case in lost.text for case in sorted(turned)[:3])
    change = next(one for one in gated.comparison.regressions if one.case == turned[0])
    assert (change.before.verdict, change.after.verdict) == ("reasonable", "unreasonable")
    assert change.reply_before != change.reply_after


def with_row_turned(folder: Path) -> Rulebook:
    """The shipped rulebook, but in a copy of its boundaries one row of the law's chapter refuses what it grants."""
    shutil.copytree(KNOWLEDGE / "boundaries", folder)
    path = folder / "2-law.yaml"
    text = path.read_text("utf-8")
    head, mark, rest = text.partition(f"  - id: {SCENARIO}\n")
    row, end, others = rest.partition("\n  - id: ")
    assert mark and end and row.count("verdict: reasonable") == 1
    row = row.replace("verdict: reasonable", "verdict: unreasonable\n    say: [质量问题这边按规定不退]")
    path.write_text(head + mark + row + end + others, "utf-8")
    book = shipped()
    turned = replace(book, boundaries=load_boundaries(folder, book.facts, set(book.scenarios)), digest="turned")
    for name in ("forbidden", "checkrules", "faithful", "goods"):  # nothing else is loaded, or learned, anew
        turned.__dict__[name] = getattr(book, name)
    return turned


REFUSED = "一律写成“非常理解您的心情，给您带来不便十分抱歉”"
"""What the checks stop in every case: the playbook's step goes out in its place."""
EMPTY = "一律写成“这件事我听明白了。”"
"""What no check stops: it says nothing of this buyer."""


@pytest.mark.parametrize(
    ("step", "instead", "seen"),
    [("empathy", REFUSED, "replaced"), ("empathy", EMPTY, "points"), ("closing", "不写这一步", "replaced")],
)
async def test_a_worse_prompt_is_stopped(
    step: str, instead: str, seen: str, cases: list[Case], by_shipped_prompts: list[Side], tmp_path: Path
) -> None:
    worse = worse_prompts(tmp_path / "prompts", step, instead)
    with FakeModel(docile) as fake:
        if not by_shipped_prompts:
            async with modelled(fake, ROOT / "prompts") as drafter:
                by_shipped_prompts.append(await played(cases, shipped(), drafter, "model"))
        (reference,) = by_shipped_prompts
        async with modelled(fake, worse) as drafter:
            gated = stopped(await played(cases, shipped(), drafter, "model"), reference)
    assert stopped(reference, reference).reasons == []
    reason = next(one for one in gated.reasons if one.kind == seen)
    assert len(reason.cases) > 0.8 * len(cases)
    if seen == "points":
        (scorer,) = [
            name for name, moved in gated.comparison.scorers.items() if moved.difference and moved.difference.falls
        ]
        assert scorer == step


async def test_kept_drafts_are_scored_again_as_they_were(cases: list[Case]) -> None:
    book, drafter = shipped(), Drafter(shipped(), EmptyLibrary())
    results = await results_of(cases[:6], book, drafter, "playbook")
    today = {case.entry.id: case for case in cases}
    sight = Sight(book, shipped_rubric())
    assert rescore(results, today, sight, sight.rubric.digest) == (results, [])
    stricter = cases[0].entry.model_copy(update={"must": [Criterion(text="说到月亮", says=["月亮"], veto=True)]})
    asked_otherwise = cases[1].entry.model_copy(update={"pushes": ["再说一遍"]})
    changed = today | {
        cases[0].entry.id: replace(cases[0], entry=stricter),
        cases[1].entry.id: with_words(cases[1], "我换个问法"),
        cases[2].entry.id: replace(cases[2], entry=asked_otherwise),
    }
    del changed[cases[3].entry.id]
    found, left = rescore(results, changed, sight, sight.rubric.digest)
    assert left == sorted(cases[n].entry.id for n in (1, 2, 3))
    first = next(one for one in found if one.case == cases[0].entry.id)
    assert first.vetoed and first.draft == results[0].draft and first.digest != results[0].digest


def with_words(case: Case, said: str) -> Case:
    inquiry = case.entry.inquiry.model_copy(update={"messages": [{"customer": said}]})
    return replace(case, entry=case.entry.model_copy(update={"inquiry": inquiry}))
