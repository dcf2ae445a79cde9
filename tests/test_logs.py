"""Log lines: one event, one line, no words of anybody's."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from service.logs import configure_logs, frames

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
