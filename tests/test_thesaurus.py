from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import RulebookError
from service.rulebook.thesaurus import Ear, Group, Thesaurus, build_thesaurus, load_thesaurus

EAR = Ear(single=0.3, floor=1.0, full=4.0, groups=5)
SMALL = build_thesaurus(
    [
        Group(say=["踢皮球", "推来推去"], means=["推卸责任"]),
        Group(say=["邮费", "寄回去的钱"], means=["运费"]),
        Group(say=["打包票", "拍胸脯"], means=["擅自承诺"]),
    ]
)


def heard(text: str) -> list[int]:
    return [h.group for h in SMALL.hear(text, EAR)]


def test_a_whole_expression_counts_fully_whatever_stands_around_it():
    first = SMALL.hear("你们又在这儿踢皮球了吧", EAR)[0]
    assert (first.group, first.strength, first.say) == (0, 1.0, "踢皮球")


def test_a_short_expression_counts_in_proportion():
    strict = Ear(single=0.3, floor=99, full=1, groups=5, whole=4)
    assert [h.strength for h in SMALL.hear("邮费谁出", strict)] == [0.5]
    assert [h.strength for h in SMALL.hear("寄回去的钱谁出", strict)] == [1.0]


def test_traditional_and_full_width_are_heard_too():
    assert heard("郵費算誰的")[0] == 1


def test_part_of_a_long_expression_is_heard_less():
    first = SMALL.hear("寄回去谁掏钱", EAR)[0]
    assert first.group == 1
    assert 0 < first.strength < 1


def test_what_shares_nothing_is_not_heard():
    assert heard("今天天气不错") == []
    assert build_thesaurus([]).hear("邮费", EAR) == []


@given(st.text(max_size=600))
def test_hearing_is_bounded(thesaurus: Thesaurus, text: str):
    found = thesaurus.hear(text, EAR)
    assert len(found) <= EAR.groups
    assert all(0 < h.strength <= 1 and 0 <= h.group < len(thesaurus.groups) for h in found)
    assert len({h.group for h in found}) == len(found)


def test_the_shipped_file_hears_each_of_its_own_expressions(thesaurus: Thesaurus):
    every = Ear(single=0, floor=1e9, full=1, groups=len(thesaurus.groups))
    for index, group in enumerate(thesaurus.groups):
        for say in group.say:
            assert index in {h.group for h in thesaurus.hear(say, every)}, say


def test_the_shipped_file_copies_no_sentences(thesaurus: Thesaurus):
    assert max(len(word) for group in thesaurus.groups for word in group.means) <= 13


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("groups:\n  - say: [邮费]\n    means: [运费]\n    why: 口语\n", 4),
        ("groups:\n  - say: [邮费]\n    means: []\n", 3),
        ("groups:\n  - say: [费]\n    means: [运费]\n", 2),
        ("groups:\n  - say:\n      - 邮费\n      - 运资\n      - 郵費\n    means: [运费]\n", 5),
        ("groups:\n  - say: [。。]\n    means: [运费]\n", 2),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, text: str, line: int):
    path = tmp_path / "thesaurus.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RulebookError) as problem:
        load_thesaurus(path)
    assert problem.value.line == line
