from pathlib import Path
from typing import get_args

import pytest
from jinja2 import UndefinedError
from jinja2.exceptions import SecurityError

from service.checks.phrases import check_phrases
from service.errors import RulebookError
from service.rulebook.forbiddenfiles import load_forbidden
from service.schemas import Message, StepName, Style, Verdict
from service.settings import HOME
from service.writing.prompts import Prompts, load_prompt

BODY = "{% block system %}你好{% endblock %}\n{% block user %}{{ name }}{% endblock %}\n"
HEAD = "---\nabout: 试一试\ninputs: [name]\n---\n"


@pytest.fixture(scope="module")
def draft():
    return Prompts.load(HOME / "prompts")["draft"]


def written(folder: Path, text: str) -> Path:
    path = folder / "trial.md"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_prompt_renders_its_two_blocks(tmp_path):
    prompt = load_prompt(written(tmp_path, HEAD + BODY))
    assert prompt.render(name="小王") == ("你好", "小王")


def test_values_are_never_templates(tmp_path):
    prompt = load_prompt(written(tmp_path, HEAD + BODY))
    assert prompt.render(name="{{ 7 * 7 }}{% raw %}<b>&")[1] == "{{ 7 * 7 }}{% raw %}<b>&"


def test_a_missing_input_is_an_error(tmp_path):
    with pytest.raises(UndefinedError):
        load_prompt(written(tmp_path, HEAD + BODY)).render()


def test_templates_run_in_a_sandbox(tmp_path):
    body = BODY.replace("{{ name }}", "{{ name.__class__.__mro__ }}")
    with pytest.raises(SecurityError):
        load_prompt(written(tmp_path, HEAD + body)).render(name="x")


def test_the_label_changes_with_the_wording_and_not_with_line_ends(tmp_path):
    first = load_prompt(written(tmp_path, HEAD + BODY)).label
    windows = load_prompt(written(tmp_path, (HEAD + BODY).replace("\n", "\r\n"))).label
    other = load_prompt(written(tmp_path, HEAD + BODY.replace("你好", "您好"))).label
    assert first == windows != other
    assert first.startswith("trial@")
    assert len(first) == len("trial@") + 6


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (HEAD + BODY.replace("{{ name }}", "{{ name "), 6),
        (HEAD + BODY.replace("{{ name }}", "{{ other }}"), 3),
        (HEAD + "{% block user %}{{ name }}{% endblock %}", 5),
        ("---\nabout: 试一试\ninputs: [name]\nspeed: 9\n---\n" + BODY, 4),
        ("---\nabout: 试一试\ninputs: [name]\nplaceholders: ['(']\n---\n" + BODY, 4),
        ("---\nabout: 试一试\ninputs: [name]\nlimits: {turns: many}\n---\n" + BODY, 4),
        (BODY, 1),
    ],
)
def test_a_broken_prompt_names_file_and_line(tmp_path, text, line):
    path = written(tmp_path, text)
    with pytest.raises(RulebookError) as caught:
        load_prompt(path)
    assert (caught.value.file, caught.value.line) == (str(path), line)
    assert any("\u4e00" <= c <= "\u9fff" for c in caught.value.reason)


def test_a_missing_prompt_is_a_key_error(tmp_path):
    prompts = Prompts.load(tmp_path)
    assert "draft" not in prompts
    with pytest.raises(KeyError):
        prompts["draft"]


def test_the_draft_prompt_has_a_wording_for_everything_the_contract_names(draft):
    words = draft.head.words
    assert set(words["steps"]) == set(get_args(StepName))
    assert set(words["verdicts"]) == set(get_args(Verdict))
    assert set(words["kinds"]) == set(get_args(Message.model_fields["kind"].annotation))
    tone = Style.model_fields["tone"].annotation
    assert set(words["tones"]) == {name for part in get_args(tone) for name in get_args(part)}


def test_the_draft_prompt_keeps_to_the_rules_it_teaches(draft):
    rules = load_forbidden(HOME / "knowledge" / "forbidden")
    for text in (*draft.head.words["steps"].values(), *draft.head.words["tones"].values()):
        assert [f.rule for f in check_phrases(text, rules) if f.severity == "block"] == []


@pytest.mark.parametrize(
    "text", ["退您XX元", "等[几个]工作日", "{称呼}您好", "<手机号9>", "补您__元", "赔您×××元", "〔券〕"]
)
def test_gaps_are_seen(draft, text):
    assert draft.gap_in(text)


@pytest.mark.parametrize("text", ["XXL码可以换", "这把伞退给您", "3x4的那款", "“退货退款”点一下", "《三包》里写的"])
def test_no_gap_where_there_is_none(draft, text):
    assert not draft.gap_in(text)
