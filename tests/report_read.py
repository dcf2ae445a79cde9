"""A report read back: its elements, attributes and texts, as a parser finds them."""

from __future__ import annotations

from html.parser import HTMLParser

from evals.report.material import Material
from evals.report.names import Names
from evals.report.page import Page, compose
from evals.report.writing import side
from evals.results import CaseResult
from tests.report_run import material

VOID = {"meta", "link", "br", "img", "input", "hr", "rect", "path"}


class Read(HTMLParser):
    """Elements with their attributes and the text in them; open tags must close in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, dict[str, str]]] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        one = (tag, {name: value or "" for name, value in attrs})
        self.elements.append(one)
        if tag not in VOID:
            self.open.append(one)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop()[0] == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        self.texts.append((tuple(f"{tag}.{attrs.get('class', '')}" for tag, attrs in self.open), data))

    def within(self, what: str) -> str:
        """All text inside elements whose ``tag.class`` is ``what``."""
        return "".join(text for path, text in self.texts if what in path)

    def of(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.elements if name == tag]


def page(results: list[CaseResult], baseline: Material | None = None, **digests: str) -> Page:
    made = material(results, **digests)
    return compose(made, side(baseline) if baseline else None, [], Names.of(results))
