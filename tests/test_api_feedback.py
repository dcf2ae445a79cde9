"""Feedback on drafts and their list, through the doors of a whole desk."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.api.described import examples_of
from service.app import create_app
from service.schemas import Feedback
from service.settings import Settings
from tests.fake_desk import is_problem
from tests.prepared import ready

UMBRELLA: dict[str, Any] = examples_of("create_draft")["refuse"]["request"]
CONVERSATIONS = (f"c{n}" for n in itertools.count())


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    made = Settings(auth="off", data_dir=ready(tmp_path_factory.mktemp("data")))
    with TestClient(create_app(made, hosts={"testserver"})) as running:
        yield running


def drafted(client: TestClient, *more: str, conversation: str | None = None, **rest: Any) -> dict[str, Any]:
    """A draft for an umbrella nobody wants any more, with further customer messages."""
    messages = [*UMBRELLA["messages"], *({"role": "customer", "content": text} for text in more)]
    body = UMBRELLA | {"messages": messages, "context": {"conversation": conversation or next(CONVERSATIONS)}} | rest
    answer = client.post("/v1/drafts", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def give(client: TestClient, draft: str, **body: Any) -> Any:
    return client.post(f"/v1/drafts/{draft}/feedback", json=body)


def test_a_draft_is_adopted_and_says_so(client: TestClient) -> None:
    made = drafted(client)
    assert (made["state"], made["superseded_by"]) == ("open", None)
    answer = give(client, made["id"], action="adopted")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["draft"], body["action"], body["passed"], body["notice"]) == (made["id"], "adopted", True, None)
    fetched = client.get(f"/v1/drafts/{made['id']}").json()
    assert fetched == made | {"state": "adopted"}
    assert give(client, made["id"], action="adopted").json() == body
    is_problem(give(client, made["id"], action="rejected"), 409, "feedback_given")


def test_the_example_works_when_pasted(client: TestClient) -> None:
    example = examples_of("give_feedback")["edited"]
    made = drafted(client)
    answer = give(client, made["id"], **example["request"])
    assert answer.status_code == 200, answer.text
    shown = example["response"]
    assert Feedback.model_validate(shown)
    assert {k: v for k, v in answer.json().items() if k not in {"draft", "given_at"}} == {
        k: v for k, v in shown.items() if k not in {"draft", "given_at"}
    }


def test_an_edited_text_is_checked_against_the_drafts_own_case(client: TestClient) -> None:
    """The day of this order has a source, another number has none, and a promise is nobody's to give."""
    made = drafted(client)
    sent = "您这单是第26天了，我给您退500元，三天内到账。"
    body = give(client, made["id"], action="edited", final_text=sent).json()
    assert body["passed"] is False
    assert "照原样记下" in body["notice"]
    checked = client.post("/v1/checks", json={"text": sent, "draft": made["id"]}).json()
    assert body["findings"] == checked["findings"]
    excerpts = "".join(f["excerpt"] for f in body["findings"])
    assert "500" in excerpts
    assert "26" not in excerpts
    row = client.get("/v1/drafts", params={"state": "edited", "limit": 1}).json()["drafts"][0]
    assert (row["id"], row["feedback"]["final_text"], row["feedback"]["passed"]) == (made["id"], sent, False)


def test_rejected_needs_nothing_but_what_was_sent_instead_is_checked(client: TestClient) -> None:
    plain = give(client, drafted(client)["id"], action="rejected", reason="客户自己撤了").json()
    assert (plain["passed"], plain["findings"], plain["reason"]) == (None, [], "客户自己撤了")
    other = give(client, drafted(client)["id"], action="rejected", final_text="您这人怎么这么不讲理").json()
    assert other["passed"] is False


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"action": "edited"}, "final_text_missing"),
        ({"action": "edited", "final_text": " \n"}, "final_text_missing"),
        ({"action": "adopted", "final_text": "别的话"}, "adopted_but_changed"),
        ({"action": "liked"}, "invalid_request"),
        ({"action": "rejected", "score": 5}, "invalid_request"),
        ({"action": "edited", "final_text": "字" * 8001}, "invalid_request"),
        ({"action": "edited", "final_text": 5}, "invalid_request"),
        ({}, "invalid_request"),
    ],
)
def test_what_cannot_be_written_down_is_said_and_nothing_is(client: TestClient, body: Any, code: str) -> None:
    made = drafted(client)
    problem = is_problem(give(client, made["id"], **body), 422, code)
    assert problem["errors"][0]["pointer"].startswith("/")
    assert client.get(f"/v1/drafts/{made['id']}").json()["state"] == "open"


def test_adopting_with_the_reply_itself_is_adopting(client: TestClient) -> None:
    made = drafted(client)
    assert give(client, made["id"], action="adopted", final_text=made["reply"]).status_code == 200


