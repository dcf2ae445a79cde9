"""An answer that grows: whatever the pieces, the same parts, each as early as can be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.writing.growing import Growing, Part

values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
steps = st.lists(st.fixed_dictionaries({"step": st.text(max_size=5), "text": st.text(max_size=30)}), max_size=4)


def parts(text: str, cuts: list[int]) -> list[Part]:
    growing, found, last = Growing(), [], 0
    for cut in sorted(min(cut, len(text)) for cut in cuts):
        found += list(growing.feed(text[last:cut]))
        last = cut
    return found + list(growing.feed(text[last:]))


@given(values, steps, values, st.lists(st.integers(0, 300), max_size=40), st.booleans(), st.booleans())
def test_every_part_once_whatever_the_pieces(
    reading: Any, items: list[dict[str, str]], notes: Any, cuts: list[int], ascii_only: bool, fenced: bool
) -> None:
    text = json.dumps({"reading": reading, "steps": items, "notes": notes}, ensure_ascii=ascii_only, indent=1)
    text = f"```json\n{text}\n```" if fenced else text
    wanted = [Part("reading", reading), *(Part("steps", item) for item in items), Part("notes", notes)]
    assert parts(text, cuts) == wanted


@given(st.text(alphabet='{}[]",:\\ absteps一', max_size=60), st.lists(st.integers(0, 60), max_size=6))
def test_anything_at_all_is_survived(text: str, cuts: list[int]) -> None:
    assert parts(text, cuts) == parts(text, [])


def test_a_step_leaves_with_its_last_brace() -> None:
    growing = Growing()
    assert list(growing.feed('{"reading": {"claims": []}, "steps": [{"step": "empathy", "text": "好"')) == [
        Part("reading", {"claims": []})
    ]
    assert list(growing.feed("}")) == [Part("steps", {"step": "empathy", "text": "好"})]
    assert list(growing.feed(', {"step": "closing", "text": "a}')) == []
    assert list(growing.feed('"}], "notes": "完"}')) == [
        Part("steps", {"step": "closing", "text": "a}"}),
        Part("notes", "完"),
    ]


def test_nothing_after_the_object_counts() -> None:
    assert parts('{"steps": [{"a": 1}]} {"steps": [{"a": 2}]}', []) == [Part("steps", {"a": 1})]


@pytest.mark.parametrize("text", ['{"steps": [{"a": }]}', '{"steps": "none"}', "[1, 2]", ""])
def test_what_is_no_step_is_left_out(text: str) -> None:
    assert [part for part in parts(text, []) if part.name == "steps" and isinstance(part.value, dict)] == []
