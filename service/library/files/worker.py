"""The child process: reads one file under limits and writes what it found as JSON.

Started by :mod:`service.library.files.sandbox`, never imported by the service. Standard input holds one line of JSON
(how to read, the limits) and then the bytes. The answer is ``{"content": …}`` or ``{"unreadable": name, "parameters":
…}``; anything else (a crash, a kill) means that the file broke the reader.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from service.library.files.content import Content, Unreadable

_MB = 1024 * 1024
_OUTPUT_BYTES = 64 * _MB
_FORBIDDEN = (
    "socket.",
    "subprocess.",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "ftplib.",
    "urllib.",
)
_WRITING = frozenset("wax+")
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def main() -> int:
    """Read the task, bind the process, read the file, answer."""
    task = json.loads(sys.stdin.buffer.readline())
    data = sys.stdin.buffer.read()
    _bind(task["limits"])
    try:
        answer: dict[str, Any] = {"content": _read(task, data).plain()}
    except Unreadable as refusal:
        answer = {"unreadable": refusal.name, "parameters": refusal.parameters}
    except MemoryError:
        answer = {"unreadable": "document_memory", "parameters": {"limit": task["limits"]["memory_mb"]}}
    except RecursionError:
        answer = {"unreadable": "document_nested", "parameters": {}}
    except Exception as error:
        answer = {"unreadable": "document_broken", "parameters": {}, "error": type(error).__name__}
    sys.stdout.buffer.write(json.dumps(answer, ensure_ascii=True).encode("ascii"))
    sys.stdout.buffer.flush()
    return 0


def _read(task: dict[str, Any], data: bytes) -> Content:
    limits = task["limits"]
    if task["how"] == "html":
        from service.library.files.page import read_page

        found = read_page(data.decode("utf-8"))
    elif task["how"] == "docx":
        from service.library.files.word import read_word

        found = read_word(data, limits, task["word_headings"])
    else:
        from service.library.files.book import read_book

        found = read_book(data, limits, task["page_number"])
    if len(found.text) > limits["chars"]:
        raise Unreadable("document_too_long", limit=limits["chars"])
    return found


def _bind(limits: dict[str, Any]) -> None:
    """Limits of the kernel, and no way out: no network, no other process, nothing written.

    The hook stays until the process ends; on systems without ``resource`` (Windows) the parent's clock is what is left.
    """
    try:
        import resource
    except ImportError:
        pass
    else:
        memory, seconds = limits["memory_mb"] * _MB, int(limits["seconds"])
        bounds = {
            "RLIMIT_AS": (memory, memory),
            "RLIMIT_CPU": (seconds, seconds + 1),  # the soft one says SIGXCPU, which tells time from memory
            "RLIMIT_FSIZE": (_OUTPUT_BYTES, _OUTPUT_BYTES),
            "RLIMIT_CORE": (0, 0),
        }
        for name, bound in bounds.items():
            try:
                resource.setrlimit(getattr(resource, name), bound)
            except (OSError, ValueError, AttributeError):
                continue  # macOS does not take an address space; the other limits still hold
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event.startswith(_FORBIDDEN):
        raise PermissionError(event)
    if event == "open":
        mode, flags = arguments[1], arguments[2]
        if (isinstance(mode, str) and _WRITING & set(mode)) or (isinstance(flags, int) and flags & _WRITE_FLAGS):
            raise PermissionError(event)


if __name__ == "__main__":
    sys.exit(main())
