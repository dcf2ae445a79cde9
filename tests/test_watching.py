"""Numbers: what drafts, checks, refusals and questions to a model leave behind; nobody outside adds a label."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from service import watching
from service.drafting import Drafter
from service.errors import Unavailable
from service.limiting.numbers import numbers
from service.schemas import Draft, Inquiry
from service.watching.document import lines
from service.watching.prometheus import Meters
from service.watching.vocabulary import closed, table
from tests.desk import EmptyLibrary, inquiry, model_drafter, shipped
from tests.fake_desk import ASKED, FakeDesk, FakeDrafter, client_of
from tests.fake_model import FakeModel
from tests.watched import rises, samples, value

ROOT = Path(__file__).resolve().parent.parent


METERS = Meters()
"""Of its own, for what no door counts."""


class Keeps:
    async def save_draft(self, draft: Draft, inquiry: Inquiry) -> None:
        pass


def drafting() -> FakeDesk:
    """A desk whose drafts are real and whose library is empty."""
    return FakeDesk(drafter=cast(FakeDrafter, Drafter(shipped(), EmptyLibrary(), store=Keeps())))


def test_a_draft_is_counted_with_its_verdict_its_steps_and_its_end() -> None:
    client = client_of(drafting())
    body = {"messages": [{"role": "customer", "content": "我要退货"}], "order": {"received": True}}
    made = client.post("/v1/drafts", json=body).json()
    labels = {"verdict": made["verdict"], "writer": "playbook", "reason": "none"}
    with (
        rises("youli_drafts_total", **labels),
        rises("youli_draft_seconds_count", writer="playbook"),
        rises("youli_draft_step_seconds_count", step="read"),
        rises("youli_draft_step_seconds_count", step="check"),
        rises("youli_draft_step_seconds_count", step="save"),
        rises("youli_http_requests_total", operation="create_draft", method="POST", status="2xx"),
        rises("youli_http_seconds_count", operation="create_draft"),
        rises("youli_draft_first_step_seconds_count"),
        rises("youli_labels_other_total", 0),
    ):
        made = client.post("/v1/drafts", json=body).json()
    assert set(made["timings_ms"]) == {"read", "judge", "search", "write", "check"}
    assert value("youli_drafts_running") == 0


def test_drafts_that_come_to_nothing_are_told_apart() -> None:
    client = client_of(FakeDesk(drafter=FakeDrafter(before=Unavailable("db_busy"))))
    with rises("youli_problems_total", code="db_busy"):
        assert client.post("/v1/drafts", json=ASKED).status_code == 503

    class Full(Keeps):
        async def save_draft(self, draft: Draft, inquiry: Inquiry) -> None:
            raise Unavailable("disk_full", path="x")

    broken = FakeDesk(drafter=cast(FakeDrafter, Drafter(shipped(), EmptyLibrary(), store=Full())))
    with rises("youli_drafts_unfinished_total", code="disk_full"):
        assert client_of(broken).post("/v1/drafts", json=ASKED).status_code == 503


async def test_a_reader_who_leaves_has_left_and_nothing_is_still_running() -> None:
    client_of(FakeDesk())
    drafter = Drafter(shipped(), EmptyLibrary())
    with watching.seeing(watching.Seen()) as seen, rises("youli_drafts_unfinished_total", code="left"):
        events = drafter.draft(inquiry("我要退货"))
        async for event in events:
            if event.type == "draft.verdict":
                break
        await cast(Any, events).aclose()
    assert seen.facts["ended"] == "left"
    assert value("youli_drafts_running") == 0


async def test_outside_a_request_nothing_is_counted() -> None:
    client_of(FakeDesk())
    before = {key: number for key, number in samples().items() if key[0].startswith("youli_draft")}
    async for _ in Drafter(shipped(), EmptyLibrary()).draft(inquiry("我要退货")):
        pass
    assert {key: number for key, number in samples().items() if key[0].startswith("youli_draft")} == before


async def test_tokens_and_questions_of_a_model() -> None:
    client_of(FakeDesk())
    with FakeModel() as fake:
        with (
            watching.seeing(watching.Seen()) as seen,
            rises("youli_model_questions_total", outcome="ok"),
            rises("youli_model_calls_total"),
            rises("youli_model_seconds_count"),
        ):
            tokens = value("youli_model_tokens_total", kind="prompt")
            async with model_drafter(fake) as drafter:
                async for event in drafter.draft(inquiry("我要退货", writer="auto")):
                    last = event
        assert last.draft is not None
        used = last.draft.usage["prompt_tokens"]
        assert used and value("youli_model_tokens_total", kind="prompt") - tokens == used
        assert seen.facts["writer"] == last.draft.writer.kind


def test_checks_count_what_they_find() -> None:
    client = client_of(FakeDesk(rulebook=cast(Any, shipped())))
    with (
        rises("youli_checks_total", passed="no"),
        rises("youli_findings_total", source="check", category="demeaning", severity="block"),
    ):
        client.post("/v1/checks", json={"text": "你有病吧"})


def test_what_a_caller_says_never_becomes_a_label() -> None:
    client = client_of(drafting())
    word = "canary7261"
    client.request(word.upper(), f"/{word}?{word}={word}", headers={"X-Request-Id": word, "User-Agent": word})
    client.post(f"/v1/drafts/{word}/feedback?shop={word}", json={"action": word})
    client.post("/v1/drafts", json={**ASKED, "shop": word, "writer": word, word: word})
    client.post("/v1/drafts", json={**ASKED, "shop": word, "context": {"role": "agent", "buyer": word}})
    client.get(f"/v1/models/{word}")
    told = client.get("/metrics").text
    assert word not in told.lower()
    assert value("youli_http_requests_total", operation="-", method="other", status="4xx") >= 1


COUNTERS = {name: entry for name, entry in table()["metrics"].items() if entry["kind"] == "counter"}


@given(st.data())
def any_words(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(COUNTERS)))
    labels = COUNTERS[name].get("labels", {})
    METERS.count(name, *(data.draw(st.text(max_size=20)) for _ in labels))


def test_a_label_says_only_what_its_list_holds() -> None:
    any_words()
    told = samples(METERS.exposed("")[0].decode())
    assert told["youli_labels_other_total", ()] > 0
    for (name, said), _ in told.items():
        for label, one in said:
            of = COUNTERS.get(name, {}).get("labels", {}).get(label)
            assert of is None or one in {"other", *(closed()[of] if isinstance(of, str) else of)}


@pytest.mark.parametrize(
    ("accept", "kind", "parse"),
    [
        ("", "text/plain", plain),
        ("text/plain;version=0.0.4", "text/plain", plain),
        ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", "application/openmetrics-text", openmetrics),
    ],
)
def test_the_answer_is_what_a_scraper_asked_for(accept: str, kind: str, parse: Any) -> None:
    answer = client_of(FakeDesk()).get("/metrics", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(kind)
    names = {family.name for family in parse(answer.text)}
    assert {"youli_drafts_running", "youli_knowledge_chunks", "youli_process_memory_bytes"} <= names
    assert 'youli_knowledge_info{version="1+abc"} 1.0' in answer.text


def test_every_metric_is_in_the_answer_and_in_the_document() -> None:
    told = client_of(FakeDesk()).get("/metrics").text
    for name, entry in table()["metrics"].items():
        kind = entry["kind"]
        assert f"# TYPE {name} {kind}" in told
        assert f"# HELP {name} {entry['help']}" in told
    document = (ROOT / "deploy" / "METRICS.md").read_text("utf-8")
    assert document == "\n".join(lines()) + "\n", "python -m service.watching.document > deploy/METRICS.md"


def test_every_class_of_work_has_its_series() -> None:
    assert table()["metrics"]["youli_admission_refused_total"]["labels"]["work"] == list(numbers().admission)


_CHILD = """
import sys
from service import watching
watching.start(["create_draft"], "1", workers=2)
watching.count("youli_drafts_total", "reasonable", "playbook", "none", by=int(sys.argv[1]))
watching.level("youli_workers", 1)
watching.observe("youli_draft_seconds", 0.3, "playbook")
watching.level("youli_knowledge_info", 0, "-")
print(watching.meters().exposed("")[0].decode())
"""


def _child(*arguments: str, **more: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **more}
    environment.pop("PROMETHEUS_MULTIPROC_DIR", None)
    environment |= more
    made = subprocess.run(
        [sys.executable, "-c", _CHILD, *arguments], capture_output=True, text=True, env=environment, check=True
    )
    return made.stdout


@pytest.mark.parametrize("told", [False, True])
def test_several_processes_answer_as_one_and_the_dead_leave_their_counts(tmp_path: Path, told: bool) -> None:
    more = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)} if told else {}
    _child("3", **more)
    both = samples(_child("4", **more))
    drafts = ("youli_drafts_total", (("reason", "none"), ("verdict", "reasonable"), ("writer", "playbook")))
    assert both[drafts] == 7
    assert both["youli_draft_seconds_count", (("writer", "playbook"),)] == 2
    assert both["youli_workers", ()] == 1  # the first is no more
    assert not any(name == "youli_knowledge_info" for name, _ in both)
    for left in Path("/dev/shm").glob(f"youli-metrics-{os.getuid()}-{os.getpid()}"):
        shutil.rmtree(left)
