"""What holds for the findings of any text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.checking import Checker
from service.rulebook.book import CheckBook
from service.schemas import CheckRequest
from service.schemas.base import MAX_TEXT_CHARS
from service.settings import HOME
from service.text.normalise import fold, normalise

CHECKER = Checker(CheckBook(HOME / "knowledge"))
PIECES = [
    *("您这人真难缠", "不能退", "肯定给您退款", "已为您登记", "500元", "１３８００００１２３４", "{货}", "3天", "客戶"),
    *("“", "”", "。", "，", "\n", " ", "\u200b", "ｅ", "e\u0301", "傻", "逼", "😀"),
]
TEXTS = st.one_of(
    st.text(min_size=1, max_size=80), st.lists(st.sampled_from(PIECES), min_size=1, max_size=30).map("".join)
)


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_a_finding_lies_in_the_text_and_quotes_it(text: str) -> None:
    try:
        request = CheckRequest(text=text)
    except ValueError:
        return  # nothing that is taken in
    result = CHECKER.check(request, None)
    for finding in result.findings:
        assert 0 <= finding.start < finding.end <= len(text)
        assert finding.excerpt == text[finding.start : finding.end]
    assert result.passed == all(finding.severity != "block" for finding in result.findings)


@given(st.one_of(st.text(max_size=200), TEXTS))
def test_the_normal_form_of_a_normal_form_is_itself_and_folding_gives_it(text: str) -> None:
    made = normalise(text).text
    assert normalise(made).text == made
    assert fold(text) == made


@given(st.one_of(st.text(max_size=200), TEXTS), st.data())
def test_every_span_of_the_normal_form_lies_in_the_original(text: str, data: st.DataObject) -> None:
    norm = normalise(text)
    start = data.draw(st.integers(0, len(norm.text)))
    end = data.draw(st.integers(start, len(norm.text)))
    first, last = norm.span(start, end)
    assert 0 <= first <= last <= len(text)


@pytest.mark.parametrize("sentence", ["您这人真难缠，", "您这人真难缠。能退，您放心。", "再闹就别想退了"])
def test_a_text_too_bad_to_be_read_to_its_end_is_blocked(sentence: str) -> None:
    text = (sentence * (MAX_TEXT_CHARS // len(sentence)))[:MAX_TEXT_CHARS]
    result = CHECKER.check(CheckRequest(text=text), None)
    assert not result.passed
    assert all(finding.excerpt == text[finding.start : finding.end] for finding in result.findings)
