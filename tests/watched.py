"""What tests ask of the metrics: one sample, or all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client.parser import text_string_to_metric_families

from service import watching


def samples(text: str | None = None) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """All samples by name and labels; those of this process if no text is given."""
    if text is None:
        kept = watching.meters()
        assert kept is not None
        text = kept.exposed("")[0].decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(name: str, **labels: str) -> float:
    """One sample; 0 if it is not there."""
    return samples().get((name, tuple(sorted(labels.items()))), 0.0)


@contextmanager
def rises(name: str, by: float = 1, **labels: str) -> Iterator[None]:
    """A sample goes up by as much in the block."""
    before = value(name, **labels)
    yield
    assert value(name, **labels) - before == by, (name, labels, value(name, **labels) - before)
