"""Cases as files, JSON lines and promptfoo configurations: nothing lost unsaid on the way out and back."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evals.dataset import CaseFile, load_cases, load_waiting, parse_case
from evals.formats.casefile import Taken, case_yaml, write_cases
from evals.formats.jsonl import from_jsonl, to_jsonl
from evals.formats.promptfoo import MARKS, to_promptfoo
from evals.formats.promptfoo_in import from_promptfoo
from service.errors import RulebookError, UsageError
from service.rulebook.yamlfile import parse_yaml

SHIPPED = [case.entry for case in load_cases()]
URL = "http://127.0.0.1:8000"

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
said = words.filter(str.strip)
names = st.text("abc_", min_size=1, max_size=8)
scalars = words | st.sampled_from(
    ["true", "null", "007", "12", "1.50", "-3", "1e5", "NaN", "~", "yes", "=A1", "2026-11-22"]
)
written = st.recursive(scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=2))
twins = st.fixed_dictionaries({"say": words, "order": st.dictionaries(names, written, max_size=2)})
sentences = st.text(st.characters(exclude_categories=["Cs"]), min_size=2, max_size=30)


@st.composite
def criteria(draw):
    made = {"text": draw(sentences)}
    made |= {"veto": "true"} if draw(st.booleans()) else {}
    made |= {"weight": draw(st.sampled_from(["0.5", "2", "20"]))} if draw(st.booleans()) else {}
    made |= {"scorer": "offer"} if draw(st.booleans()) else {}
    return made | ({"says": draw(st.lists(words, min_size=1, max_size=2))} if draw(st.booleans()) else {})


@st.composite
def cases(draw):
    turns = [{draw(st.sampled_from(["customer", "agent"])): draw(words)} for _ in range(draw(st.integers(0, 2)))]
    last = {"customer": draw(said)} | ({"kind": "image"} if draw(st.booleans()) else {})
    expect = {"verdict": draw(st.sampled_from(["reasonable", "unreasonable", "needs_clarification"]))}
    expect |= {"steps": ["empathy", "closing"]} if draw(st.booleans()) else {}
    expect |= (
        {"numbers": draw(st.lists(st.floats(0, 1e6, allow_nan=False).map(str), max_size=2))}
        if draw(st.booleans())
        else {}
    )
    expect |= {"scenario": draw(words)} if draw(st.booleans()) else {}
    return CaseFile.model_validate({
        "id": f"x.{draw(names)}",
        "name": draw(words),
        "from": draw(words),
        "tags": draw(st.lists(words.filter(lambda tag: tag != "to_review"), max_size=2)),
        "inquiry": {
            "messages": [*turns, last],
            "order": draw(st.dictionaries(names, written, max_size=3)) | {"amount": "35", "platform": "1688"},
            "policy": draw(st.dictionaries(names, written, max_size=2)),
            "role": draw(st.sampled_from(["agent", "manager"])),
            **draw(st.sampled_from([{}, {"now": "2026-11-22T08:00:00Z", "tone": "formal", "instruction": "说短些"}])),
        },
        "expect": expect,
        "decisive": draw(st.lists(words, max_size=2)),
        "must": draw(st.lists(criteria(), max_size=3)),
        "must_not": draw(st.lists(criteria(), max_size=2)),
        "pushes": draw(st.lists(words, max_size=2)),
        "twins": draw(st.lists(twins, max_size=2)),
    })  # fmt: skip


def same(one, other):
    """The same case but for how its inquiry's values were spelt."""
    blank = {"inquiry": SHIPPED[0].inquiry}
    assert one.model_copy(update=blank) == other.model_copy(update=blank)
    assert one.inquiry.build() == other.inquiry.build()


