"""Which draft of a conversation answers the newer message."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.database.turns import WIDTH, compare, turns_of
from service.schemas import Inquiry, Message


def turns(said: str) -> str:
    """Customer turns, one letter each, an agent's answer between them."""
    messages = [
        m
        for letter in said
        for m in (Message(role="agent", content="您说"), Message(role="customer", content=f"第{letter}句"))
    ]
    return turns_of(Inquiry(messages=tuple(messages)))


@pytest.mark.parametrize(
    ("known", "other", "relation"),
    [
        ("a", "a", "same"),
        ("a", "ab", "newer"),
        ("ab", "a", "older"),
        ("a", "aa", "newer"),  # 在吗？ 在吗？
        ("aaa", "a", "older"),
        ("abc", "bcd", "newer"),  # the caller sends the last three turns
        ("bcd", "abc", "older"),
        ("abcde", "de", "same"),  # … or fewer of them
        ("de", "abcde", "same"),
        ("abcde", "ef", "newer"),
        ("ef", "abcde", "older"),
        ("ab", "xb", "same"),  # an earlier turn was corrected, the last one is the same
        ("ab", "x", "apart"),
        ("a", "b", "apart"),
    ],
)
def test_what_one_is_to_the_other(known: str, other: str, relation: str) -> None:
    assert compare(turns(known), turns(other)) == relation


SAID = st.text("abc", min_size=1, max_size=8)


@given(SAID, SAID)
def test_seen_from_the_other_side_it_is_the_opposite(known: str, other: str) -> None:
    opposite = {"newer": "older", "older": "newer", "same": "same", "apart": "apart"}
    assert compare(turns(other), turns(known)) == opposite[compare(turns(known), turns(other))]


@given(SAID, SAID)
def test_whoever_goes_on_is_newer(known: str, more: str) -> None:
    assert compare(turns(known), turns(known + more)) == "newer"


@given(st.permutations("abcdefgh"), st.integers(1, 8), st.integers(1, 7), st.integers(1, 8))
def test_a_window_that_moved_on_is_newer(said: list[str], width: int, at: int, other: int) -> None:
    """Of turns that differ, any two windows that overlap tell which is newer."""
    before = said[max(0, at - width) : at]
    after = said[max(0, at - 1) :][:1] + said[at : at + other]
    if len(after) > 1:
        assert compare(turns("".join(before)), turns("".join(after))) == "newer"


def test_what_the_agent_says_is_no_customer_message() -> None:
    one = Message(role="customer", content="在吗")
    assert turns_of(Inquiry(messages=(Message(role="agent", content="在的"), one))) == turns_of(
        Inquiry(messages=(one,))
    )


def test_time_and_kind_tell_turns_apart_and_blanks_do_not() -> None:
    at = datetime(2026, 11, 22, 8, tzinfo=UTC)

    def one(**given: object) -> str:
        told = {"role": "customer", "content": "在吗", **given}
        return turns_of(Inquiry.model_validate({"messages": [told]}))

    assert len(one()) == WIDTH
    assert len({one(), one(at=at), one(at=at + timedelta(seconds=1)), one(kind="voice")}) == 4
    assert one(at=at) == one(at=at.astimezone(timezone(timedelta(hours=8))))
    assert one(at=at) == one(at=at.replace(tzinfo=None))
    assert one() == one(content=" 在吗\n")