def test_another_wording_of_the_draft_is_adopted_by_its_words(client: TestClient) -> None:
    made = drafted(client, variants=3)
    other = made["variants"][0]["reply"]
    assert other != made["reply"]
    body = give(client, made["id"], action="adopted", final_text=other).json()
    assert (body["passed"], body["final_text"]) == (True, other)


def test_a_newer_customer_message_supersedes(client: TestClient) -> None:
    first = drafted(client, conversation="umbrella")
    same = drafted(client, conversation="umbrella")
    newer = drafted(client, "那换个小的行吗", conversation="umbrella")
    problem = is_problem(give(client, first["id"], action="adopted"), 409, "draft_superseded")
    assert newer["id"] in problem["detail"]
    assert problem["superseded_by"] == newer["id"]
    for made in (first, same):
        fetched = client.get(f"/v1/drafts/{made['id']}").json()
        assert fetched == made | {"state": "superseded", "superseded_by": newer["id"]}
    late = drafted(client, conversation="umbrella")
    assert (late["state"], late["superseded_by"]) == ("superseded", newer["id"])
    assert client.get(f"/v1/drafts/{late['id']}").json() == late
    assert give(client, newer["id"], action="adopted").status_code == 200
    listed = client.get("/v1/drafts", params={"conversation": "umbrella"}).json()
    assert [(d["id"], d["state"]) for d in listed["drafts"]] == [
        (late["id"], "superseded"),
        (newer["id"], "adopted"),
        (same["id"], "superseded"),
        (first["id"], "superseded"),
    ]
    assert listed["next"] is None


def test_a_streamed_draft_supersedes_too(client: TestClient) -> None:
    first = drafted(client, conversation="wire")
    body = UMBRELLA | {"context": {"conversation": "wire"}, "stream": True}
    body["messages"] = [*UMBRELLA["messages"], {"role": "customer", "content": "说话呀"}]
    assert "draft.completed" in client.post("/v1/drafts", json=body).text
    is_problem(give(client, first["id"], action="adopted"), 409, "draft_superseded")


def test_a_draft_without_a_safe_word_cannot_be_adopted(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from service.checking import Checker, Settled

    monkeypatch.setattr(Checker, "settle", lambda *_: Settled(no_safe_draft=True))
    made = drafted(client)
    assert made["reply"] == ""
    is_problem(give(client, made["id"], action="adopted"), 409, "nothing_to_adopt")
    assert give(client, made["id"], action="edited", final_text="我先核对一下，马上回您。").status_code == 200


def test_drafts_that_are_not_there_or_not_yours(client: TestClient) -> None:
    made = drafted(client)
    for name in ("dft_none", "dft_", "x", "dft_..", "dft_a%00b"):
        is_problem(give(client, name, action="rejected"), 404, "draft_not_found")
    other = client.post(f"/v1/drafts/{made['id']}/feedback?shop=demo", json={"action": "rejected"})
    is_problem(other, 404, "draft_not_found")


def test_pages_of_drafts(client: TestClient) -> None:
    made = [drafted(client, conversation="pages")["id"] for _ in range(5)]
    first = client.get("/v1/drafts", params={"conversation": "pages", "limit": 3}).json()
    rest = client.get("/v1/drafts", params={"conversation": "pages", "limit": 3, "cursor": first["next"]}).json()
    assert [d["id"] for d in first["drafts"] + rest["drafts"]] == made[::-1]
    assert rest["next"] is None
    later = client.get("/v1/drafts", params={"conversation": "pages", "since": "2999-01-01T00:00:00Z"}).json()
    assert later == {"drafts": [], "next": None}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"cursor": "x"}, "bad_cursor"),
        ({"cursor": "' OR 1=1"}, "bad_cursor"),
        ({"limit": 201}, "invalid_request"),
        ({"limit": 0}, "invalid_request"),
        ({"state": "new"}, "invalid_request"),
        ({"since": "yesterday"}, "invalid_request"),
        ({"shop": "../x"}, "invalid_request"),
        ({"colour": "red"}, "invalid_request"),
    ],
)
def test_a_list_nobody_can_mean(client: TestClient, query: Any, code: str) -> None:
    problem = is_problem(client.get("/v1/drafts", params=query), 422, code)
    assert [e["pointer"] for e in problem["errors"]] == [f"/query/{next(iter(query))}"]


def test_forty_callers_at_once_write_one_feedback(client: TestClient) -> None:
    made = drafted(client)
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda n: give(client, made["id"], action="rejected", reason=f"第{n}个"), range(40)))
    assert sorted(a.status_code for a in answers) == [200] + [409] * 39
    kept = next(a.json() for a in answers if a.status_code == 200)
    row = client.get("/v1/drafts", params={"limit": 1}).json()["drafts"][0]
    assert row["feedback"] == kept
