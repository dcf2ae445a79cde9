"""A process out of descriptors says so once in a while, however often its loop finds out."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket

import pytest
from structlog.testing import capture_logs

from service.api.accepting import say_it_once


def _tell(loop: asyncio.AbstractEventLoop, number: int, listener: socket.socket) -> None:
    """What asyncio says when it cannot take a connection."""
    error = OSError(number, "no")
    said = "socket.accept() out of system resource"
    loop.call_exception_handler({"message": said, "exception": error, "socket": listener})


async def test_thousands_of_failures_are_one_line(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.get_running_loop()
    say_it_once(loop)
    with capture_logs() as lines, socket.socket() as listener:
        for _ in range(2_048):
            _tell(loop, errno.EMFILE, listener)
    assert [line["event"] for line in lines] == ["descriptors_spent"]
    assert not caplog.records


async def test_what_else_goes_wrong_is_told_as_ever(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.get_running_loop()
    say_it_once(loop)
    with caplog.at_level(logging.ERROR, "asyncio"), socket.socket() as listener:
        _tell(loop, errno.EBADF, listener)
        loop.call_exception_handler({"message": "a task", "exception": OSError(errno.EMFILE, "a file")})
    assert len(caplog.records) == 2
