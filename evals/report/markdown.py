"""Markdown for a pull request: the headline, the vetoes, what got worse. Never longer than a comment may be."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from evals.report.formatting import FORMATS
from evals.report.inert import markdown
from evals.report.page import Page
from service.labelling import explicit, metadata

MOST_BYTES = 60_000
"""A comment on a pull request may have 65,536 characters."""
_ROWS = (200, 100, 50, 20, 5)
"""How many rows a table may have; fewer are tried until the text fits."""
_FEW = 8
"""Cases named in a row."""


def pull_request(page: Page) -> str:
    """The report for a pull request. Every text from outside is without markup, links and mentions."""
    template = _environment().get_template("report.md.j2")
    for most in _ROWS:
        text = template.render(page=page, most=most, few=_FEW, labelled=explicit(), **page.counts).lstrip()
        text += f"<!-- {metadata(page.run.id)} -->\n"
        if len(text.encode()) <= MOST_BYTES:
            break
    return text


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=False,  # what is written is no HTML; ``finalize`` makes every value inert
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: markdown(value) if isinstance(value, str) else value,
    )
    made.globals.update(FORMATS)
    return made
