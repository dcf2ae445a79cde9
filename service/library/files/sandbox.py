"""Running the reader of one file in a process of its own, within limits.

Files travel through temporary files, not pipes: the kernel's file size limit then bounds the answer, and no reader can
block a writer. A fresh interpreter is used, not a fork: the service has threads, and its memory holds keys.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from functools import cache
from typing import Any

from service.errors import Unavailable
from service.library.files.content import Content, Unreadable
from service.library.files.limits import FileRules
from service.settings import HOME

_WORKER = "service.library.files.worker"
_KEPT = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "VIRTUAL_ENV")
"""Environment variables a child gets; keys and addresses are not among them."""
_CPU_SPENT = int(getattr(signal, "SIGXCPU", 24))
_KILLED = int(getattr(signal, "SIGKILL", 9))


def read_apart(how: str, data: bytes, rules: FileRules) -> Content:
    """Read ``data`` in a child process.

    Args:
        how: ``html`` (UTF-8 text), ``docx`` or ``pdf``.
        data: the bytes.
        rules: the limits, and which Word styles are headings.

    Raises:
        Unreadable: refused by the reader, or the reader ran out of time or memory, or fell over.
        Unavailable: too many files are being read.
    """
    limits = rules.limits
    gate = _gate(limits.at_once)
    if not gate.acquire(timeout=limits.wall_seconds):
        raise Unavailable("reader_busy")
    try:
        return _answer(*_run(_task(how, rules), data, limits.wall_seconds), limits.seconds, limits.memory_mb)
    finally:
        gate.release()


@cache
def _gate(places: int) -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(places)


def _task(how: str, rules: FileRules) -> dict[str, Any]:
    limits, more = rules.limits.model_dump(), rules.model_dump(include={"word_headings", "page_number"})
    return {"how": how, "limits": limits} | more


def _run(task: dict[str, Any], data: bytes, seconds: float) -> tuple[int | None, bytes]:
    """Exit code of the child (None: out of time) and what it wrote."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as made:
        given.write(json.dumps(task).encode("ascii") + b"\n")
        given.write(data)
        given.seek(0)
        process = subprocess.Popen(
            [sys.executable, "-s", "-P", "-m", _WORKER],
            stdin=given,
            stdout=made,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in _KEPT if name in os.environ}
            | {"PYTHONPATH": str(HOME), "PYTHONIOENCODING": "utf-8"},
        )
        try:
            code = process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None, b""
        finally:
            process.kill()
            process.wait()
        made.seek(0)
        return code, made.read()


def _answer(code: int | None, written: bytes, seconds: float, memory_mb: int) -> Content:
    if code is None or code == -_CPU_SPENT:
        raise Unreadable("document_slow", limit=f"{seconds:g}")
    if code == -_KILLED:  # by the system: the only reason a reader is killed is memory
        raise Unreadable("document_memory", limit=memory_mb)
    try:
        answer = json.loads(written) if code == 0 else None
    except ValueError:
        answer = None
    if answer is None:
        raise Unreadable("document_broken")
    if "content" not in answer:
        raise Unreadable(answer["unreadable"], **answer["parameters"])
    return Content.of(answer["content"])
