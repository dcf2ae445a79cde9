"""Exports of drafts say that an AI wrote them: in words a person sees, and in data a program finds.

What is exported is labelled; what a person edits and sends is that person's, and is not labelled by us: see the law's
articles in ``labelling.yaml``, which also holds the words and the field names.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from pydantic import Field

from service.rulebook.yamlfile import StrictModel, read_yaml

_FILE = Path(__file__).with_name("labelling.yaml")


class Labelling(StrictModel):
    """``labelling.yaml``."""

    explicit: str = Field(min_length=4)
    short: str = Field(min_length=4)
    implicit: dict[str, str]


@cache
def _labelling() -> Labelling:
    return read_yaml(_FILE).parse(Labelling)


def explicit() -> str:
    """The sentence a person reads."""
    return _labelling().explicit


def short() -> str:
    """The same in a word, for a column or a line that has no room."""
    return _labelling().short


def implicit(produce_id: str) -> dict[str, str]:
    """The fields of the implicit label.

    Args:
        produce_id: what the content is known by where it was made: a draft's or a run's id.
    """
    fields = dict(_labelling().implicit)
    return {
        "Label": fields.pop("Label"),
        "ContentProducer": fields.pop("ContentProducer"),
        "ProduceID": produce_id,
        **fields,
    }


def metadata(produce_id: str) -> str:
    """The implicit label as it stands in a file: one line of JSON under the name ``AIGC``."""
    line = json.dumps({"AIGC": implicit(produce_id)}, ensure_ascii=True, separators=(",", ":"))
    return line.replace("<", "\\u003c").replace(">", "\\u003e")  # inert in markup, the same to whoever reads JSON
