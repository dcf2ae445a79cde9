"""How much of a text was changed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.text.edits import distance, edit_of, ratio

TEXTS = st.text("退款不了亲a。", max_size=40)


def plainly(left: str, right: str) -> int:
    """Levenshtein's distance by its definition, row by row."""
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        before, row = row, [i]
        for j, b in enumerate(right, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (a != b)))
    return row[-1]


@given(TEXTS, TEXTS)
def test_the_distance_is_levenshteins(left: str, right: str) -> None:
    assert distance(left, right) == plainly(left, right) == distance(right, left)
    assert 0 <= ratio(left, right) <= 1


STEPS = [
    ("empathy", "伞想退，我明白。"),
    ("rule", "没有毛病的退货是签收后七天内，这单过了。"),
    ("closing", "您看怎么方便，回我一句就行。"),
]


def test_what_became_of_each_step() -> None:
    sent = "伞想退，我明白。\n没毛病的退货是签收后七天里提，这单过了。\n给您放了张券。"
    edit = edit_of(STEPS, sent, 0.5)
    assert (edit.kept, edit.changed, edit.dropped, edit.added) == (("empathy",), ("rule",), ("closing",), 1)
    assert 0 < edit.ratio < 1


def test_bubbles_pasted_together_are_no_edit() -> None:
    edit = edit_of(STEPS, " ".join(text for _, text in STEPS), 0.5)
    assert (edit.distance, edit.kept, edit.added) == (0, ("empathy", "rule", "closing"), 0)


@given(st.lists(st.tuples(st.sampled_from(["rule", "closing"]), TEXTS), max_size=4), TEXTS)
def test_every_step_has_one_fate(parts: list[tuple[str, str]], sent: str) -> None:
    edit = edit_of(parts, sent, 0.5)
    assert sorted([*edit.kept, *edit.changed, *edit.dropped]) == sorted(name for name, _ in parts)
