"""The scenario scripts as the desk gets them: complete, fillable, varied, and clean of what must not be said."""

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.checking import Checker
from service.checks.ground import Ground
from service.errors import RulebookError
from service.rulebook.boundaries import Boundary
from service.rulebook.methodfile import read_method, script_rules
from service.rulebook.scripts import COMMON, Bullet, Scenario, load_scenarios
from service.schemas import StepName, Verdict
from tests.desk import KNOWLEDGE, draft, inquiry, shipped

BOOK = shipped()
SCENARIOS = BOOK.scenarios
SCRIPTS = [
    pytest.param(scenario, verdict, step, bullets, id=f"{scenario.id}-{verdict}-{step}")
    for scenario in SCENARIOS.values()
    for (verdict, step), bullets in scenario.scripts.items()
]
PLANNED = {verdict: tuple(place.step for place in plan) for verdict, plan in BOOK.method.plans.items()}
LEAST = {"称呼": "", "货": "这件商品", "依据": "规则是这样的", "留门": "有毛病就拍给我", "问题": "您大概是哪天收到的"}
FULL = LEAST | {
    "货": "伞",
    "要什么": "退掉",
    "怎么了": "开线了",
    "客户词": "开线了",
    "另准": "开发票",
    "券额": "8",
    "券有效期": "本月底",
    "差价": "50",
    "价保天数": "7",
    "超出天数": "3",
    "退货运费": "12",
    "上门时限": "48",
    "核实时限": "24",
    "承诺内容": "补寄一份",
    "负责人": "售后主管",
    "答复时限": "两小时内",
    "页面不含": "需另购底座",
    "写明用法": "请勿机洗",
    "页面已说明": "介意勿拍",
    "检测无故障": "未发现异常",
    "检测人为": "外力开裂",
    "检查有使用痕迹": "吊牌已剪，领口有粉底印",
    "扣款有据": "扣回满减",
    "另拒": "运费的事：不喜欢退的，寄回这段归买家",
}
RECORDS = ("7天", "30天", "3天", "8元", "本月底", "50元", "12元", "48小时", "24小时", "两小时内", "伞", "补寄一份")
FORMULAS = (
    "非常理解",
    "带来不便",
    "带来的不便",
    "敬请谅解",
    "理解与支持",
    "祝您生活",
    "尽快",
    "第一时间",
    "亲，",
    "~",
    "～",
    "！",
    "!",
)
"""Words no bubble of ours needs; what the phrase rules forbid is checked apart."""


def bullets_for(scenario: str, verdict: Verdict, step: StepName) -> tuple[Bullet, ...]:
    own = SCENARIOS[scenario].scripts.get((verdict, step))
    return own or SCENARIOS[COMMON].scripts[verdict, step]


def test_every_scenario_a_boundary_names_has_its_document():
    assert {row.entry.scenario for row in BOOK.boundaries} <= set(SCENARIOS) - {COMMON}


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("verdict", PLANNED)
def test_every_step_of_every_plan_has_a_line(scenario: str, verdict: Verdict):
    for step in PLANNED[verdict]:
        assert bullets_for(scenario, verdict, step), step


@pytest.mark.parametrize(("scenario", "verdict", "step", "bullets"), SCRIPTS)
def test_a_step_belongs_to_its_verdicts_plan(scenario: Scenario, verdict: Verdict, step: StepName, bullets: object):
    assert step in PLANNED[verdict]


@pytest.mark.parametrize(("scenario", "verdict", "step", "bullets"), SCRIPTS)
def test_the_last_line_always_renders(
    scenario: Scenario, verdict: Verdict, step: StepName, bullets: tuple[Bullet, ...]
):
    text = bullets[-1].render(LEAST)
    assert text and "{" not in text
    assert bullets[-1].when.weight == 0


@pytest.mark.parametrize(("scenario", "verdict", "step", "bullets"), SCRIPTS)
def test_no_wording_stands_twice_in_a_step(
    scenario: Scenario, verdict: Verdict, step: StepName, bullets: tuple[Bullet, ...]
):
    twice = [text for text, count in Counter(bullet.text for bullet in bullets).items() if count > 1]
    assert not twice


