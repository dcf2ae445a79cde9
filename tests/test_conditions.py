"""The condition grammar: truth over facts, and what it refuses to read."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rulebook.conditions import ConditionError, Value, parse, parse_all


@dataclass
class Names:
    kinds: ClassVar = {
        "定制": "flag",
        "用过": "flag",
        "天数": "number",
        "期限": "number",
        "原因": "choice",
        "券": "text",
    }
    values: ClassVar = {"原因": ["质量", "破损", "没说"]}

    def kind(self, name):
        return self.kinds.get(name)

    def owner(self, value):
        return next((name for name, values in self.values.items() if value in values), None)

    def members(self, name, value):
        if value == "坏了":
            return ("质量", "破损")
        return (value,) if value in self.values.get(name, []) else ()


NAMES = Names()


def facts(**given):
    blank = {name: Value() for name in Names.kinds}
    return blank | {name: value if isinstance(value, Value) else Value(value) for name, value in given.items()}


UNKNOWN = Value(unknown=True)


@pytest.mark.parametrize(
    ("text", "known", "truth"),
    [
        ("定制", facts(定制=True), True),
        ("定制", facts(定制=False), False),
        ("非 定制", facts(定制=False), True),
        ("非 定制", facts(定制=UNKNOWN), None),
        ("质量、破损", facts(原因=("破损",)), True),
        ("质量、破损", facts(原因="没说"), False),
        ("原因 是 质量", facts(原因=("没说", "质量")), True),
        ("原因 是 坏了", facts(原因=("破损",)), True),
        ("原因 不是 坏了", facts(原因=("破损",)), False),
        ("原因 不是 质量", facts(原因=("没说", "质量")), False),
        ("天数 超过 期限", facts(天数=8.0, 期限=7.0), True),
        ("天数 超过 7", facts(天数=7.0), False),
        ("天数 不超过 期限", facts(天数=7.0, 期限=7.0), True),
        ("天数 至少 期限 + 1", facts(天数=8.0, 期限=7.0), True),
        ("天数 - 期限 不到 3", facts(天数=9.0, 期限=7.0), True),
        ("天数 等于 2", facts(天数=2.0), True),
        ("天数 超过 期限", facts(天数=8.0), False),
        ("有 券", facts(券="满减"), True),
        ("有 券", facts(), False),
        ("有 券", facts(券=UNKNOWN), False),
        ("定制 或 用过", facts(定制=UNKNOWN, 用过=True), True),
        ("定制 或 用过", facts(定制=UNKNOWN, 用过=False), None),
    ],
)
def test_truth(text, known, truth):
    assert parse(text, NAMES).test(known).value is truth


def test_unknown_names_the_facts_that_made_it_so():
    truth = parse_all(["定制", "天数 超过 期限"], NAMES).test(facts(定制=True, 天数=UNKNOWN, 期限=7.0))
    assert truth.value is None
    assert truth.because == {"天数"}


def test_one_false_decides_whatever_is_unknown():
    assert parse_all(["定制", "用过"], NAMES).test(facts(定制=UNKNOWN, 用过=False)).value is False


@pytest.mark.parametrize(
    "text", ["没有的", "没有的 是 质量", "原因 是 没有的", "定制 超过 3", "有 没有的", "原因 超过 1"]
)
def test_unknown_names_are_refused(text):
    with pytest.raises(ConditionError):
        parse(text, NAMES)


@given(
    st.sampled_from(["定制", "非 定制", "天数 超过 期限", "定制 或 用过", "原因 是 质量"]),
    st.sampled_from([True, False, None]),
    st.sampled_from([3.0, 9.0, None]),
)
def test_filling_an_unknown_never_turns_a_truth_already_known(text, flag, days):
    condition = parse(text, NAMES)
    open_facts = facts(
        定制=UNKNOWN if flag is None else flag, 用过=False, 天数=UNKNOWN if days is None else days, 期限=7.0
    )
    before = condition.test(open_facts)
    for filled_flag in (True, False):
        for filled_days in (3.0, 9.0):
            closed = open_facts | {
                "定制": Value(filled_flag) if flag is None else open_facts["定制"],
                "天数": Value(filled_days) if days is None else open_facts["天数"],
            }
            after = condition.test(closed)
            assert after.value is not None
            assert before.value in (None, after.value)
