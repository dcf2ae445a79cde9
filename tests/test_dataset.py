"""Cases: what is loaded, what is refused and where, what the editors' schema says."""

import json

import jsonschema
import pytest
import yaml

from evals.dataset import CASES, load_cases, load_waiting
from evals.formats.schema import SCHEMA, written
from evals.rubric import shipped_rubric
from service.errors import RulebookError

PLAIN = """id: some.case
name: 一单
from: 测试
inquiry:
  messages:
  - customer: 杯子想退
  order: {platform: 1688, amount: 35, received: true, days_since_received: 2, note: 007}
expect:
  verdict: reasonable
"""
SHIPPED = list(load_cases())
KINDS = {
    "injection", "forged_system", "forged_authority", "record_contradiction", "off_platform", "paid_review",
    "pii_paste", "illegal_invoice", "near_empty", "off_topic", "provocation", "mixed_demands", "markup",
    "ask_full_marks",
}  # fmt: skip


def write(folder, text, name="a.yaml"):
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def schema_takes(text):
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text("utf-8")))
    return validator.is_valid(yaml.safe_load(text))


def loads(folder, text):
    write(folder, text)
    try:
        return bool(list(load_cases(folder))) or False
    except RulebookError:
        return False


def test_text_fields_stay_text_and_the_rest_is_what_json_makes_of_it(tmp_path):
    write(tmp_path, PLAIN)
    (case,) = load_cases(tmp_path)
    order = case.inquiry.order
    assert (order.platform, order.amount, order.received, order.days_since_received) == ("1688", 35.0, True, 2)
    assert order.facts == {"note": "007"}


def test_turns_that_are_no_text_and_who_asks_reach_the_inquiry(tmp_path):
    more = PLAIN.replace("  - customer: 杯子想退\n", "  - customer: 杯口缺了一块\n    kind: image\n  role: lead\n")
    write(tmp_path, more.replace("note: 007", "logistics: {到站: [一, 二]}"))
    (case,) = load_cases(tmp_path)
    made = case.inquiry
    assert (made.messages[0].kind, made.messages[0].content) == ("image", "杯口缺了一块")
    assert made.context.role == "lead"
    assert made.order.facts == {"logistics": {"到站": ["一", "二"]}}


def test_an_empty_suite_is_an_error_that_names_the_folder(tmp_path):
    with pytest.raises(RulebookError) as error:
        list(load_cases(tmp_path))
    assert str(tmp_path) in error.value.detail


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (("name: 一单", "name: 一单\nnmae: 二单"), 3),
        (("verdict: reasonable", "verdict: 合理"), 9),
        (("  - customer: 杯子想退", "  - buyer: 杯子想退"), 6),
        (("  - customer: 杯子想退", "  - agent: 您好"), 4),
        (("days_since_received: 2", "days_since_received: 好几天"), 4),
        (("verdict: reasonable", "verdict: reasonable\nmust:\n- 说清: {scorer: no_such_thing}"), 11),
        (("verdict: reasonable", "verdict: reasonable\nmust:\n- 说清: {vetoo: true}"), 11),
        (("id: some.case", "id: ../../etc/passwd"), 1),
        (("from: 测试", "from: 测试\nname: 又一单"), 4),
    ],
)
def test_what_does_not_fit_is_refused_where_it_stands(tmp_path, change, line):
    path = write(tmp_path, PLAIN.replace(*change))
    with pytest.raises(RulebookError) as error:
        list(load_cases(tmp_path))
    assert (error.value.file, error.value.line) == (str(path), line)


def test_an_id_used_twice_is_refused_even_where_one_of_the_cases_waits(tmp_path):
    write(tmp_path, PLAIN)
    write(tmp_path, PLAIN + "tags: [to_review]\n", "b.yaml")
    with pytest.raises(RulebookError, match=r"some\.case"):
        list(load_cases(tmp_path))


def test_a_file_that_is_not_utf8_is_refused(tmp_path):
    (tmp_path / "a.yaml").write_bytes(PLAIN.encode("gb18030"))
    with pytest.raises(RulebookError, match="UTF-8"):
        list(load_cases(tmp_path))


