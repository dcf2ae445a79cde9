"""Switching it on, once a process that serves."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterable
from contextlib import suppress

from service.watching import record
from service.watching.several import count_together
from service.watching.spans import Tracer

CLOSE_S = 5.0
"""Seconds the last spans may take."""
NOWHERE = "-"
"""The operation of a request that found no door."""


def start(operations: Iterable[str], version: str, workers: int = 1) -> None:
    """Keep numbers from now on, and send spans where a collector is set; a second call adds its operations.

    Args:
        operations: the operation ids a label may name.
        version: of the program.
        workers: processes that serve together; the children of one process then count as one.
    """
    kept = record.meters()
    if kept is None:
        if workers > 1:
            count_together()
        from service.watching.prometheus import Meters

        kept = Meters()
        kept.allow("version", [version])
        kept.level("youli_build_info", 1, version)
    record.watch(kept, record.tracer() or _tracer(version))
    kept.allow("operation", [*operations, NOWHERE])


def collector() -> str | None:
    """Where spans are to be sent, by the standard variables; None: nowhere, and nothing is imported for it."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    if os.environ.get("OTEL_TRACES_EXPORTER", "otlp").strip().lower() != "otlp":
        return None
    named = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    return next((os.environ[name] for name in named if os.environ.get(name)), None)


def _tracer(version: str) -> Tracer | None:
    if collector() is None:
        return None
    try:
        from service.watching.tracing import OtelTracer

        return OtelTracer(version)
    except Exception as error:  # a variable the exporter does not understand must not keep the desk waiting
        import structlog  # here: the shell counts nothing and must not pay for it

        structlog.get_logger().warning("tracing_off", reason=type(error).__name__)
        return None


async def stop() -> None:
    """Send the spans that are left, a few seconds at most; nothing is traced any more."""
    tracer = record.untraced()
    if tracer is None:
        return
    done, loop = asyncio.Event(), asyncio.get_running_loop()

    def close() -> None:
        tracer.close()
        with suppress(RuntimeError):  # the loop is gone: we were too slow
            loop.call_soon_threadsafe(done.set)

    threading.Thread(target=close, daemon=True).start()  # a collector that hangs must not keep the process
    with suppress(TimeoutError):
        await asyncio.wait_for(done.wait(), CLOSE_S)
