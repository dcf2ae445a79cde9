"""Log lines: one event, one line, no words of anybody's."""

from __future__ import annotations

import json
import logging
import os
import sys

import pytest
import structlog

from service.logs import configure_logs, frames, lost_lines

SECRET = "李某某 13900002222"


def _lines(capfd: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    out, err = capfd.readouterr()
    assert out == ""
    return [json.loads(line) for line in err.splitlines()]


def test_forged_lines_stay_inside_their_line(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    structlog.get_logger().warning("x", value='a\nINFO approved by=admin\x1b[2J\u2028"b')
    lines = _lines(capfd)
    assert len(lines) == 1
    assert lines[0]["value"] == 'a\nINFO approved by=admin\x1b[2J\u2028"b'


def test_values_are_cut_and_objects_are_not_printed(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    structlog.get_logger().error("x", long="长" * 5_000, thing={"name": SECRET})
    line = _lines(capfd)[0]
    assert len(str(line["long"])) == 301
    assert line["thing"] == "dict"


def test_quiet_below_the_level(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs(logging.WARNING)
    structlog.get_logger().info("request")
    assert _lines(capfd) == []
    configure_logs(logging.INFO)
    structlog.get_logger().info("request", ms=1.5)
    assert [line["event"] for line in _lines(capfd)] == ["request"]


def test_libraries_are_quoted_neither_in_text_nor_in_errors(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    try:
        raise ValueError(SECRET)
    except ValueError:
        logging.getLogger("some.driver").exception("could not bind %s: " + SECRET, SECRET)
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    driver, uvicorn = _lines(capfd)
    assert driver["logger_name"] == "some.driver"
    assert driver["where"][0] == "ValueError"  # type: ignore[index]
    assert SECRET not in json.dumps(driver, ensure_ascii=False)
    assert uvicorn["said"] == "Invalid HTTP request received."


def test_frames_say_where_and_not_what() -> None:
    try:
        raise KeyError(SECRET)
    except KeyError as error:
        places = frames(error)
    assert places[0] == "KeyError"
    assert places[-1].startswith("tests/test_logs.py:")
    assert SECRET not in "".join(places)


def test_a_log_nobody_reads_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    lost = lost_lines()
    with os.fdopen(writing, "w", encoding="utf-8") as pipe, os.fdopen(reading, "rb", buffering=0) as reader:
        monkeypatch.setattr(sys, "stderr", pipe)
        configure_logs(logging.INFO)
        for number in range(2_000):  # a quarter of a megabyte: no pipe holds it
            structlog.get_logger().info("said", number=number, text="x" * 100)
        assert lost_lines() > lost
        kept = reader.read(2**20).splitlines()
        assert [json.loads(line)["number"] for line in kept] == list(range(len(kept)))
        structlog.get_logger().info("heard again")
        assert json.loads(reader.read(2**20))["event"] == "heard again"


def test_a_line_longer_than_a_pipes_piece_arrives_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w", encoding="utf-8") as pipe, os.fdopen(reading, "rb", buffering=0) as reader:
        monkeypatch.setattr(sys, "stderr", pipe)
        configure_logs(logging.INFO)
        values = [f"{number:0>200}" for number in range(60)]
        structlog.get_logger().info("long", values=values)
        assert json.loads(reader.read(2**20))["values"] == values
