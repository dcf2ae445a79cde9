"""The boundary table: its own examples, its order, and what the loader refuses."""

import shutil

import pytest

from service.errors import RulebookError
from service.examples import check_examples, check_sources
from service.rulebook.book import digest_of, load_rulebook
from tests.desk import KNOWLEDGE, shipped


def test_every_example_comes_out_as_written():
    assert [str(error) for error in check_examples(shipped())] == []


def test_every_row_has_examples_and_a_published_rule():
    for row in shipped().boundaries:
        assert row.entry.match, row.id
        assert row.entry.not_match, row.id
        assert row.entry.rule, row.id
        folder, _, name = row.entry.rule.partition("#")[0].partition("/")
        path = KNOWLEDGE / ("guidelines" if folder == "guidelines" else f"rules/{folder}") / f"{name}.md"
        assert path.is_file(), f"{row.id}: {row.entry.rule}"


def test_a_rule_that_names_no_document_or_section_is_told(copy):
    assert [str(error) for error in check_sources(shipped())] == []
    (copy / "rules" / "law" / "invoice.md").unlink()
    path = copy / "rules" / "law" / "price.md"
    path.write_text(path.read_text("utf-8").replace("# 买完降价", "# 别的"), "utf-8")
    told = {error.reason for error in check_sources(load_rulebook(copy))}
    assert any("law/invoice" in reason for reason in told)
    assert any("law/price#买完降价" in reason for reason in told)


def test_a_missing_default_shop_is_told(copy):
    (copy / "shops" / "default.yaml").unlink()
    with pytest.raises(RulebookError) as caught:
        load_rulebook(copy)
    assert caught.value.file.endswith("default.yaml")


def test_a_refusal_carries_a_door_or_is_unlawful():
    for row in shipped().boundaries:
        if row.entry.verdict == "unreasonable" and row.file.name != "1-unlawful.yaml":
            assert row.entry.door, row.id


@pytest.fixture
def copy(tmp_path):
    return shutil.copytree(KNOWLEDGE, tmp_path / "knowledge")


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("boundaries/6-end.yaml", "有正品凭证 或", "有正品凭 或", "有正品凭"),
        ("boundaries/6-end.yaml", "id: own_damage", "id: paid_review", "paid_review"),
        ("boundaries/7-unclear.yaml", "scenario: vague", "scenario: nowhere", "nowhere"),
        ("facts.yaml", "kind: number, order: amount,", "kind: nummer, order: amount,", "kind"),
        ("facts.yaml", "实付 - 现价", "实付 - 现在价", "现在价"),
        ("method.yaml", "when: [有替代]", "when: [有代替]", "有代替"),
        ("shops/demo.yaml", "tone: warm", "tone: warm\ntonne: warm", "tonne"),
    ],
)
def test_a_broken_rule_is_told_with_file_and_line(copy, file, old, new, says):
    path = copy / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(RulebookError) as caught:
        load_rulebook(copy)
    assert caught.value.file.endswith(file)
    assert caught.value.line > 0
    assert says in caught.value.reason


def test_the_digest_moves_with_any_rule_file_and_with_nothing_else(copy):
    before = digest_of(copy)
    (copy / "README.md").write_text("anything", "utf-8")
    (copy / "guidelines" / "five-steps.md").write_text("# 别的\n\n内容。\n", "utf-8")
    assert digest_of(copy) == before
    path = copy / "shops" / "demo.yaml"
    path.write_text(path.read_text("utf-8").replace("amount: 8", "amount: 9"), "utf-8")
    assert load_rulebook(copy).digest == digest_of(copy) != before
