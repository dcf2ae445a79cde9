"""The metrics of ``metrics.zh.yaml`` as Prometheus keeps them. Imported by the server only.

With ``PROMETHEUS_MULTIPROC_DIR`` set before the start, every process writes its numbers into files there and a scrape
of any of them answers for all; without it the numbers are this process's own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import product
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

from service.watching.several import FOLDER, clear_dead
from service.watching.vocabulary import OTHER, closed, table

_FLAGS = frozenset({"youli_knowledge_info"})
"""Gauges of which only the series that are 1 are shown: what was true before is not a series for ever."""


class Meters:
    """All metrics of this process. One per process; safe to use from threads."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry(auto_describe=False)
        self._closed: dict[str, set[str]] = {name: set(values) for name, values in closed().items()}
        self._labels: dict[str, list[str | frozenset[str]]] = {}
        self._metrics: dict[str, Any] = {}
        self._children: dict[tuple[str, ...], Any] = {}
        buckets = table()["buckets"]
        for name, entry in table()["metrics"].items():
            self._add(name, entry, buckets)
        for name, entry in table()["metrics"].items():
            self._begin(name, entry)

    def allow(self, label: str, values: Iterable[str]) -> None:
        """Let a label say these too: the operations of the application, the version that is published."""
        self._closed[label].update(values)

    def count(self, name: str, *values: str, by: float = 1) -> None:
        """Count something; ``values`` are the labels in the table's order."""
        self._child(name, values).inc(by)

    def observe(self, name: str, seconds: float, *values: str) -> None:
        """Add a duration to a distribution."""
        self._child(name, values).observe(seconds)

    def level(self, name: str, value: float, *values: str) -> None:
        """Set what is so now."""
        self._child(name, values).set(value)

    def change(self, name: str, by: float, *values: str) -> None:
        """Move what is so now."""
        self._child(name, values).inc(by)

    def exposed(self, accept: str) -> tuple[bytes, str]:
        """Everything as text, and its content type: OpenMetrics where it is asked for. Blocking."""
        encode, media = choose_encoder(accept)
        return encode(_Shown(self._gathered)), media

    @property
    def folder(self) -> str | None:
        """Where the processes' files are; None where there is one process."""
        return os.environ.get(FOLDER) or None

    def _gathered(self) -> Iterable[Metric]:
        if self.folder is None:
            return self._registry.collect()
        clear_dead(self.folder)
        registry = CollectorRegistry()
        MultiProcessCollector(registry, self.folder)  # type: ignore[no-untyped-call]
        return registry.collect()

    def _add(self, name: str, entry: dict[str, Any], buckets: dict[str, list[str]]) -> None:
        labels = entry.get("labels", {})
        self._labels[name] = [frozenset(of) if isinstance(of, list) else of for of in labels.values()]
        make: Callable[..., Any]
        if entry["kind"] == "counter":
            make = Counter
        elif entry["kind"] == "gauge":
            make = partial(Gauge, multiprocess_mode=entry["worker"])
        else:
            make = partial(Histogram, buckets=[float(bound) for bound in buckets[entry["buckets"]]])
        self._metrics[name] = make(name, entry["help"], list(labels), registry=self._registry)

    def _begin(self, name: str, entry: dict[str, Any]) -> None:
        """Have the series the table wants from the start at 0."""
        labels = entry.get("labels", {})
        if not labels:
            self._child(name, ())
        if "start" not in entry:
            return
        lists = (entry["start"].get(label) or self._allowed(of) for label, of in labels.items())
        for values in product(*lists):
            self._child(name, values)

    def _allowed(self, of: str | list[str]) -> Iterable[str]:
        return sorted(self._closed[of]) if isinstance(of, str) else of

    def _child(self, name: str, values: tuple[str, ...]) -> Any:
        key = (name, *values)
        found = self._children.get(key)
        if found is None:
            kept = tuple(self._kept(name, values))
            if kept != values:
                self._metrics["youli_labels_other_total"].inc()
            found = self._children[name, *kept] = self._made(name, kept)
        return found

    def _kept(self, name: str, values: tuple[str, ...]) -> Iterator[str]:
        """The values as far as they are in their lists."""
        for of, value in zip(self._labels[name], values, strict=True):
            yield value if value in (self._closed[of] if isinstance(of, str) else of) else OTHER

    def _made(self, name: str, kept: tuple[str, ...]) -> Any:
        try:
            return self._metrics[name].labels(*kept) if kept else self._metrics[name]
        except OSError:  # no room for one more series: what it would count is lost, the draft is not
            return _Lost()


class _Lost:
    """A series that could not be had."""

    def inc(self, by: float = 1) -> None:
        """Lost."""

    observe = set = inc


class _Shown:
    """What is shown of what was gathered, in the shape the encoders take."""

    def __init__(self, gathered: Callable[[], Iterable[Metric]]) -> None:
        self._gathered = gathered

    def collect(self) -> Iterator[Metric]:
        """The metrics, without the flags that are down."""
        for metric in sorted(self._gathered(), key=lambda metric: metric.name):
            if metric.name in _FLAGS:
                metric.samples = [sample for sample in metric.samples if sample.value]
            yield metric
