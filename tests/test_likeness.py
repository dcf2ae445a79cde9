from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.checks.phrases import check_phrases
from service.errors import RulebookError
from service.rulebook.ear import Ear, Heard, LearningFile
from service.rulebook.forbidden import SENTENCES, WEIGHTS
from service.rulebook.forbiddenfiles import load_forbidden
from service.rulebook.learning import learn, script_sentences
from service.rulebook.likeness import Example, Likeness, clause_runs, digest, read_likeness, runs
from service.settings import HOME
from service.text.segment import sentences
from tests.desk import shipped

KNOWLEDGE = HOME / "knowledge"
BAD = ["雨伞真丑", "这雨伞丑得很", "丑雨伞一把", "雨伞太丑了", "雨伞丑死了", "好丑的雨伞"]
GOOD = ["雨伞真好", "这把伞很轻", "鞋子不错", "帽子合适", "雨伞到货了", "给您换雨伞"]
EXAMPLES = [*(Example(s, "ugly") for s in BAD), *(Example(s) for s in GOOD)]
SETTINGS = LearningFile(alarms_per_thousand=100, shortest=3, neighbours=2, margin=0.01)


def hear(ear: Ear, text: str) -> list[Heard]:
    return ear.hear(text, sentences(text))


def test_the_shipped_weights_were_learned_from_the_present_sentences() -> None:
    rules = shipped().forbidden
    assert not rules.stale(), "run: python -m service.rulebook.learning"


def test_what_no_frame_catches_is_heard_and_likened_to_an_example() -> None:
    rules = shipped().forbidden
    some = [e for e in rules.examples if e.rule][::40]
    frames_alone = type(rules)(rules.rules)
    heard = [e for e in some if not check_phrases(e.text, frames_alone)]
    caught = [e for e in heard if any(f.severity == "block" for f in check_phrases(e.text, rules))]
    assert len(heard) > 10
    assert len(caught) > 0.8 * len(heard)
    finding = check_phrases(caught[0].text, rules)[0]
    assert "和这句一个意思" in finding.reason
    assert caught[0].text[finding.start : finding.end] == finding.excerpt


def test_the_shops_own_scripts_do_not_sound_forbidden() -> None:
    rules = shipped().forbidden
    scripts = list(script_sentences(KNOWLEDGE / "scenarios"))
    alarms = [s for s in scripts if any(f.severity == "block" for f in check_phrases(s, rules))]
    assert len(scripts) > 100
    assert len(alarms) <= len(scripts) / 500, alarms


def test_learning_tells_the_sides_apart_and_names_the_rule() -> None:
    ear = Ear(learn(EXAMPLES, [], 100), SETTINGS, lambda: EXAMPLES)
    [heard] = hear(ear, "雨伞实在丑")
    assert heard.example.rule == "ugly"
    assert hear(ear, "鞋子很合适") == []
    assert hear(ear, "丑") == []


def test_one_bad_clause_among_good_ones_is_heard_where_it_stands() -> None:
    ear = Ear(learn(EXAMPLES, [], 100), SETTINGS, lambda: EXAMPLES)
    text = "鞋子不错,雨伞太丑了,给您换帽子。"
    [heard] = hear(ear, text)
    assert text[heard.start : heard.end] == "雨伞太丑了,"


def test_the_nearest_examples_vote_by_kind() -> None:
    examples = [Example("雨伞真丑", "ugly"), Example("雨伞丑死", "hideous"), Example("雨伞丑贵", "dear")]
    settings = SETTINGS.model_copy(update={"neighbours": 3})
    likeness = Likeness({"丑": 9.0}, 0.0, 1.0, "")
    ear = Ear(likeness, settings, lambda: examples, {"ugly": "looks", "hideous": "looks", "dear": "price"})
    [heard] = hear(ear, "雨伞丑丑")
    assert heard.example.rule in {"ugly", "hideous"}


def test_learning_is_repeatable_and_the_digest_follows_the_sentences(tmp_path: Path) -> None:
    one, other = learn(EXAMPLES, ["伞在路上"], 10), learn(EXAMPLES, ["伞在路上"], 10)
    one.write(tmp_path / "one")
    other.write(tmp_path / "other")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    assert one.learned_from == digest(EXAMPLES) == digest(EXAMPLES[::-1]) != digest(EXAMPLES[1:])


def test_weights_survive_the_file(tmp_path: Path) -> None:
    learned = learn(EXAMPLES, [], 10)
    learned.write(tmp_path / "weights")
    read = read_likeness(tmp_path / "weights")
    assert read is not None
    for sentence in BAD + GOOD:
        assert read.score(sentence) == pytest.approx(learned.score(sentence), abs=0.02)


def test_no_file_no_ear_and_a_broken_file_is_told(tmp_path: Path) -> None:
    assert read_likeness(tmp_path / "none") is None
    (tmp_path / WEIGHTS).write_text('{"weights": 3}', encoding="utf-8")
    with pytest.raises(RulebookError, match=r"service\.rulebook\.learning"):
        _ = load_forbidden(tmp_path).ear


@pytest.mark.parametrize(
    ("written", "line", "told"),
    [
        ("# 说明\n\n[nobody]\n好", 3, "nobody"),
        ("好\n", 1, "哪条规则"),
        ("\ufeff[nobody]\n好", 1, "nobody"),
    ],
)
def test_a_broken_file_of_sentences_is_told_with_its_line(tmp_path: Path, written: str, line: int, told: str) -> None:
    (tmp_path / SENTENCES).mkdir()
    (tmp_path / SENTENCES / "vague.txt").write_text(written, encoding="utf-8")
    with pytest.raises(RulebookError, match=told) as error:
        _ = load_forbidden(tmp_path).examples
    assert error.value.line == line


def test_sentences_in_another_encoding_are_told(tmp_path: Path) -> None:
    (tmp_path / SENTENCES).mkdir()
    (tmp_path / SENTENCES / "plain.txt").write_bytes("好的".encode("gb18030"))
    with pytest.raises(RulebookError, match="UTF-8"):
        _ = load_forbidden(tmp_path).examples


@given(st.text(alphabet="雨伞真丑好的,。!1a ", max_size=20))
def test_scores_do_not_depend_on_punctuation_marks(text: str) -> None:
    model = Likeness({"雨伞": 1.0, "丑": 2.0, "好": -1.0}, 0.0, 1.0, "")
    assert model.score(text) == pytest.approx(model.score(text.replace("。", "!").replace(",", "。")))
    assert all(1 <= len(run) <= 3 for run in runs(text))
    assert all(1 <= len(run) <= 4 for clause in clause_runs(text) for run in clause)
