from __future__ import annotations

from collections.abc import Iterator, Sequence

from hypothesis import given
from hypothesis import strategies as st

from service.text.memo import LONGEST, MOST, Memo


@given(st.lists(st.lists(st.text(max_size=3), max_size=8), max_size=8))
def test_a_memo_answers_as_the_work_itself_does(asked: list[list[str]]) -> None:
    memo: Memo[int] = Memo(lambda clauses: map(len, clauses))
    for clauses in asked:
        assert memo.of(clauses) == [len(clause) for clause in clauses]


def test_a_clause_is_worked_out_once_and_a_very_long_one_each_time() -> None:
    worked: list[str] = []

    def work(clauses: Sequence[str]) -> Iterator[int]:
        worked.extend(clauses)
        return map(len, clauses)

    memo = Memo(work)
    long = "退" * (LONGEST + 1)
    assert memo.of(["可以", long, "可以"]) == memo.of(["可以", long, "可以"]) == [2, LONGEST + 1, 2]
    assert worked == ["可以", long, long]


def test_no_more_is_remembered_than_there_is_room_for() -> None:
    memo: Memo[int] = Memo(lambda clauses: map(len, clauses))
    for number in range(3 * MOST):
        assert memo.of([str(number)]) == [len(str(number))]
    assert len(memo) <= MOST + 1
