"""Live drafts in the review queue: who is drawn, nothing twice, nobody's data, one run like any other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st
from sqlalchemy import delete

from evals.live import LiveTaken, live_id, take_live, why_sampled
from evals.masked import Mask, masked
from evals.report.again import rewrite
from evals.results import CaseResult, Mark
from evals.review_intake import take_in
from evals.reviews import ReviewsIn
from evals.rubric import Rubric, Sampling, shipped_rubric
from evals.runs import read_info, read_results, read_summary, runs_dir
from evals.sight import Sight
from service.database.drafts import DraftStore
from service.database.session import Database
from service.database.tables import drafts, feedback
from service.database.touched import Touched
from service.drafting import Drafter
from service.schemas import Draft, FeedbackIn, Finding, Inquiry
from tests.desk import EmptyLibrary, inquiry, shipped
from tests.desk import draft as drafted
from tests.engines import url_of
from tests.fake_desk import a_draft
from tests.reviewed_run import row, score

PHONE, NAME = "13912345678", "欧阳晓明"


def rubric(percent: float, *always: str) -> Rubric:
    now = shipped_rubric()
    sampling = Sampling.model_validate({"percent": percent, "always": always})
    return Rubric(now.entry.model_copy(update={"sampling": sampling}), now.digest)


def sight(percent: float = 100, *always: str) -> Sight:
    return Sight(shipped(), rubric(percent, *always))


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(url_of(tmp_path / "desk.sqlite3"))
    yield opened
    await opened.close()


async def made(database: Database, *turns: str, **more: Any) -> Draft:
    asked = inquiry(*turns, **more)
    draft = await drafted(asked, Drafter(shipped(), EmptyLibrary()))
    await DraftStore(database).save_draft(draft, asked)
    return draft


async def look(database: Database, home: Path, seen: Sight, **more: Any) -> LiveTaken:
    return await take_live(home, database, DraftStore(database), seen, **more)


def results(home: Path, shop: str = "default") -> list[CaseResult]:
    return read_results(runs_dir(home) / live_id(shop))[0]


async def test_a_new_draft_is_taken_scored_and_never_twice(database: Database, tmp_path: Path) -> None:
    draft = await made(database, "充电宝用了两天鼓包了，退给我", order={"received": True, "days_since_received": 3})
    first = await look(database, tmp_path, sight())
    assert (first.taken, first.known, first.gone, first.total, first.looked_at) == (1, 0, 0, 1, 1)
    (one,) = results(tmp_path)
    assert (one.case, one.tags, one.verdict, one.rubric) == (
        draft.id,
        ["live", "sampled"],
        draft.verdict,
        shipped_rubric().digest,
    )
    scorers = {score.scorer for score in one.scores}
    assert {"empathy", "law", "demeaning", "sincere"} <= scorers
    assert not scorers & {"false_refusal", "give_in", "sources", "must"}, "nothing is expected of it"
    again = await look(database, tmp_path, sight())
    assert (again.taken, again.known, again.total) == (0, 1, 1)
    info = read_info(runs_dir(tmp_path) / live_id("default"))
    assert (info.kind, info.state, info.total) == ("live", "done", 1)
    folder = runs_dir(tmp_path) / live_id("default")
    page = rewrite(folder, tmp_path)
    summary = read_summary(folder)
    assert summary is not None and summary.results == 1 and page is not None and draft.id in page.read_text("utf-8")


async def test_what_a_person_did_later_brings_a_draft_in(database: Database, tmp_path: Path) -> None:
    draft = await made(database, "充电宝用了两天鼓包了，退给我", order={"received": True, "days_since_received": 3})
    seen = sight(0, "rejected", "edited_with_findings")
    assert (await look(database, tmp_path, seen)).taken == 0
    store = DraftStore(database)
    await store.give_feedback(draft.id, "default", FeedbackIn(action="rejected", reason="语气不对"), None, [])
    assert (await look(database, tmp_path, seen)).taken == 1
    assert results(tmp_path)[0].tags == ["live", "rejected"]


async def test_an_old_draft_is_left_alone_until_it_is_touched(database: Database, tmp_path: Path) -> None:
    await made(database, "充电宝用了两天鼓包了，退给我")
    late = datetime.now(UTC) + timedelta(hours=2)
    assert (await look(database, tmp_path, sight(), since=late)).looked_at == 0
    assert (await look(database, tmp_path, sight())).taken == 1, "a look at some days moves no mark"
    async with database.engine.begin() as connection:
        await connection.execute(drafts.update().values(created_at=late - timedelta(days=30)))
    assert (await look(database, tmp_path, sight())).looked_at == 0


async def test_a_shop_sees_its_own(database: Database, tmp_path: Path) -> None:
    await made(database, "充电宝用了两天鼓包了，退给我")
    assert (await look(database, tmp_path, sight(), shop="corner")).looked_at == 0
    assert (await look(database, tmp_path, sight())).taken == 1
    assert results(tmp_path, "corner") == []


class Forgetful(DraftStore):
    """Somebody deletes the drafts between the list and the reading."""

    async def get_draft(self, draft_id: str, shop: str) -> tuple[Draft, Inquiry] | None:
        await self._database.write(lambda connection: connection.execute(delete(feedback)))
        await self._database.write(lambda connection: connection.execute(delete(drafts)))
        return await super().get_draft(draft_id, shop)


async def test_a_deleted_draft_is_no_error(database: Database, tmp_path: Path) -> None:
    await made(database, "充电宝用了两天鼓包了，退给我")
    taken = await take_live(tmp_path, database, Forgetful(database), sight())
    assert (taken.taken, taken.gone, taken.total) == (0, 1, 0)
    await made(database, "充电宝用了两天鼓包了，退给我")
    assert (await look(database, tmp_path, sight())).taken == 1


async def test_looks_at_once_take_a_draft_once(database: Database, tmp_path: Path) -> None:
    for _ in range(3):
        await made(database, "充电宝用了两天鼓包了，退给我")
    looks = await asyncio.gather(*(look(database, tmp_path, sight()) for _ in range(3)))
    assert sum(one.taken for one in looks) == 3
    assert len({one.case for one in results(tmp_path)}) == 3
    assert (runs_dir(tmp_path) / live_id("default") / "results.jsonl").read_bytes().count(b"\n") == 3


async def test_nobody_can_be_told_from_what_is_kept(database: Database, tmp_path: Path) -> None:
    order = {"received": True, "facts": {"收件人": NAME, "手机": int(PHONE), "备注": [f"放门口，电话{PHONE}"]}}
    said = f"我叫{NAME}，电话{PHONE}，充电宝鼓包了，退给我"
    context = {"buyer": "晓风残月88", "operator": "客服小林", "conversation": "c-77881"}
    await made(database, said, "晓风残月88在吗", order=order, context=context, policy={"联系人": f"{NAME} {PHONE}"})
    assert (await look(database, tmp_path, sight())).taken == 1
    whole = (runs_dir(tmp_path) / live_id("default") / "results.jsonl").read_text("utf-8")
    for secret in (PHONE, NAME, "晓风残月88", "客服小林", "c-77881"):
        assert secret not in whole
    (one,) = results(tmp_path)
    assert "充电宝鼓包了" in one.inquiry.messages[0].content
    assert one.draft is not None and one.draft.reply == "\n".join(step.text for step in one.draft.steps)


async def test_people_review_it_like_any_run(database: Database, tmp_path: Path) -> None:
    draft = await made(database, "充电宝用了两天鼓包了，退给我", order={"received": True, "days_since_received": 3})
    await look(database, tmp_path, sight())
    rows = [row(draft.id, "sincere", "blind", "passed"), row(draft.id, "give_in", "blind", "passed")]
    given = {
        "run": live_id("default"),
        "rubric": shipped_rubric().digest,
        "reviewer": "小周",
        "blind": True,
        "reviews": rows,
    }
    taken = take_in(runs_dir(tmp_path) / live_id("default"), ReviewsIn.model_validate(given), shipped_rubric())
    assert taken.taken == 2


def touched(draft_id: str = "dft_1", **more: Any) -> Touched:
    base = {"created_at": datetime.now(UTC), "verdict": "reasonable", "threat": "none", "action": None, "findings": 0}
    return Touched(draft_id, **(base | more))


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"action": "rejected"}, ["rejected"]),
        ({"action": "edited", "findings": 1}, ["edited_with_findings"]),
        ({"action": "edited"}, []),
        ({"action": "adopted", "findings": 2}, []),
        ({"threat": "legal", "verdict": "unreasonable"}, ["threat_refused"]),
        ({"threat": "legal"}, []),
    ],
)
def test_what_is_always_looked_at(more: dict[str, Any], why: list[str]) -> None:
    always = rubric(0, "rejected", "edited_with_findings", "threat_refused").entry.sampling
    assert why_sampled(touched(**more), always) == why
    assert why_sampled(touched(**more), rubric(0).entry.sampling) == []


def test_a_share_is_drawn_by_the_id_alone() -> None:
    ids = [f"dft_{n}" for n in range(4000)]
    five, ten = (rubric(p).entry.sampling for p in (5, 10))
    drawn = {one for one in ids if why_sampled(touched(one), five)}
    assert 120 < len(drawn) < 280
    assert drawn == {one for one in ids if why_sampled(touched(one, threat="legal"), five)}
    assert drawn <= {one for one in ids if why_sampled(touched(one), ten)}, "who asks for more keeps what was drawn"


PIECES = st.lists(st.sampled_from([PHONE, NAME, "您好，", "\n", "退给您", "😀", f"我叫{NAME}，"]), max_size=8)


@examples(PIECES, st.data())
def test_places_in_the_reply_move_with_what_is_masked(pieces: list[str], data: st.DataObject) -> None:
    reply = "".join(pieces)
    start = data.draw(st.integers(0, len(reply)))
    end = data.draw(st.integers(start, len(reply)))
    asked = inquiry(f"我叫{NAME}，电话{PHONE}")
    draft = a_draft(asked).model_copy(update={"reply": reply})
    finding = Finding(
        rule="r", category="law", severity="warn", start=start, end=end, excerpt=reply[start:end], reason="因为"
    )
    draft = draft.model_copy(update={"findings": [finding]})
    whole = CaseResult(
        case="c", name="c", scenario="s", verdict="v", threat="none", inquiry=asked, draft=draft,
        scores=[score("law", "failed", marks=[Mark(start=start, end=end, why=f"有{PHONE}")])],
    )  # fmt: skip
    one = masked(whole)
    assert one.draft is not None
    text, mark = one.draft.reply, one.scores[0].marks[0]
    assert PHONE not in text and PHONE not in mark.why
    assert 0 <= mark.start <= mark.end <= len(text)
    assert (one.draft.findings[0].start, one.draft.findings[0].end) == (mark.start, mark.end)
    mask = Mask(asked, draft)
    bounds = [0]
    for line in reply.split("\n"):
        bounds.append(bounds[-1] + len(line) + 1)
    assert all(text[: mask.place(at)] == mask.text(reply[:at]) for at in bounds[:-1])
