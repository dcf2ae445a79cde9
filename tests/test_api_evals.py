"""Runs of the suite through the doors: begun beside the service, seen, read, told apart by shop."""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from evals.results import RunOut
from service.api.described import examples_of
from service.app import create_app
from service.settings import Settings
from tests.fake_desk import is_problem
from tests.fake_model import FakeModel, Reply
from tests.prepared import ready
from tests.test_judge import fair

CASE = "overdue_no_reason.a3"


@pytest.fixture(scope="module")
def judge() -> Iterator[FakeModel]:
    """The judge the service is set to ask."""
    with FakeModel(lambda request: Reply.says({"answers": fair({})(request)})) as fake:
        yield fake


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, judge: FakeModel) -> Iterator[TestClient]:
    data = ready(tmp_path_factory.mktemp("data"))
    made = Settings(auth="off", data_dir=data, judge_model="judge-1", judge_base_url=judge.url)
    with TestClient(create_app(made, hosts={"testserver"})) as running:
        yield running


def begin(client: TestClient, **body: Any) -> Any:
    wanted = {"only": [CASE], "writer": "playbook", "judge": False, "mutations": False} | body
    return client.post("/v1/evals/runs", json=wanted)


def ended(client: TestClient, path: str) -> RunOut:
    """The run when its process has ended."""
    for _ in range(600):
        out = RunOut.model_validate(client.get(path).json())
        if out.run.state != "running":
            return out
        time.sleep(0.2)
    raise AssertionError("it never ended")


def test_a_run_is_begun_judged_seen_and_read(client: TestClient, judge: FakeModel) -> None:
    answer = begin(client, label="一次", judge=True)
    assert answer.status_code == 202, answer.text
    path = answer.headers["Location"]
    begun = RunOut.model_validate(answer.json())
    assert (begun.run.state, begun.run.label, begun.summary) == ("running", "一次", None)
    is_problem(begin(client), 409, "eval_running")
    is_problem(client.get(f"{path}/report"), 409, "report_not_ready")
    done = ended(client, path)
    assert done.run.state == "done", done.run.error
    assert done.summary is not None and (done.summary.cases, done.results) == (1, 1)
    assert done.run.digests.knowledge and done.run.digests.judge
    assert len(judge.requests) == done.summary.calls == 1
    assert (done.summary.by_scorer["clear"].scored, done.summary.by_scorer["clear"].unscored) == (1, 0)
    assert done.run.id in [one["run"]["id"] for one in client.get("/v1/evals/runs").json()["runs"]]


def test_what_finds_no_case_fails_and_says_why(client: TestClient) -> None:
    done = ended(client, begin(client, only=["nothing_like_it"]).headers["Location"])
    assert (done.run.state, "nothing_like_it" in (done.run.error or "")) == ("failed", True), done.run


def test_another_shop_sees_no_run(client: TestClient) -> None:
    run = ended(client, begin(client, only=["nothing_like_it"]).headers["Location"]).run.id
    assert run in [one["run"]["id"] for one in client.get("/v1/evals/runs").json()["runs"]]
    assert client.get("/v1/evals/runs", params={"shop": "other"}).json()["runs"] == []
    is_problem(client.get(f"/v1/evals/runs/{run}", params={"shop": "other"}), 404, "eval_not_found")


@pytest.mark.parametrize("name", ["run_20260101-000000-0000", "..%2F..%2Fetc", "run_../x", "dft_1"])
def test_a_name_that_is_no_run_is_not_looked_up(client: TestClient, name: str) -> None:
    answer = client.get(f"/v1/evals/runs/{name}")
    assert answer.status_code == 404


@pytest.mark.parametrize("body", [{"only": "x"}, {"repeat": 0}, {"writer": "poet"}, {"unknown": 1}])
def test_what_cannot_be_run_is_refused_before_it_begins(client: TestClient, body: dict[str, Any]) -> None:
    is_problem(begin(client, **body), 422, "invalid_request")


def test_the_example_is_taken(client: TestClient) -> None:
    example = examples_of("start_run")["overdue"]["request"]
    done = ended(client, begin(client, **(example | {"mutations": False, "twins": False})).headers["Location"])
    assert done.summary is not None and set(done.summary.by_scenario) == {"overdue_no_reason"}


def test_a_run_no_process_can_be_had_for_is_none(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def runs() -> list[Any]:
        told: list[Any] = client.get("/v1/evals/runs").json()["runs"]
        return told

    async def none_left(*arguments: str, **options: Any) -> None:
        raise OSError(errno.EAGAIN, "no process")

    before = runs()
    is_problem(begin(client, label="a\x00b"), 422, "invalid_request")
    is_problem(begin(client, only=["a\x00b"]), 422, "invalid_request")
    with monkeypatch.context() as patched:
        patched.setattr("asyncio.create_subprocess_exec", none_left)
        is_problem(begin(client), 503, "machine_exhausted")
    assert runs() == before
    answer = begin(client)
    assert answer.status_code == 202
    ended(client, answer.headers["Location"])


@pytest.mark.parametrize("damaged", [b"", b"\x00" * 40, None])
def test_a_run_that_cannot_be_read_is_told_not_left_out(client: TestClient, damaged: bytes | None) -> None:
    app: Any = client.app
    home = app.state.desk.settings.data_dir / "evals"
    lost = home / "run_20261122-0930-1a2b"
    lost.mkdir(parents=True)
    (lost / "results.jsonl").write_bytes(b"")
    if damaged is not None:
        (lost / "run.json").write_bytes(damaged)
    try:
        listed = client.get("/v1/evals/runs").json()
        assert listed["unreadable"] == [lost.name]
        assert lost.name not in [run["run"]["id"] for run in listed["runs"]]
    finally:
        shutil.rmtree(lost)
    assert client.get("/v1/evals/runs").json()["unreadable"] == []
