"""Suggestions: about the same thing as the sentence they replace, sayable themselves, and not one for all."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.checking import Checker
from service.checks.ground import Ground
from service.checks.grounding import check_grounding
from service.checks.leaks import check_leaks
from service.checks.privacy import check_privacy
from service.errors import RulebookError
from service.rulebook.book import CheckBook
from service.rulebook.forbiddenfiles import load_forbidden
from service.rulebook.wording import MOST_RULES, Wording
from service.schemas import CheckRequest
from service.settings import HOME
from tests.test_forbidden import write

BOOK = CheckBook(HOME / "knowledge")
CHECKER = Checker(BOOK)


def suggested(text: str, rule: str, **given: object) -> str | None:
    result = CHECKER.check(CheckRequest.model_validate({"text": text, **given}), None)
    return next(finding.suggestion for finding in result.findings if finding.rule == rule)


@pytest.mark.parametrize(
    ("text", "rule", "kept"),
    [
        ("这台豆浆机拆了，我们不给退的。", "by_will", ["豆浆机", "退货"]),
        ("开票我得请示一下主管才知道。", "ask_boss", ["开票"]),
        ("行车记录仪坏了您找顺丰赔去。", "sent_away", ["行车记录仪", "赔偿", "顺丰"]),
        ("八十块钱的东西您还想要什么品质。", "money_scorn", ["八十块钱"]),
        ("过了72小时再说破损一律不管。", "fault_past_window", ["72小时"]),
        ("想改地址？没门。", "impossible", ["改地址"]),
    ],
)
def test_a_suggestion_keeps_what_the_sentence_is_about(text: str, rule: str, kept: list[str]) -> None:
    said = suggested(text, rule) or ""
    assert [word for word in kept if word not in said] == []


def test_goods_come_from_the_order_when_the_sentence_names_none() -> None:
    order = {"category": "小家电", "product": "破壁机 家用静音"}
    assert "破壁机" in (suggested("说不退就不退，别发了。", "by_will", order=order) or "")
    assert "破壁机" not in (suggested("说不退就不退，别发了。", "by_will") or "")


def test_a_class_name_is_no_goods() -> None:
    said = suggested("说不退就不退，别发了。", "by_will", order={"category": "数码配件五金"})
    assert "这件" not in (said or "")


def test_a_number_nobody_recorded_is_not_said_again() -> None:
    text = "过了72小时再说破损一律不管。"
    assert "72小时" not in (suggested(text, "fault_past_window", order={"facts": {"物流": "已签收"}}) or "")
    assert "72小时" in (suggested(text, "fault_past_window", order={"facts": {"时效": "72小时内反馈"}}) or "")


@pytest.mark.parametrize("text", ["一分钱一分货，这个道理都不懂。", "您别这么计较行不行，就差了1-3块钱。"])
def test_half_a_number_is_not_said_again(text: str) -> None:
    said = [f.suggestion or "" for f in CHECKER.text(text, Ground()) if f.rule in BOOK.forbidden.by_id]
    assert said
    assert not any("一分钱" in one or "3块钱" in one for one in said)


def test_what_must_not_be_said_again_is_left_out() -> None:
    assert "系统" not in (suggested("这是系统判的，我们改不了，您去找系统吧。", "third_party_did_it") or "")


@pytest.mark.parametrize(
    ("text", "once"),
    [
        ("抱歉抱歉，是我看漏了备注。", "抱歉"),
        ("对不起，真的对不起，让您白等一场。", "对不起"),
        ("抱歉回晚了。杯盖漏装这件事真的很抱歉。再次抱歉。", "杯盖漏装这件事真的很抱歉"),
    ],
)
def test_a_stacked_apology_is_said_once(text: str, once: str) -> None:
    assert suggested(text, "stacked") == once


def test_every_wording_passes_every_check_whatever_fills_it() -> None:
    """The phrase rules are run over every wording by ``check_examples``; these are the other checks."""
    rules, repairs = BOOK.checkrules, BOOK.forbidden.repairs
    ground = Ground(given=True, verdict="unreasonable", records=tuple(repairs.entry.samples.values()))
    fillings = [
        (rule.rule.id, said)
        for rule in BOOK.forbidden
        for wording in rule.wordings
        for said in repairs.samples(wording, rule.words)
    ]
    assert len(fillings) > 1000
    broken = [
        (rule, said, finding.rule)
        for rule, said in fillings
        for finding in [
            *check_grounding(said, ground, rules),
            *check_leaks(said, rules),
            *check_privacy(said, ground, rules),
        ]
        if finding.severity == "block"
    ]
    assert broken == []


def test_every_rule_says_what_to_say_instead_and_no_text_serves_many() -> None:
    served: dict[str, set[str]] = {}
    for rule in BOOK.forbidden:
        assert rule.wordings, rule.rule.id
        for sentence in rule.rule.bad:
            for finding in CHECKER.text(sentence, Ground()):
                if finding.suggestion and finding.rule in BOOK.forbidden.by_id:
                    served.setdefault(finding.suggestion, set()).add(finding.rule)
    assert max(map(len, served.values())) <= MOST_RULES


def test_an_optional_part_falls_away_and_a_needed_slot_does_not() -> None:
    wording = Wording("〔{货}的〕{诉求}我来跟")
    assert wording.render({"货": "伞", "诉求": "补发"}) == "伞的补发我来跟"
    assert wording.render({"诉求": "补发"}) == "补发我来跟"
    assert wording.render({"货": "伞"}) is None


def test_a_last_wording_that_may_not_be_sayable_is_refused(tmp_path: Path) -> None:
    write(tmp_path, rule="frames: [<伞>]\n    words: {伞: [雨伞]}\n    say: [换一把, '给您换{伞}']")
    with pytest.raises(RulebookError, match="给您换"):
        load_forbidden(tmp_path)


def test_one_wording_for_too_many_rules_is_refused(tmp_path: Path) -> None:
    text = write(tmp_path, rule="frames: [雨伞]\n    say: 我来看看").read_text(encoding="utf-8")
    head, _, body = text.partition("rules:\n")
    rules = "".join(body.replace("umbrella", f"umbrella_{n}") for n in range(MOST_RULES + 1))
    (tmp_path / "rules.yaml").write_text(f"{head}rules:\n{rules}", encoding="utf-8")
    with pytest.raises(RulebookError, match="我来看看"):
        load_forbidden(tmp_path)


def test_a_broken_frame_of_the_repair_file_is_told_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, rule="frames: [雨伞]")
    path = tmp_path / "_repair.yaml"
    path.write_text("demands:\n  退货: [退货]\n  换货: [<没有这一类>]\n", encoding="utf-8")
    with pytest.raises(RulebookError) as error:
        load_forbidden(tmp_path)
    assert (error.value.file, error.value.line) == (str(path), 3)
