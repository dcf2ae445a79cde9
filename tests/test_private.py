import json
import string

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.text.private import MAX_CHARS, Masker, find_private, has_alias
from service.text.private.numbers import id_checks, luhn
from service.text.private.words import words

PIECES = st.sampled_from(
    [
        "手机13900001234",
        "一三九〇〇〇〇一二三四",
        "我叫孟晓峰",
        "<手机号1>",
        "<姓名2>",
        "＜手机号1＞",
        "，",
        " ",
        "\u200b",
        "四川省绵阳市涪城区剑门路9号",
        "微信 tea_1990x",
        "订单号3812345678901234567",
        "退款",
        "é",
        "🐧22334455",
        "孟晓峰",
        "ﷺ",
    ]
)
TEXTS = st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=8).map("".join))


def found(text: str) -> dict[str, list[str]]:
    got: dict[str, list[str]] = {}
    for span in find_private(text):
        got.setdefault(span.type, []).append(text[span.start : span.end])
    return got


@pytest.mark.parametrize("case", words().examples, ids=lambda case: case.text[:16])
def test_the_examples_of_the_word_file(case):
    assert found(case.text) == case.finds


def test_every_type_has_an_example():
    covered = {kind for case in words().examples for kind in case.finds}
    assert covered == set(words().aliases)


def card(body: str) -> str:
    return next(body + d for d in string.digits if luhn(body + d))


def identity(body: str) -> str:
    return next(body + d for d in "0123456789x" if id_checks(body + d))


@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), st.sampled_from(["{}", "我{}啊", "手机:{}", "打{}找我"]))
def test_any_mobile_number_is_found_glued_to_chinese(number, frame):
    assert found(frame.format(number)) == {"phone": [number]}


@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), st.sampled_from(["-", " ", "·", "－"]))
def test_separators_and_full_width_digits_hide_nothing(number, mark):
    typed = f"{number[:3]}{mark}{number[3:7]}{mark}{number[7:]}"
    wide = typed.translate({ord(d): ord(d) + 0xFEE0 for d in string.digits})
    assert found(f"打{typed}行") == {"phone": [typed]}
    assert found(f"打{wide}行") == {"phone": [wide]}


@given(st.integers(0, 999), st.dates(), st.sampled_from(["110105", "440106", "650102"]))
def test_identity_numbers_need_no_cue_and_a_wrong_check_needs_one(serial, day, region):
    if not 1850 < day.year < 2100:
        day = day.replace(year=1990, day=1)
    number = identity(f"{region}{day:%Y%m%d}{serial:03d}")
    assert found(f"这个{number}看一下") == {"id_card": [number]}
    wrong = number[:-1] + ("1" if number[-1] != "1" else "2")
    assert "id_card" not in found(f"这个{wrong}看一下")
    assert found(f"身份证{wrong}") == {"id_card": [wrong]}


@given(st.from_regex(r"62[0-9]{16}", fullmatch=True))
def test_unionpay_cards_are_found_by_their_check_digit(body):
    number = card(body)
    assert found(f"退到{number}吧") == {"bank_card": [number]}


@given(st.integers(10_000, 99_999_999))
def test_public_numbers_and_prices_pass(number):
    for text in (f"拨打{str(number)[:5]}没人", f"花了{number}元", f"批号{number}", f"尾号{str(number)[:4]}"):
        assert found(text) == {}


@settings(max_examples=300)
@given(TEXTS)
@example("<手机号1>和13900001234")
@example("电话13900001234，<手机号1><手机号2>")
def test_masking_is_reversible_idempotent_and_exact(text):
    masker = Masker()
    result = masker.mask(text)
    assert masker.restore(result.masked) == text
    assert masker.mask(result.masked).masked == result.masked
    at = 0
    for entity in result.entities:
        assert at <= entity.start < entity.end <= len(text)
        assert masker.restore(entity.alias) == text[entity.start : entity.end]
        at = entity.end


@given(st.lists(PIECES, min_size=1, max_size=5))
def test_same_value_same_alias_through_a_conversation(pieces):
    masker = Masker()
    masker.learn(pieces)
    masked = [masker.mask(piece).masked for piece in pieces]
    assert [masker.mask(piece).masked for piece in pieces] == masked
    for value in masker.values:
        assert all(value not in text for text in masked)


def test_a_value_learned_in_one_message_is_masked_in_another_without_a_cue():
    masker = Masker(known={"月下独酌客": "name"})
    masker.learn(["我叫孟晓峰", "孟晓峰的那单呢"])
    masked = masker.mask("月下独酌客说孟晓峰来过").masked
    assert masked == "<姓名1>说<姓名2>来过"
    assert masker.restore(masked) == "月下独酌客说孟晓峰来过"
    assert has_alias(masked)
    assert not has_alias("月下独酌客")


@given(st.lists(TEXTS, min_size=1, max_size=6))
def test_a_conversation_learned_first_is_restored_to_the_letter(texts):
    masker = Masker()
    masker.learn(texts)
    masked = [masker.mask(text).masked for text in texts]
    assert [masker.restore(text) for text in masked] == texts


def test_an_alias_a_buyer_typed_is_never_given_to_anybody():
    masker = Masker()
    masker.learn(["打13900001234", "<手机号1>是什么"])
    assert masker.mask("打13900001234").masked == "打<手机号2>"
    assert masker.restore(masker.mask("<手机号1>是什么").masked) == "<手机号1>是什么"


def test_short_known_values_do_not_eat_other_words_and_numbers():
    assert (
        Masker(known={"7": "name", "12": "name", "亲": "name"}).mask("亲，12天过了7天的线").masked
        == "亲，12天过了7天的线"
    )


def test_foreign_aliases_stay_what_they_are():
    assert Masker().restore("<手机号7>") == "<手机号7>"


def test_long_texts_are_read_to_the_end():
    text = "好" * MAX_CHARS + "手机13900001234"
    spans = find_private(text)
    assert [text[s.start : s.end] for s in spans] == ["13900001234"]


def test_nothing_private_survives_json_escaping_of_a_masked_text():
    text = "收件人韩雪梅，13900001234，四川省绵阳市涪城区剑门路9号，订单号3812345678901234567"
    sent = json.dumps(Masker().mask(text).masked)
    for value in ("韩雪梅", "13900001234", "剑门路", "3812345678901234567"):
        assert value not in sent
        assert json.dumps(value).strip('"') not in sent
