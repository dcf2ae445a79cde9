"""Spans for a collector over OTLP/HTTP. Imported only where one is set, by the standard ``OTEL_*`` variables.

The tracer is our own and nobody's global one: what libraries would like to tell of prompts and addresses stays untold.
"""

from __future__ import annotations

import os

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags, set_span_in_context
from opentelemetry.trace import Span as Recorded

from service.watching.spans import Attribute, Kind, Span

_KINDS = {"internal": SpanKind.INTERNAL, "server": SpanKind.SERVER, "client": SpanKind.CLIENT}


class OtelSpan(Span):
    """A span that is told to the collector."""

    __slots__ = ("recorded",)

    def __init__(self, recorded: Recorded) -> None:
        self.recorded = recorded

    @property
    def trace(self) -> str:  # type: ignore[override]
        """Id of the trace, in hex."""
        return f"{self.recorded.get_span_context().trace_id:032x}"

    def set(self, **attributes: Attribute) -> None:
        """Add attributes."""
        self.recorded.set_attributes({name.replace("__", "."): value for name, value in attributes.items()})

    def rename(self, name: str) -> None:
        """Its name, once it is known."""
        self.recorded.update_name(name)

    def fail(self, code: str) -> None:
        """It went wrong; the code is all that is told of it."""
        self.recorded.set_attribute("error.type", code)
        self.recorded.set_status(StatusCode.ERROR)

    def end(self) -> None:
        """It is over."""
        self.recorded.end()


class OtelTracer:
    """Makes spans and hands them to the exporter's thread.

    Args:
        version: of the program.
    """

    def __init__(self, version: str) -> None:
        own = {} if _named() else {"service.name": "youli"}
        resource = Resource.create({**own, "service.version": version})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("youli", version)

    def start(self, name: str, parent: Span, kind: Kind, attributes: dict[str, Attribute]) -> Span:
        """Begin one."""
        context = set_span_in_context(parent.recorded, Context()) if isinstance(parent, OtelSpan) else Context()
        return OtelSpan(self._tracer.start_span(name, context, _KINDS[kind], attributes))

    def remote(self, trace: str, span: str, sampled: bool) -> Span:
        """A caller's span, as the parent of ours."""
        flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
        return OtelSpan(NonRecordingSpan(SpanContext(int(trace, 16), int(span, 16), True, flags)))

    def close(self) -> None:
        """Send what is left. Blocking; a collector that does not answer is waited for as long as its timeout says."""
        self._provider.shutdown()


def _named() -> bool:
    attributes = os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return bool(os.environ.get("OTEL_SERVICE_NAME")) or "service.name=" in attributes