@settings(max_examples=40, deadline=None)
@given(cases())
def test_a_case_file_says_what_the_case_says(entry):
    again, waits = parse_case(parse_yaml(Path("a.yaml"), case_yaml(Taken(entry))))
    assert again == entry
    assert not waits


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(cases(), min_size=1, max_size=3, unique_by=lambda entry: entry.id))
def test_json_lines_lose_nothing(tmp_path, entries):
    path = tmp_path / "cases.jsonl"
    path.write_text(to_jsonl(Taken(entry) for entry in entries), "utf-8", newline="")
    assert [taken.entry for taken in from_jsonl(path)] == entries


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cases())
def test_promptfoo_and_back_is_the_same_case_or_is_told(tmp_path, entry):
    path = tmp_path / "promptfooconfig.yaml"
    text, left = to_promptfoo([Taken(entry)], URL)
    path.write_text(text, "utf-8", newline="")
    if yaml.safe_load(text)["tests"]:
        ((taken,), lost) = from_promptfoo(path)
        same(taken.entry, entry)
        assert not lost
    else:
        assert left
        assert any(mark in case_yaml(Taken(entry)) for mark in MARKS)


def test_the_shipped_suite_goes_to_json_lines_and_back(tmp_path):
    path = tmp_path / "all.jsonl"
    path.write_text(to_jsonl(map(Taken, SHIPPED)), "utf-8")
    assert [taken.entry for taken in from_jsonl(path)] == SHIPPED


def test_a_case_that_waits_still_waits_afterwards(tmp_path):
    entry = SHIPPED[0].model_copy(update={"tags": ["to_review"]})
    path = tmp_path / "one.jsonl"
    path.write_text(to_jsonl([Taken(entry, waits=True)]), "utf-8")
    assert json.loads(path.read_text("utf-8"))["expect"]["verdict"] == ""
    assert [taken.waits for taken in from_jsonl(path)] == [True]
    write_cases(from_jsonl(path), tmp_path)
    assert [case.entry.id for case in load_waiting(tmp_path)] == [entry.id]


@pytest.mark.parametrize(
    "line",
    ['{"id": "a.b"', "[1]", "7", '{"id": "a.b", "colour": "red"}', '{"id": "a.b", "name": "x"}', "[" * 100_000],
)
def test_a_line_that_is_no_case_is_told_by_its_number(tmp_path, line):
    path = tmp_path / "cases.jsonl"
    path.write_text(to_jsonl([Taken(SHIPPED[0])]) + "\n" + line + "\n", "utf-8")
    with pytest.raises(RulebookError) as error:
        from_jsonl(path)
    assert (error.value.file, error.value.line) == (str(path), 3)


def test_the_same_id_twice_or_no_case_at_all_is_refused(tmp_path):
    path = tmp_path / "cases.jsonl"
    path.write_text(to_jsonl([Taken(SHIPPED[0])] * 2), "utf-8")
    with pytest.raises(RulebookError, match=SHIPPED[0].id):
        from_jsonl(path)
    path.write_text("\n\n", "utf-8")
    with pytest.raises(RulebookError):
        from_jsonl(path)


def test_writing_cases_writes_all_or_none(tmp_path):
    write_cases([Taken(SHIPPED[0])], tmp_path)
    before = sorted(tmp_path.rglob("*.yaml"))
    with pytest.raises(UsageError, match=SHIPPED[0].id):
        write_cases([Taken(SHIPPED[1]), Taken(SHIPPED[0])], tmp_path)
    assert sorted(tmp_path.rglob("*")) == sorted({*before, *(path.parent for path in before)})
    (case,) = load_cases(tmp_path)
    assert case.entry == SHIPPED[0]


def test_a_configuration_checks_at_promptfoo_what_can_be_checked_there():
    ladder = next(entry for entry in SHIPPED if entry.id == "ladder.bowls_broken_more")
    text, left = to_promptfoo([Taken(ladder)], URL + "/")
    config = yaml.safe_load(text)
    (test,) = config["tests"]
    assert config["providers"][0]["config"]["url"] == URL + "/v1/drafts"
    assert test["vars"]["request"]["messages"] == [
        {"role": "customer", "content": ladder.inquiry.messages[0]["customer"]}
    ]
    values = [(one["type"], one["value"]) for one in test["assert"]]
    assert ("javascript", 'output.verdict === "reasonable"') in values
    assert ("contains-any", ladder.must[0].says) in values
    assert {one["transform"] for one in test["assert"] if one["type"] != "javascript"} == {"output.reply"}
    assert len({one.what for one in left}) >= 3