@pytest.mark.parametrize(("scenario", "verdict", "step", "bullets"), SCRIPTS)
def test_lines_are_short_and_free_of_formulas(
    scenario: Scenario, verdict: Verdict, step: StepName, bullets: tuple[Bullet, ...]
):
    limit = BOOK.method.entry.steps[step].max_chars
    for bullet in bullets:
        alone = bullet.render(FULL | {"另准": "", "另拒": ""})
        assert alone is not None and len(alone) <= limit, (bullet.line, alone)
        assert not [word for word in FORMULAS if word in bullet.text], bullet.line


@pytest.mark.parametrize(("scenario", "verdict", "step", "bullets"), SCRIPTS)
def test_the_buyer_is_addressed_in_the_first_bubble_only(
    scenario: Scenario, verdict: Verdict, step: StepName, bullets: tuple[Bullet, ...]
):
    for bullet in bullets:
        assert ("称呼" not in bullet.slots) or (step == "empathy" and bullet.text.startswith("{称呼}")), bullet.line


@pytest.mark.parametrize(("scenario", "verdict", "step", "bullets"), SCRIPTS)
def test_optional_parts_leave_whole_sentences(
    scenario: Scenario, verdict: Verdict, step: StepName, bullets: tuple[Bullet, ...]
):
    optional = {"另准", "另拒", "券有效期", "负责人", "答复时限", "退货运费", "核实时限", "承诺内容"}
    for bullet in bullets:
        text = bullet.render({name: value for name, value in FULL.items() if name not in optional})
        if text:
            assert not re.search(r"[，。；：]{2}|^[，。；：]|〔|〕", text), (bullet.line, text)


def _filled(row: Boundary, say: str, door: str) -> dict[str, str]:
    facts = FULL | {"无理由天数": "7", "签收天数": "30"}
    if "换购券" not in row.entry.offer:
        facts |= {"券额": "", "券有效期": ""}
    asked = [BOOK.facts.facts[name].entry.ask.rstrip("？") for name in row.entry.ask]
    ground, left = Bullet.of(say).render(facts), Bullet.of(door).render(facts)
    return facts | {"依据": ground or "", "留门": left or "", "问题": "，".join(asked) or LEAST["问题"]}


@pytest.mark.parametrize("row", BOOK.boundaries, ids=lambda row: row.id)
def test_no_line_a_row_can_lead_to_is_stopped_by_a_check(row: Boundary):
    checker = Checker(BOOK)
    entry = row.entry
    stopped = []
    ground = Ground(
        records=RECORDS, buyer=("这把伞开线了",), verdict=entry.verdict, offers=tuple(entry.offer), given=True
    )
    for step in PLANNED[entry.verdict]:
        for bullet in bullets_for(entry.scenario, entry.verdict, step):
            for number in range(max(len(entry.say), len(entry.door), 1)):
                say = entry.say[number % len(entry.say)] if entry.say else ""
                door = entry.door[number % len(entry.door)] if entry.door else ""
                text = bullet.render(_filled(row, say, door) | {"要什么": "", "另准": ""})
                found = checker.text(text, ground) if text else []
                stopped += [(text, f.rule, f.excerpt) for f in found if f.severity == "block"]
    assert not stopped


def _doors() -> list[tuple[str, StepName]]:
    """Where a refusal's door must stand: in the alternative, or in the rule of a row that can have none."""
    slotted = BOOK.method.entry.offers
    placed: set[tuple[str, StepName]] = set()
    for row in BOOK.boundaries:
        if row.entry.verdict == "unreasonable" and row.entry.door:
            free = any(not slotted[name].slot for name in row.entry.offer)
            placed.add((row.entry.scenario, "alternative" if free else "rule"))
    return sorted(placed)


@pytest.mark.parametrize(("scenario", "step"), _doors())
def test_a_refusal_with_a_door_can_say_so(scenario: str, step: StepName):
    bullets = bullets_for(scenario, "unreasonable", step)
    assert any("留门" in bullet.slots for bullet in bullets)


@pytest.mark.parametrize("verdict", PLANNED)
def test_the_common_scripts_hold_every_step(verdict: Verdict):
    for step in PLANNED[verdict]:
        assert (verdict, step) in SCENARIOS[COMMON].scripts


