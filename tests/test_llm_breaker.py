import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import ModelError
from service.llm import ModelClient
from service.llm_breaker import Breaker
from service.llm_profile import Rest
from tests.fake_model import FakeModel, Reply

REST = Rest(after=3, rest_s=10, longest_rest_s=30, account_rest_s=300, fair_s=2)
SCHEMA = {"type": "object", "additionalProperties": False, "required": [], "properties": {}}


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return Breaker(REST, clock)


def fails(breaker, code="llm_unavailable", deadline=8.0, wait=None, times=1):
    """Let questions through that end so; False when the breaker kept one from being asked."""
    asked = []
    for _ in range(times):
        with pytest.raises(ModelError) as caught, breaker.attempt(deadline) as attempt:
            asked.append(True)
            attempt.wait = wait
            raise ModelError(code, calls=1)
        if not asked:
            assert caught.value.parameters["calls"] == 0
    return len(asked) == times


def works(breaker):
    with breaker.attempt(8.0):
        pass


def refusal(breaker):
    with pytest.raises(ModelError) as caught, breaker.attempt(8.0):
        raise AssertionError("it was asked")
    return caught.value


@pytest.mark.parametrize("code", ["llm_auth", "llm_quota"])
def test_account_trouble_opens_at_once_and_for_long(breaker, clock, code):
    assert fails(breaker, code)
    clock.now += REST.account_rest_s - 1
    assert refusal(breaker).code == code
    assert breaker.state.cause == code
    clock.now += 1
    works(breaker)
    assert not breaker.state.resting


@pytest.mark.parametrize(
    "code", ["llm_unavailable", "llm_timeout", "llm_bad_reply", "llm_incomplete", "llm_rate_limited"]
)
def test_failures_in_a_row_open_and_a_success_between_starts_anew(breaker, code):
    fails(breaker, code, times=REST.after - 1)
    works(breaker)
    fails(breaker, code, times=REST.after - 1)
    assert not breaker.state.resting
    fails(breaker, code)
    assert breaker.state.resting
    assert refusal(breaker).code == code


@pytest.mark.parametrize("code", ["llm_refused", "llm_too_long"])
def test_what_is_the_questions_own_fault_does_not_count(breaker, code):
    assert fails(breaker, code, times=20)
    assert not breaker.state.resting


def test_a_timeout_counts_only_where_there_was_time(breaker):
    assert fails(breaker, "llm_timeout", deadline=REST.fair_s / 2, times=20)
    assert not breaker.state.resting


def test_it_rests_longer_each_time_up_to_a_bound(breaker, clock):
    fails(breaker, times=REST.after)
    for rest in (10, 20, 30, 30):
        clock.now += rest - 0.1
        refusal(breaker)
        clock.now += 0.2
        assert fails(breaker), "one probe is let through"
    clock.now += 31
    works(breaker)
    fails(breaker, times=REST.after)
    clock.now += 10.1
    works(breaker)


def test_one_probe_at_a_time(breaker, clock):
    fails(breaker, times=REST.after)
    clock.now += 11
    with breaker.attempt(8.0):
        assert refusal(breaker).code == "llm_unavailable"
    assert not breaker.state.resting


def test_a_probe_nobody_waited_for_leaves_room_for_the_next(breaker, clock):
    fails(breaker, times=REST.after)
    clock.now += 11
    with pytest.raises(asyncio.CancelledError), breaker.attempt(8.0):
        raise asyncio.CancelledError
    assert breaker.state.resting
    works(breaker)
    assert not breaker.state.resting


def test_a_wait_the_endpoint_asked_for_is_kept_up_to_a_bound(breaker, clock):
    fails(breaker, "llm_rate_limited", wait=25)
    clock.now += 24
    assert refusal(breaker).code == "llm_rate_limited"
    clock.now += 1
    works(breaker)
    fails(breaker, "llm_rate_limited", wait=10_000)
    clock.now += REST.longest_rest_s
    works(breaker)


def test_what_began_before_it_opened_changes_nothing(breaker, clock):
    with breaker.attempt(8.0):
        fails(breaker, "llm_auth")
    assert breaker.state.resting
    assert breaker.state.until is not None


@given(st.lists(st.sampled_from(["ok", "llm_unavailable", "llm_auth", "llm_refused", "wait", "cancel"]), max_size=60))
def test_it_never_stays_shut_once_the_endpoint_is_well(events):
    clock = Clock()
    breaker = Breaker(REST, clock)
    for event in events:
        clock.now += 4
        try:
            with breaker.attempt(8.0) as attempt:
                if event == "cancel":
                    raise asyncio.CancelledError
                attempt.wait = 60.0 if event == "wait" else None
                if event != "ok":
                    raise ModelError("llm_rate_limited" if event == "wait" else event)
        except (ModelError, asyncio.CancelledError):
            pass
    clock.now += REST.account_rest_s
    works(breaker)
    assert not breaker.state.resting


async def test_the_client_asks_nothing_while_it_rests():
    with FakeModel(default=lambda request: Reply.says({})) as fake:
        client = ModelClient("m", "sk-test", fake.url)
        fake.script(Reply.status_of(401))
        for _ in range(3):
            with pytest.raises(ModelError) as caught:
                await client.ask("", "", SCHEMA, 5.0)
            assert caught.value.code == "llm_auth"
        with pytest.raises(ModelError) as caught:
            async for _ in client.stream("", "", SCHEMA, 5.0):
                raise AssertionError("nothing may come")
        assert caught.value.parameters["calls"] == 0
        assert len(fake.requests) == 1
        assert client.breaker.state.cause == "llm_auth"
        await client.close()


async def test_a_stream_left_early_teaches_nothing():
    with FakeModel(default=lambda request: Reply.says({"a": "x" * 99}, chunks=40, pace=0.2)) as fake:
        client = ModelClient("m", "sk-test", fake.url)
        clock = Clock()
        client.breaker = Breaker(REST, clock)
        fails(client.breaker, times=REST.after)
        clock.now += 11
        stream = client.stream("", "", SCHEMA, 30.0)
        await anext(stream)
        await stream.aclose()
        assert client.breaker.state.resting
        fake.default = lambda request: Reply.says({})
        assert (await client.ask("", "", SCHEMA, 5.0)).data == {}
        assert not client.breaker.state.resting
        await client.close()
