"""People's words through the doors: reviews into a run, what waits for somebody, live drafts taken in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as examples
from hypothesis import strategies as st
from starlette.testclient import TestClient

from evals.live import LiveTaken
from evals.queue import WaitingPage
from evals.review_intake import Taken
from evals.review_log import NAME
from evals.rubric import shipped_rubric
from service.api.described import examples_of
from service.app import create_app
from service.settings import Settings
from tests.fake_desk import is_problem
from tests.reviewed_run import RUBRIC, RUN_ID, given, put, result, row, score


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def client(home: Path) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(auth="off", data_dir=home), hosts={"testserver"})) as running:
        yield running


@pytest.fixture
def run(home: Path) -> Path:
    folder = home / "evals" / RUN_ID
    (folder / NAME).unlink(missing_ok=True)
    scores = (score("steps", "failed"), score("empathy", "failed"), score("length"))
    return put(home / "evals", [result("overdue_no_reason.a3", *scores), result("c.2", score("steps"))])


def post(client: TestClient, *rows: Any, run: str = RUN_ID, shop: str = "default", **more: Any) -> Any:
    body = given(*rows, **more).model_dump(mode="json")
    return client.post(f"/v1/evals/runs/{run}/reviews", json=body, params={"shop": shop})


def queue(client: TestClient, **more: Any) -> WaitingPage:
    answer = client.get("/v1/evals/queue", params=more)
    assert answer.status_code == 200, answer.text
    return WaitingPage.model_validate(answer.json())


def test_the_example_is_taken_as_shown(client: TestClient, run: Path) -> None:
    example = examples_of("add_reviews")["appeal"]
    answer = client.post(f"/v1/evals/runs/{RUN_ID}/reviews", json=example["request"] | {"rubric": RUBRIC})
    assert answer.status_code == 200, answer.text
    assert answer.json() == Taken.model_validate(example["response"]).model_dump()


def test_what_does_not_fit_is_named_and_nothing_is_taken(client: TestClient, run: Path) -> None:
    answer = post(client, row("c.2", "steps", "agree"), row("c.9", "steps", "agree"))
    is_problem(answer, 422, "reviews_refused")
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/reviews/1"]
    assert not (run / NAME).exists()
    is_problem(post(client, row("c.2", "steps", "agree"), run="run_none"), 404, "eval_not_found")
    is_problem(post(client, row("c.2", "steps", "agree"), shop="corner"), 404, "eval_not_found")
    wrong = given(row("c.2", "steps", "agree")).model_dump(mode="json") | {"reviewer": ""}
    is_problem(client.post(f"/v1/evals/runs/{RUN_ID}/reviews", json=wrong), 422, "invalid_request")


def test_an_appeal_waits_until_somebody_else_decides(client: TestClient, run: Path) -> None:
    assert queue(client).counts["appeal"] == 0
    post(client, row("c.2", "steps", "blind", "failed", "少了一步"), blind=True, reviewer="盲评的人")
    post(client, row("overdue_no_reason.a3", "steps", "appeal", None, "第五步在最后"))
    page = queue(client, limit=1)
    assert (page.total, page.counts["appeal"], page.counts["disagreement"]) == (2, 1, 1)
    (item,) = page.items
    assert (item.kind, item.run, item.case, item.machine) == ("appeal", RUN_ID, "overdue_no_reason.a3", "failed")
    assert (item.reviewers, item.reason, item.scorer_name) == (["小周"], "第五步在最后", "步骤齐、顺序对")
    post(client, row("overdue_no_reason.a3", "steps", "referred", None, "请主管看"), reviewer="组长")
    assert queue(client).items[0].referred == "请主管看"
    is_problem(post(client, row("overdue_no_reason.a3", "steps", "upheld", None, "成立")), 422, "reviews_refused")
    post(client, row("overdue_no_reason.a3", "steps", "upheld", None, "成立"), reviewer="主管")
    (left,) = queue(client).items
    assert (left.kind, left.machine, left.wanted, left.reason) == ("disagreement", "passed", "failed", "少了一步")
    post(client, row("c.2", "steps", "agree"), reviewer="主管")
    assert queue(client).total == 0
    assert queue(client, shop="corner").total == 0


def test_the_report_is_written_again_beside_the_service(client: TestClient, run: Path) -> None:
    page = run / "report.html"
    page.write_text("old", "utf-8")
    post(client, row("c.2", "steps", "override", "failed", "少了一步"))
    post(client, row("overdue_no_reason.a3", "steps", "appeal", None, "第五步在最后"))
    assert client.portal is not None
    client.portal.call(client.app.state.pages.settled)  # type: ignore[attr-defined]
    text = client.get(f"/v1/evals/runs/{RUN_ID}/report").text
    assert "人工复核后" in text and "少了一步" in text and "第五步在最后" in text
    page.unlink()


SOME = st.sampled_from(["", "x", RUN_ID, RUBRIC, "c.2", "steps", "blind", "override", "\ud800", "长" * 600, "passed"])
ROWS = st.fixed_dictionaries(
    {"case": SOME, "scorer": SOME, "action": SOME},
    optional={"status": SOME | st.none(), "reason": SOME, "repeat": SOME},
)
BODY = st.fixed_dictionaries(
    {
        "run": st.just(RUN_ID) | SOME,
        "rubric": st.just(RUBRIC) | SOME,
        "reviewer": SOME,
        "reviews": st.lists(ROWS, max_size=3),
    },
    optional={"blind": st.booleans(), "sheet": SOME},
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@examples(BODY)
def test_whatever_is_sent_is_taken_or_refused(client: TestClient, run: Path, body: Any) -> None:
    headers = {"content-type": "application/json"}
    answer = client.post(f"/v1/evals/runs/{RUN_ID}/reviews", content=json.dumps(body).encode(), headers=headers)
    if answer.status_code == 200:
        assert Taken.model_validate(answer.json()).run == RUN_ID
    else:
        is_problem(answer, 422, answer.json()["code"])


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2026-11-22"])
def test_any_time_may_be_named(client: TestClient, since: str) -> None:
    assert client.post("/v1/evals/live", json={"shop": "corner", "since": since}).json()["taken"] == 0
    assert client.get("/v1/drafts", params={"since": since, "shop": "corner"}).json()["drafts"] == []


def test_live_drafts_are_taken_in_and_wait(client: TestClient, run: Path) -> None:
    asked = examples_of("create_draft")["refuse"]["request"]
    draft = client.post("/v1/drafts", json=asked).json()
    assert client.post(f"/v1/drafts/{draft['id']}/feedback", json={"action": "rejected"}).status_code == 200
    example = examples_of("sample_drafts")["new"]
    assert LiveTaken.model_validate(example["response"])
    answer = client.post("/v1/evals/live", json=example["request"])
    assert answer.status_code == 200, answer.text
    taken = LiveTaken.model_validate(answer.json())
    assert (taken.run, taken.taken, taken.total) == ("live-default", 1, 1)
    assert client.post("/v1/evals/live", json={}).json()["taken"] == 0
    (item,) = [one for one in queue(client).items if one.kind == "live"]
    assert item.case == draft["id"] and "rejected" in item.why
    seen = client.get("/v1/evals/runs/live-default")
    assert seen.status_code == 200 and seen.json()["run"]["kind"] == "live"
    rows = [row(draft["id"], name, "blind", "passed") for name in shipped_rubric().judged]
    assert post(client, *rows, run="live-default", blind=True).status_code == 422, "the body names another run"
    body = given(*rows, blind=True).model_dump(mode="json") | {"run": "live-default"}
    assert client.post("/v1/evals/runs/live-default/reviews", json=body).json()["taken"] == len(rows)
    assert queue(client).counts["live"] == 0
    is_problem(client.post("/v1/evals/live", json={"since": "gestern"}), 422, "invalid_request")