def test_a_coupon_stands_only_where_some_row_offers_one():
    for scenario in SCENARIOS.values():
        for (verdict, step), bullets in scenario.scripts.items():
            for bullet in bullets:
                if "券额" in bullet.slots:
                    rows = [
                        r.entry
                        for r in BOOK.boundaries
                        if (r.entry.scenario, r.entry.verdict) == (scenario.id, verdict)
                    ]
                    assert step == "alternative" and rows
                    assert any("换购券" in row.offer for row in rows), scenario.id


async def test_a_coupon_the_row_does_not_offer_is_not_given():
    order = {"product": "杯子", "days_since_received": 3, "received": True, "facts": {"标价": "买后标价没有变"}}
    made = await draft(inquiry("过阵子要降价了，差价先退我", order=order, shop="demo"))
    row = next(row for row in BOOK.boundaries if row.id == made.basis.boundary)
    assert "换购券" not in row.entry.offer
    assert "元的券" not in made.reply


CASES = {
    "overdue_no_reason": ("{n}号买的伞不喜欢想退了", {"product": "伞", "days_since_received": 20}),
    "long_used_refund": (
        "{n}号买的锅用了一阵，不想要了想退",
        {"product": "锅", "days_since_received": 90, "used": True},
    ),
    "damaged_in_transit": ("{n}号到的杯子拆开就碎了，给我补发", {"product": "杯子", "days_since_received": 1}),
    "quality_in_window": ("{n}号到的水壶漏水，换一个", {"product": "水壶", "days_since_received": 3}),
    "no_reason_in_window": ("{n}号到的裙子不喜欢，想退", {"product": "裙子", "days_since_received": 3}),
    "vague": ("在吗{n}", {"product": "雨伞", "days_since_received": 3}),
}


@pytest.mark.parametrize("scenario", CASES)
async def test_a_hundred_inquiries_do_not_get_one_sentence(scenario: str):
    words, order = CASES[scenario]
    said: Counter[str] = Counter()
    for n in range(100):
        made = await draft(inquiry(words.format(n=n), order={"received": True, **order}))
        assert made.scenario == scenario
        said.update({part for part in re.split(r"[。！？\n]", made.reply) if part.strip()})
    sentence, count = said.most_common(1)[0]
    assert count <= 40, sentence


HEAD = "---\nscenario: probe\nname: 试\n---\n## 不合理\n### 明确规则\n"


def _load(folder: Path, *lines: str) -> dict[str, Scenario]:
    (folder / "probe.md").write_text(HEAD + "\n".join(f"- {line}" for line in lines), encoding="utf-8")
    entry, _ = read_method(KNOWLEDGE / "method.yaml")
    return load_scenarios(folder, BOOK.facts, script_rules(entry))


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        (["退不了，都第8天了。", "{依据}。"], 7),
        (["退不了，过了七天。", "{依据}。"], 7),
        (["（没有这个事实）{依据}。", "{依据}。"], 7),
        (["{没有这个空位}。", "{依据}。"], 7),
        (["{依据}。", "（再次）{依据}。"], 8),
        (["{依据}。", "给您{券额}元的券。"], 8),
        (["{依据}。", "{依据}〔，{留门}〕。"], 8),
    ],
    ids=["digit", "numeral", "condition", "slot", "last_conditional", "last_slot", "last_optional"],
)
def test_a_broken_script_is_told_with_its_line(tmp_path: Path, lines: list[str], line: int):
    with pytest.raises(RulebookError) as caught:
        _load(tmp_path, *lines)
    assert caught.value.line == line


def test_a_file_must_be_named_after_its_scenario(tmp_path: Path):
    (tmp_path / "other.md").write_text(HEAD + "- {依据}。", encoding="utf-8")
    entry, _ = read_method(KNOWLEDGE / "method.yaml")
    with pytest.raises(RulebookError):
        load_scenarios(tmp_path, BOOK.facts, script_rules(entry))


@given(st.sets(st.sampled_from(sorted(FULL))))
def test_a_line_is_whole_or_not_used(filled: set[str]):
    slots = {name: value for name, value in FULL.items() if name in filled}
    for (_, _), bullets in SCENARIOS["overdue_no_reason"].scripts.items():
        for bullet in bullets:
            text = bullet.render(slots)
            needed = set(re.findall(r"\{([^{}]+)\}", re.sub(r"〔[^〕]*〕", "", bullet.text))) - {"称呼"}
            assert (text is not None) == (needed <= filled)
            assert text is None or "{" not in text
