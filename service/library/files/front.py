"""Front matter: what a Markdown document says about itself."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field

from service.errors import InvalidRequest, RulebookError, phrase
from service.rulebook.yamlfile import StrictModel, parse_yaml
from service.schemas import Authority, DocumentKind


class FrontMatter(StrictModel):
    """What a document says about itself, between two lines of ``---``."""

    kind: DocumentKind | None = None
    title: str | None = Field(default=None, max_length=200)
    authority: Authority | None = None
    platform: str | None = Field(default=None, max_length=60)
    category: str | None = Field(default=None, max_length=60)
    source: str | None = None
    checked_on: str | None = None
    review_by: str | None = None
    effective_from: str | None = None
    effective_to: str | None = None
    questions: list[str] = Field(default_factory=list, max_length=100)
    scenario: str | None = None
    name: str | None = None


def take_front(name: str, text: str) -> tuple[FrontMatter, str]:
    """Front matter and body of a Markdown text.

    Raises:
        InvalidRequest: ``front_matter_broken``, with ``line`` (1-based, of the file) and ``reason``.
    """
    if not text.startswith("---\n"):
        return FrontMatter(), text
    head, mark, body = text[4:].partition("\n---\n")
    if not mark:
        return FrontMatter(), text
    try:
        return parse_yaml(Path(name), head, offset=1).parse(FrontMatter), body
    except RulebookError as error:
        reason = phrase("document_front_matter", line=error.line, problem=error.reason)
        raise InvalidRequest("front_matter_broken", reason=reason, line=error.line) from None


def read_date(value: str | datetime | None) -> datetime | None:
    """A date of front matter or form as an aware time; a bare date begins at midnight UTC.

    Raises:
        InvalidRequest: ``bad_effective_date`` — not a date.
    """
    if value is None or isinstance(value, datetime):
        return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        raise InvalidRequest("bad_effective_date", reason=phrase("document_date", value=value[:40])) from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)