def test_a_case_in_promptfoos_own_template_language_stays_behind_and_is_told():
    entry = SHIPPED[0].model_copy(update={"name": "{{ env.HOME }}"})
    text, left = to_promptfoo([Taken(entry)], URL)
    assert yaml.safe_load(text)["tests"] == []
    assert [one.case for one in left] == [entry.id]


FOREIGN = """
defaultTest:
  vars: {shop_name: 小店}
  assert: [{type: llm-rubric, value: 语气要客气}]
tests:
- description: 想退杯子
  vars:
    query: 杯子不想要了
    order: '{"amount": 35, "received": true, "days_since_received": 2}'
  assert:
  - {type: llm-rubric, value: 答应退货, weight: 3}
  - {type: not-contains, value: 不可能}
  - {type: contains-all, value: [七天, 运费]}
  - {type: similar, value: 可以退, threshold: 0.8}
  - {type: not-llm-rubric, value: 嘲讽客户}
  threshold: 0.5
- vars:
    messages: [{role: system, content: 你是客服}, {role: user, content: 在吗}]
- vars: {message: [碎了, 少了]}
- vars: {language: 法语}
- file://more.yaml
"""


def test_foreign_tests_become_cases_that_wait_and_what_is_left_is_told(tmp_path):
    path = tmp_path / "promptfooconfig.yaml"
    path.write_text(FOREIGN, "utf-8")
    taken, left = from_promptfoo(path)
    assert [one.entry.id.partition(".")[2] for one in taken] == ["1", "2", "3-1", "3-2"]
    assert all(one.waits and one.entry.tags == ["to_review"] for one in taken)
    first = taken[0].entry
    assert first.name == "想退杯子"
    assert first.inquiry.messages == [{"customer": "杯子不想要了"}]
    assert first.inquiry.build().order.days_since_received == 2
    assert [(one.text, one.weight) for one in first.must][:2] == [("语气要客气", None), ("答应退货", 3.0)]
    assert [one.says for one in first.must if one.says] == [["七天"], ["运费"]]
    assert [(one.text, one.says) for one in first.must_not][1] == ("嘲讽客户", [])
    assert first.must_not[0].says == ["不可能"]
    assert taken[2].entry.inquiry.messages == [{"customer": "碎了"}]
    told = {
        (one.case, what) for one in left for what in ("similar", "threshold", "shop_name", "system") if what in one.what
    }
    assert {("1", "similar"), ("1", "threshold"), ("1", "shop_name"), ("2", "system")} <= told
    assert {one.case for one in left} >= {"4", "5"}
    write_cases(taken, tmp_path / "out")
    assert len(load_waiting(tmp_path / "out")) == 4


def test_an_edit_made_at_promptfoo_comes_back(tmp_path):
    entry = next(entry for entry in SHIPPED if entry.id == "ladder.bowls_broken_more")
    text, _ = to_promptfoo([Taken(entry)], URL)
    path = tmp_path / "promptfooconfig.yaml"
    path.write_text(text.replace("三百块误工费不答应", "误工费说清没有依据"), "utf-8")
    ((taken,), _) = from_promptfoo(path)
    assert [one.text for one in taken.entry.must] == [entry.must[0].text, "误工费说清没有依据"]


@pytest.mark.parametrize("text", ["tests: file://tests.yaml", "a: 1", "just words", "tests: [", "tests: []", ""])
def test_a_file_without_tests_is_a_clear_error(tmp_path, text):
    path = tmp_path / "promptfooconfig.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(RulebookError) as error:
        from_promptfoo(path)
    assert error.value.file == str(path)


def test_hostile_tests_are_words_and_no_paths(tmp_path):
    path = tmp_path / "x.yaml"
    hostile = {"description": "../../x", "vars": {"message": "<script>alert(1)</script>"}}
    path.write_text(yaml.safe_dump([hostile | {"metadata": {"youli": {"id": "../../etc/x"}}}]), "utf-8")
    with pytest.raises(RulebookError):
        from_promptfoo(path)
    path.write_text(yaml.safe_dump([hostile]), "utf-8")
    ((taken,), _) = from_promptfoo(path)
    (written_to,) = write_cases([taken], tmp_path / "out")
    assert written_to.is_relative_to(tmp_path / "out")
    assert taken.entry.inquiry.messages == [{"customer": "<script>alert(1)</script>"}]
