import asyncio
import logging
import traceback

import pytest

from service.errors import ModelError, messages
from service.llm import ModelClient
from tests.fake_model import FakeModel
from tests.fault_answers import SAID
from tests.fault_table import FAULTS

KEY = "sk-very-secret-1234567890"
SCHEMA = {"type": "object", "additionalProperties": False, "required": [], "properties": {}}
USER = "要写的步骤：\n1. empathy：共情\n2. closing：收尾\n- empathy：等了三天，换谁都急。\n"


@pytest.fixture(autouse=True)
def short_pause(monkeypatch):
    monkeypatch.setattr("service.llm_ask.PAUSE_S", 0.01)


async def outcome(client, fault, streaming):
    """The error or None, what was shown, and the answer's calls."""
    shown = ""
    try:
        if not streaming:
            return None, shown, (await client.ask("你是", USER, SCHEMA, fault.deadline)).calls
        async for part in client.stream("你是", USER, SCHEMA, fault.deadline):
            if not isinstance(part, str):
                return None, shown, part.calls
            shown += part
    except ModelError as error:
        return error, shown, error.parameters["calls"]
    raise AssertionError("a stream ended without its answer")


CASES = [
    pytest.param(fault, streaming, id=f"{fault.id}-{'stream' if streaming else 'ask'}")
    for fault in FAULTS
    for streaming in (False, True)
    if not streaming or fault.stream is not None
]


@pytest.mark.parametrize(("fault", "streaming"), CASES)
async def test_every_fault_has_its_code_its_calls_and_says_nothing_of_ours_or_theirs(fault, streaming, caplog):
    caplog.set_level(logging.DEBUG)
    with FakeModel(default=fault.answer) as fake:
        client = ModelClient("some-model", KEY, fault.address(fake) if fault.address else fake.url)
        await client.open()
        async with asyncio.timeout(fault.deadline + 2):
            error, shown, calls = await outcome(client, fault, streaming)
        await client.close()
    code, expected = fault.stream if streaming else fault.ask
    assert (error and error.code, calls) == (code, expected)
    if fault.address is None:
        assert len(fake.requests) == expected
    assert bool(shown) == (fault.begun or code is None) or not streaming
    told = caplog.text
    if error is not None:
        assert error.detail == messages()[code]["detail"]
        told += "".join(traceback.format_exception(error)) + str(error.parameters)
    assert KEY not in told
    assert SAID not in told
    assert USER not in told


def test_the_table_names_every_row_once_and_every_variant_by_its_own_name():
    assert {fault.row for fault in FAULTS} == {f"L{n}" for n in range(1, 20)}
    assert len({fault.id for fault in FAULTS}) == len(FAULTS)
