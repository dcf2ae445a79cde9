"""Rules of a platform: in force for its orders only, and nothing of ours trips any of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from service.checking import Checker
from service.checks.ground import Ground
from service.checks.phrases import check_phrases
from service.rulebook.forbidden import EVERYWHERE
from service.schemas import CheckRequest
from tests.desk import shipped

REFUSAL = "按规定评价不能拿好处换，您照实写就行。"
_SLOT = re.compile(r"\{[^{}]*\}")


def _rules(text: str, platform: str | None) -> set[str]:
    order = {} if platform is None else {"platform": platform}
    request = CheckRequest.model_validate({"text": text, "order": order})
    return {finding.rule for finding in Checker(shipped()).check(request, None).findings}


@pytest.mark.parametrize("platform", ["京东", "京东自营", "JD", "ＪＤ"])
def test_a_pack_is_in_force_for_its_platform(platform: str) -> None:
    assert "jd_reviews" in _rules("晒单好评返京豆一百。", platform)


@pytest.mark.parametrize("platform", ["淘宝", "拼多多", "某个新平台", None])
def test_a_pack_is_not_in_force_elsewhere(platform: str | None) -> None:
    assert "jd_reviews" not in _rules("晒单好评返京豆一百。", platform)
    assert "platform_superlative" not in _rules("纯天然的料子。", None)


@pytest.mark.parametrize("platform", ["淘宝", "京东", "拼多多", "抖音", "小红书", "某个新平台", None])
def test_common_rules_are_in_force_everywhere(platform: str | None) -> None:
    assert "review_for_reward" in _rules("五星好评返您十元。", platform)
    assert "off_platform" in _rules("加我微信，我给您单独转账。", platform)
    assert "absolute_words" in _rules("这是国家级的面料。", platform)


@pytest.mark.parametrize("platform", ["淘宝", "天猫", "京东", "拼多多", "抖音", "小红书"])
def test_advertising_words_and_their_look_alikes(platform: str) -> None:
    assert "platform_superlative" in _rules("料子是纯天然的，放心。", platform)
    for fine in (
        "最近的门店两公里。",
        "最晚明天发。",
        "第一时间给您看。",
        "第一步点退货。",
        "最后一件了。",
        "最多五件。",
    ):
        assert not {"platform_superlative", "absolute_words"} & _rules(fine, platform)


def _ours() -> Iterator[str]:
    """Every sentence the shop's files can put into a reply."""
    book = shipped()
    for scenario in book.scenarios.values():
        for bullets in scenario.scripts.values():
            yield from (bullet.text for bullet in bullets)
    for boundary in book.boundaries:
        for written in (boundary.entry.say, boundary.entry.door):
            yield from [written] if isinstance(written, str) else written or ()


def _bare(text: str) -> str:
    """A script with its slots filled by the plainest words."""
    text = text.replace("{称呼}", "").replace("{货}", "杯子")
    return re.sub("[〔〕]", "", _SLOT.sub("这件", text))


def test_nothing_of_ours_trips_any_platforms_rule() -> None:
    book = shipped()
    alarms = [
        (finding.rule, text)
        for text in map(_bare, {REFUSAL, *_ours()})
        for finding in check_phrases(text, book.forbidden, ground=Ground(platform=EVERYWHERE))
        if finding.severity == "block"
    ]
    assert alarms == []
