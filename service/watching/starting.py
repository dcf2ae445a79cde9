"""Switching it on, once a process that serves."""

from __future__ import annotations

import os
from collections.abc import Iterable

from service.watching import record

NOWHERE = "-"
"""The operation of a request that found no door."""


def start(operations: Iterable[str], version: str) -> None:
    """Keep numbers from now on, and send spans where a collector is set; a second call adds its operations.

    Args:
        operations: the operation ids a label may name.
        version: of the program.
    """
    kept = record.meters()
    if kept is None:
        from service.watching.prometheus import Meters

        kept = Meters()
        kept.allow("version", [version])
        kept.level("youli_build_info", 1, version)
        record.watch(kept, None)
    kept.allow("operation", [*operations, NOWHERE])


def process_gone(pid: int) -> None:
    """For who starts several processes: one of them has ended; what it counted stays, what was so of it does not."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        from service.watching.prometheus import process_gone as gone

        gone(pid)
