"""A model's words say no more than the playbook's: claims, topics, writing, distance; through every door."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.dataset import load_cases
from service.checking import Checker, blocks
from service.checks.examples import check_faithful_examples
from service.checks.faithful import Faith
from service.checks.ground import Ground
from service.errors import RulebookError
from service.matter import Matter, matter_of
from service.reading import read
from service.rulebook.faithfile import load_faithful
from service.schemas import Inquiry, Step
from service.sourcing import ground_of
from service.understanding import understand
from service.writing.answer import is_chinese
from service.writing.playbook import Playbook
from tests.desk import KNOWLEDGE, EmptyLibrary, draft, inquiry, model_drafter, shipped
from tests.fake_model import FakeModel, Reply, planned

CHECKER = Checker(shipped())
GROUND = Ground(
    buyer=("伞骨断了，赔我一把新的，再送我一张券",),
    verdict="unreasonable",
    planned=("empathy", "rule", "closing"),
    playbook=(
        ("empathy", "伞骨断了，我看到了。"),
        ("rule", "这单没法按质量退，伞收到已经第40天了。"),
        ("closing", "断口拍一张给我，我接着看。"),
    ),
    given=True,
)


def steps(rule: str, writer: str = "model") -> list[Step]:
    """The playbook's steps, ``rule`` in other words."""
    made = [Step(step=name, text=text, writer="playbook") for name, text in GROUND.playbook]
    made[1] = Step.model_validate({"step": "rule", "text": rule, "writer": writer})
    return made


def rules_of(text: str, writer: str = "model") -> set[str]:
    """The rules of this check that find something."""
    names = shipped().faithful.entry.rules
    return {found.rule for found in CHECKER.reply(steps(text, writer), GROUND) if found.rule in names}


async def matter(made: Inquiry) -> Matter:
    book = shipped()
    understood = understand(made, read(made, book.listening, book.facts), book.shops[made.shop], book)
    return await matter_of(understood, book, EmptyLibrary(), Playbook(book.scenarios))


def test_the_sentences_in_the_file_come_out_as_they_say() -> None:
    ear = shipped().forbidden.ear
    check_faithful_examples(shipped().faithful, ear.likeness if ear else None)


def test_a_sentence_that_does_not_come_out_is_told(tmp_path: Path) -> None:
    text = (KNOWLEDGE / "faithful.yaml").read_text(encoding="utf-8")
    path = tmp_path / "faithful.yaml"
    path.write_text(text.replace("text: 先核签收日再发。", "text: 今天好冷。"), encoding="utf-8")
    ear = shipped().forbidden.ear
    with pytest.raises(RulebookError, match="今天好冷"):
        check_faithful_examples(load_faithful(path), ear.likeness if ear else None)


def test_a_rule_that_is_missing_is_told(tmp_path: Path) -> None:
    text = (KNOWLEDGE / "faithful.yaml").read_text(encoding="utf-8")
    path = tmp_path / "faithful.yaml"
    path.write_text(text.replace("\n  not_a_note:", "\n  no_note:"), encoding="utf-8")
    with pytest.raises(RulebookError, match="not_a_note"):
        load_faithful(path)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("这单没法退，再送您一张券。", "said_beyond_ground"),
        ("伞您留着用，不用寄回。", "said_beyond_ground"),
        ("退不了，您加我微信细聊。", "topic_beyond_ground"),
        ("这 单 没 法 退", "strange_writing"),
        ("春眠不觉晓，处处闻啼鸟，夜来风雨声，花落知多少。", "far_from_ground"),
    ],
)
def test_what_the_ground_does_not_hold_blocks_a_models_step_only(text: str, rule: str) -> None:
    assert rule in rules_of(text)
    assert not rules_of(text, "playbook")


def test_a_finding_lies_where_the_words_stand() -> None:
    made = steps("这单没法退，再送您一张券。")
    reply = "\n".join(step.text for step in made)
    found = [f for f in CHECKER.reply(made, GROUND) if f.rule == "said_beyond_ground"]
    assert found
    assert all(reply[f.start : f.end] == f.excerpt and f.step == "rule" and f.severity == "block" for f in found)
    assert any(f.rule == "said_beyond_ground" for f in CHECKER.prefix(made[:2], made[2:], GROUND))


def test_other_words_for_the_same_pass() -> None:
    assert not rules_of("按质量退这单办不了，伞收到第40天了。")


@pytest.mark.parametrize(
    ("note", "stands"),
    [("客户说伞骨断了，先核签收日。", True), ("亲，给您办好了。", False), ("春眠不觉晓。", False)],
)
def test_a_note_speaks_to_the_desk(note: str, stands: bool) -> None:
    assert blocks(CHECKER.note(note, GROUND)) is not stands


async def test_the_playbooks_own_words_pass_as_a_models() -> None:
    """Whatever the case: a model that repeats the playbook word for word says nothing the playbook does not."""
    ear = shipped().forbidden.ear
    for case in islice(load_cases(), 3, None, 120):
        made = await matter(case.inquiry)
        ground = ground_of(made.brief, made.cited, made.ground)
        faith = Faith(ground, shipped().faithful, ear.likeness if ear else None)
        for step in made.ground:
            assert faith.step(step.step, step.text) == [], (case.entry.id, step.text)


@given(st.text(max_size=80))
def test_any_text_is_looked_at_without_harm(text: str) -> None:
    faith = Faith(GROUND, shipped().faithful)
    for found in (*faith.step("rule", text), *faith.note(text)):
        assert text[found.start : found.end] == found.excerpt


@pytest.mark.parametrize("stream", [False, True])
async def test_what_a_model_adds_never_leaves(stream: bool) -> None:
    text = "这款终身免费换新，再送您两张券，加我微信领。"
    made = inquiry("伞骨断了，你们看怎么办", order={"product": "折叠伞", "days_since_received": 3, "received": True})
    with FakeModel() as fake:
        fake.default = lambda request: Reply.says(
            {
                "reading": {"claims": []},
                "steps": [{"step": s, "text": text, "passages": []} for s in planned(request)],
                "notes": text,
            }
        )
        async with model_drafter(fake) as drafter:
            done = await draft(made.model_copy(update={"writer": "model", "stream": stream}), drafter)
    assert not done.notes
    assert all(step.writer == "playbook" for step in done.steps)


@pytest.mark.parametrize(
    ("text", "yes"), [("ㄑㄩㄢ ㄜ ㄊㄨㄟ 给您", False), ("这把伞给您换", True), ("Dear 您好", False)]
)
def test_letters_of_any_script_are_no_chinese(text: str, yes: bool) -> None:
    assert is_chinese(text, 60, 20) is yes
