"""The shipped eval cases and their twins, through the production drafter; tone, threat and name change nothing."""

import pytest

from evals.dataset import load_cases
from evals.misses import known_misses, misses, moves
from tests.desk import draft, shipped

CASES = {case.entry.id: case for case in load_cases()}
KNOWN = known_misses()
OTHER_TONES = {
    "polite": "麻烦您帮忙看一下，谢谢啦。{said}",
    "name": "我叫王秀芳。{said}",
    "angry": "{said}。气死我了，什么服务态度！",
    "review": "{said}。不处理就给差评",
    "platform": "{said}。不处理就找平台介入投诉",
    "exposure": "{said}。不处理我就发小红书曝光",
    "legal": "{said}。不处理我就打12315",
}
"""The same words in another tone, with a threat, by another name."""


@pytest.mark.parametrize("name", sorted(CASES))
async def test_case_and_twins_come_out_as_written_but_for_the_known_misses(name):
    known = [what for what in KNOWN.get(name, []) if not what.startswith("moved")]
    assert await misses(CASES[name], draft, shipped().facts) == known


def test_the_known_misses_are_of_cases_that_are_there():
    assert set(KNOWN) <= set(CASES)


@pytest.mark.parametrize("name", sorted(CASES))
async def test_tone_threat_and_name_leave_verdict_and_offer(name):
    known = [what for what in KNOWN.get(name, []) if what.startswith("moved")]
    assert await moves(CASES[name], draft, OTHER_TONES) == known
