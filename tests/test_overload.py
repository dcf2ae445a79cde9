"""The load benchmark itself: it counts what it gets, comes back when it is told to, and sees what grows."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest
from starlette.types import Receive, Scope, Send

from evals.benchmarks.crowd import Crowd, Stage, quantiles
from evals.benchmarks.overload import met
from evals.benchmarks.soak import Look, growth
from tests.serving import serving


class Door:
    """Refuses every third, fails every tenth, drafts the others."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.asked.append(body)
        number = len(self.asked)
        status = 500 if number % 10 == 0 else 429 if number % 3 == 0 else 201
        said = json.dumps({"writer": {"degraded": False}}).encode()
        headers = [(b"content-length", str(len(said)).encode()), (b"retry-after", b"0")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": said})


async def _asked(door: Door, **how: object) -> Stage:
    with serving(door) as url:  # type: ignore[arg-type]
        return await Crowd(urlsplit(url).port or 0).ask(**how)  # type: ignore[arg-type]


async def test_refusals_come_back_and_failures_are_counted() -> None:
    door = Door()
    told = (await _asked(door, at_once=3, count=30)).told()
    assert told["drafts"] + sum(told["errors"].values()) == 30
    assert told["refused"] == len(door.asked) - 30
    assert sum(told["errors"].values()) == len(door.asked) // 10
    assert set(told["draft_s"]) == {"p50", "p95", "p99", "max"}
    assert len(set(door.asked)) == 30  # each inquiry is another; a refused one is asked again


async def test_a_stage_ends_with_its_time() -> None:
    told = (await _asked(Door(), at_once=2, seconds=0.5)).told()
    assert told["drafts"] > 0
    assert told["seconds"] == 0.5


@pytest.mark.parametrize("rise", [0.0, 0.1, -0.2])
def test_growth_is_the_rise_of_the_line(rise: float) -> None:
    looks = [Look(10.0 + i, round(1e9 * (1 + rise * i / 99)), 1, 1, 1) for i in range(100)]
    assert growth(looks) == pytest.approx(rise, abs=1e-6)


def test_targets_that_were_not_measured_are_not_met() -> None:
    good = {"errors at once": 0, "p99 at once, s": 1.2, "goodput over / peak": 0.95, "refusal p99, ms": 20.0}
    assert met(good)
    assert not met(good | {"goodput over / peak": None})
    assert not met(good | {"errors at once": 1})
    assert quantiles([]) == {}