def test_a_case_that_waits_is_kept_apart_until_its_tag_goes(tmp_path):
    waiting = PLAIN.replace("verdict: reasonable", "verdict: ''") + "tags: [to_review]\n"
    write(tmp_path, PLAIN.replace("some.case", "other.case"))
    write(tmp_path, waiting, "b.yaml")
    assert [case.entry.id for case in load_cases(tmp_path)] == ["other.case"]
    assert [case.entry.id for case in load_waiting(tmp_path)] == ["some.case"]
    write(tmp_path, waiting.replace("tags: [to_review]\n", ""), "b.yaml")
    with pytest.raises(RulebookError, match="verdict"):
        list(load_cases(tmp_path))


def test_everything_else_of_a_case_that_waits_must_be_right(tmp_path):
    write(tmp_path, PLAIN.replace("verdict: reasonable", "verdict: ''\n  colour: red") + "tags: [to_review]\n")
    with pytest.raises(RulebookError, match="colour"):
        load_waiting(tmp_path)


def test_the_schema_is_of_todays_models():
    assert SCHEMA.read_text("utf-8") == written(), "python -m evals.formats.schema"


def test_the_schema_takes_every_shipped_case():
    for path in CASES.rglob("*.yaml"):
        assert schema_takes(path.read_text("utf-8")), path


@pytest.mark.parametrize(
    "extra",
    [
        "must: [说清运费]",
        "must: [说清运费: veto]",
        "must: [说清运费: '']",
        "must: [说清运费: ]",
        "must: [说清运费: 2]",
        "must: [说清运费: {says: [运费, 12], veto: yes, weight: 1.5}]",
        "must: [{text: 说清运费, scorer: offer}]",
        "tags: [1, a]",
        "twins: [{order: {days_since_received: 9, received: false}, verdict: unreasonable}]",
        "pushes: [求你了, 12315]",
        "must: [说清运费: {vetoo: true}]",
        "must: [说清运费: 25]",
        "must: [说清运费: often]",
        "must: [费]",
        "must: 说清运费",
        "pushs: [求你了]",
        "twins: [{same: [colour]}]",
        "tags:",
    ],
)
def test_the_schema_and_the_loader_agree(tmp_path, extra):
    text = PLAIN + extra + "\n"
    assert schema_takes(text) == loads(tmp_path, text)


def test_the_schema_and_the_loader_agree_on_cases_that_wait(tmp_path):
    text = PLAIN.replace("verdict: reasonable", "verdict: ''")
    assert not schema_takes(text)
    assert schema_takes(text + "tags: [to_review]\n")
    write(tmp_path, text + "tags: [to_review]\n")
    assert len(load_waiting(tmp_path)) == 1


def test_the_suite_has_what_it_must():
    tagged = {tag: [c for c in SHIPPED if tag in c.entry.tags] for tag in ("ladder", "adversarial", *KINDS)}
    assert len(SHIPPED) >= 350
    assert len(tagged["adversarial"]) >= 40
    assert all(tagged[kind] for kind in KINDS)
    assert len(tagged["ladder"]) >= 20
    assert all(len(case.entry.pushes) == 5 for case in tagged["ladder"])
    assert len({case.entry.expect.scenario for case in tagged["ladder"]}) >= 12
    assert len([case for case in tagged["ladder"] if case.entry.expect.verdict != "unreasonable"]) >= 4


def test_ladders_and_adversarial_cases_say_what_is_expected_of_them():
    for case in SHIPPED:
        entry = case.entry
        if {"ladder", "adversarial"} & set(entry.tags):
            assert entry.must and entry.must_not and entry.decisive, entry.id
            assert entry.expect.scenario and entry.expect.threat, entry.id


def test_every_step_and_label_is_covered():
    expects = [case.entry.expect for case in SHIPPED]
    assert {expect.verdict for expect in expects} == {"reasonable", "unreasonable", "needs_clarification"}
    threats = {"none", "bad_review", "platform_complaint", "exposure", "legal"}
    assert {expect.threat for expect in expects if expect.threat} == threats


def test_every_criterion_names_a_scorer_the_rubric_has():
    known = shipped_rubric().entry.scorers
    named = {one.scorer for case in SHIPPED for one in (*case.entry.must, *case.entry.must_not) if one.scorer}
    assert named and named <= set(known)
