"""What is denied is not heard; what is asked back is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.reading import read
from service.text.negation import denied
from tests.desk import inquiry, shipped


@pytest.mark.parametrize(
    ("clause", "phrase", "expected"),
    [
        ("我倒没有受伤", "受伤", True),
        ("客服未推荐码数", "推荐", True),
        ("挑不出啥毛病", "毛病", True),
        ("并不是质量问题", "质量问题", True),
        ("胳膊受伤了", "受伤", False),
        ("有没有受伤也不问一声", "受伤", False),
        ("是不是假货", "假货", False),
        ("这不是假货吗", "假货", False),
        ("能不能修", "修", False),
        ("没多久就坏了", "坏了", False),
    ],
)
def test_denied(clause, phrase, expected):
    assert denied(clause, clause.index(phrase)) is expected


def causes(words):
    """The causes heard in one message by frames."""
    book = shipped()
    heard = read(inquiry(words), book.listening, book.facts).of("原因", "buyer")
    return {one.value for one in heard if not one.like}


def test_a_denied_cause_is_not_heard_and_the_same_cause_said_is():
    assert "受伤" in causes("锅盖弹起来，手烫伤了")
    assert "受伤" not in causes("锅盖弹起来，手没烫伤")


@given(st.text(max_size=40), st.integers(0, 40))
def test_any_clause_has_an_answer(clause, start):
    assert denied(clause, min(start, len(clause))) in (True, False)
