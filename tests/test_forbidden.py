from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from service.errors import RulebookError
from service.rulebook.forbidden import ForbiddenRules
from service.rulebook.forbiddenfiles import load_forbidden
from tests import desk

BAD = ["雨伞一号", "雨伞二号", "雨伞三号", "雨伞四号", "雨伞五号", "雨伞六号", "雨伞七号", "雨伞八号"]
OK = ["鞋一号", "鞋二号", "鞋三号", "鞋四号", "鞋五号", "鞋六号", "鞋七号", "鞋八号"]


@pytest.fixture(scope="module")
def shipped() -> ForbiddenRules:
    return desk.shipped().forbidden


def write(folder: Path, *, category: str = "vague", rule: str = "", bad: list[str] = BAD, ok: list[str] = OK) -> Path:
    path = folder / "rules.yaml"
    body = rule or "frames: [<伞>]\n    words: {伞: [雨伞]}"
    path.write_text(
        f"category: {category}\nrules:\n  - id: umbrella\n    name: 说伞\n    why: 不说伞\n    {body}\n"
        f"    bad: [{', '.join(bad)}]\n    ok: [{', '.join(ok)}]\n",
        encoding="utf-8",
    )
    return path


def test_every_shipped_rule_passes_its_own_sentences(shipped: ForbiddenRules) -> None:
    shipped.check_examples()


def test_every_category_of_sense_has_rules(shipped: ForbiddenRules) -> None:
    assert {rule.category for rule in shipped} == {
        *("demeaning", "vague", "blame_shifting", "over_apology", "unauthorized_promise", "flat_refusal"),
        *("law", "red_line"),
    }


def test_no_ok_sentence_trips_another_blocking_rule(shipped: ForbiddenRules) -> None:
    from service.checks.phrases import check_phrases

    alarms = [
        (rule.rule.id, sentence, finding.rule)
        for rule in shipped
        for sentence in rule.rule.ok
        for finding in check_phrases(sentence, shipped)
        if finding.severity == "block"
    ]
    assert alarms == []


def test_rules_of_law_say_when_they_were_checked(shipped: ForbiddenRules) -> None:
    dated = [rule for rule in shipped if rule.category in ("law", "red_line")]
    assert all(rule.review_by is not None for rule in dated)
    assert shipped.overdue(date(2026, 11, 21)) == []
    assert len(shipped.overdue(date(2030, 1, 1))) == len(dated)


def test_a_file_of_ones_own_loads(tmp_path: Path) -> None:
    write(tmp_path)
    rules = load_forbidden(tmp_path)
    rules.check_examples()
    assert [rule.rule.id for rule in rules] == ["umbrella"]


def test_a_bad_sentence_nothing_hits_is_told_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, bad=[*BAD[:7], "帽子"])
    with pytest.raises(RulebookError) as error:
        load_forbidden(tmp_path).check_examples()
    assert error.value.line == 8
    assert "umbrella" in error.value.reason
    assert "帽子" in error.value.reason


def test_an_ok_sentence_that_is_hit_is_told(tmp_path: Path) -> None:
    write(tmp_path, ok=[*OK[:7], "这把雨伞"])
    with pytest.raises(RulebookError, match="这把雨伞"):
        load_forbidden(tmp_path).check_examples()


def test_a_suggestion_must_pass_the_rules_itself(tmp_path: Path) -> None:
    write(tmp_path, rule="frames: [雨伞]\n    say: 给您换把雨伞")
    with pytest.raises(RulebookError, match="给您换把雨伞"):
        load_forbidden(tmp_path).check_examples()


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        ("frames: [<无>]", 6),
        ("frames: [雨伞]\n    unless: ['=没有这一组']", 7),
        ("frames: [雨伞]\n    say: 换{帽子}", 7),
        ("frames: [雨伞]\n    thing: 不认识", 7),
        ("frames: []", 6),
        ("frames: [雨伞]\n    severity: fatal", 7),
    ],
)
def test_a_broken_rule_is_told_with_file_and_line(tmp_path: Path, rule: str, line: int) -> None:
    path = write(tmp_path, rule=rule)
    with pytest.raises(RulebookError) as error:
        load_forbidden(tmp_path)
    assert (error.value.file, error.value.line) == (str(path), line)


def test_too_few_sentences_are_refused(tmp_path: Path) -> None:
    write(tmp_path, ok=OK[:7])
    with pytest.raises(RulebookError, match="ok"):
        load_forbidden(tmp_path)


def test_a_rule_of_law_without_dates_is_refused(tmp_path: Path) -> None:
    write(tmp_path, category="law")
    with pytest.raises(RulebookError, match="review_by"):
        load_forbidden(tmp_path)


def test_an_id_given_twice_is_refused(tmp_path: Path) -> None:
    first = write(tmp_path)
    (tmp_path / "second.yaml").write_text(first.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(RulebookError, match="umbrella"):
        load_forbidden(tmp_path)
