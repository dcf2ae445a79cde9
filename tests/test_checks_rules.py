"""The file of words and limits: it loads, its own sentences hold, and what is broken is told with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.checks.examples import check_examples
from service.errors import RulebookError
from service.rulebook.checkrules import GROUPS, RULE_IDS, CheckRules, load_checkrules
from service.rulebook.methodfile import read_method
from service.settings import HOME

FILE = HOME / "knowledge" / "checks.yaml"


@pytest.fixture(scope="module")
def rules() -> CheckRules:
    return load_checkrules(FILE)


def broken(tmp_path: Path, old: str, new: str) -> Path:
    text = FILE.read_text(encoding="utf-8")
    assert text.count(old) >= 1
    path = tmp_path / "checks.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_every_example_of_every_rule_comes_out_as_written(rules: CheckRules) -> None:
    check_examples(rules)


def test_a_bad_that_nothing_hits_is_told_with_its_sentence(tmp_path: Path) -> None:
    path = broken(tmp_path, "      - 给您放XX元券。", "      - 给您放八元券。")
    with pytest.raises(RulebookError) as error:
        check_examples(load_checkrules(path))
    assert "给您放八元券" in str(error.value)
    assert "blank_left" in str(error.value)


def test_an_ok_that_is_hit_is_told(tmp_path: Path) -> None:
    path = broken(tmp_path, "      - 这款有 XL 和 XXL。", "      - 这款 __ 有货。")
    with pytest.raises(RulebookError, match="blank_left"):
        check_examples(load_checkrules(path))


@pytest.mark.parametrize("rule", sorted(RULE_IDS))
def test_a_rule_the_code_needs_may_not_be_missing(tmp_path: Path, rule: str) -> None:
    path = broken(tmp_path, f"\n  {rule}:\n    category", f"\n  other_{rule}:\n    category")
    with pytest.raises(RulebookError, match=rule):
        load_checkrules(path)


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_a_list_of_frames_may_not_be_missing(tmp_path: Path, group: str) -> None:
    path = broken(tmp_path, f"\n  {group}:\n    - ", f"\n  other_{group}:\n    - ")
    with pytest.raises(RulebookError, match=group):
        load_checkrules(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    - 满足 <您> …4 要求|诉求", "    - 满足 <没有这类> …4 要求"),
        ("      - '_{2,}'", "      - '(_{2,}'"),
        ("换购券: {benefits: [送, 免]", "换购券: {benefits: [送, 飞]"),
        ("  long_digits: 7", "  long_digits: many"),
        ("    name: 数字没有出处", "    naem: 数字没有出处"),
    ],
    ids=["class", "pattern", "benefit", "number", "key"],
)
def test_what_is_broken_is_told_with_file_and_line(tmp_path: Path, old: str, new: str) -> None:
    path = broken(tmp_path, old, new)
    with pytest.raises(RulebookError) as error:
        load_checkrules(path)
    line = path.read_text(encoding="utf-8").split(new)[0].count("\n") + 1
    assert line - 3 <= error.value.line <= line
    assert error.value.file == str(path)


def test_every_offer_of_the_method_says_what_it_permits(rules: CheckRules) -> None:
    method, _ = read_method(HOME / "knowledge" / "method.yaml")
    assert method.offers.keys() <= rules.entry.permits.keys()


def test_every_suggestion_can_be_filled(rules: CheckRules) -> None:
    slots = dict.fromkeys(("excerpt", "kind", "source", "act", "name", "size", "most", "over", "type"), "·")
    for name in rules.entry.rules:
        assert "{" not in (rules.suggestion(name, **slots) or "")
