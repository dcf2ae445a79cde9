"""Prompts as files: front matter, then a Jinja body with a ``system`` and a ``user`` block.

The stable part stands in ``system`` so that endpoints can cache it. Templates run sandboxed and strict: an unknown
variable is an error, and values put in are never read as templates. The digest names the exact wording in a draft.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import Field

from service.errors import RulebookError, phrase
from service.rulebook.yamlfile import StrictModel, read_front_matter

DIGEST_CHARS = 6


class PromptHead(StrictModel):
    """The front matter: what the prompt is for, what it takes, and what the team may tune without code.

    ``words`` are wordings by group and name, ``limits`` whole numbers (items, characters), ``placeholders`` patterns
    that show an answer still has a gap in it. ``part_of`` names the prompt that a text without a question of its own
    goes into.
    """

    about: str
    part_of: str | None = None
    inputs: list[str]
    words: dict[str, dict[str, str]] = Field(default_factory=dict)
    limits: dict[str, int] = Field(default_factory=dict)
    placeholders: list[str] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Prompt:
    """One loaded prompt. ``label`` is ``name@digest``."""

    name: str
    head: PromptHead
    digest: str
    placeholders: tuple[re.Pattern[str], ...]
    template: Template

    @property
    def label(self) -> str:
        """The prompt's name with the first characters of its digest."""
        return f"{self.name}@{self.digest[:DIGEST_CHARS]}"

    def render(self, **values: Any) -> tuple[str, str]:
        """The system and the user text.

        Raises:
            jinja2.UndefinedError: an input is missing.
        """
        return self.block("system", **values), self.block("user", **values)

    def block(self, name: str, /, **values: Any) -> str:
        """One block's text: ``system``, ``user``, or ``examples`` where the prompt has some (else empty).

        Raises:
            jinja2.UndefinedError: an input is missing.
        """
        template = self.template
        if name not in template.blocks:
            return ""
        context = {**values, "words": self.head.words, "limits": self.head.limits}
        return "".join(template.blocks[name](template.new_context(context))).strip()

    def gap_in(self, text: str) -> bool:
        """Does the text hold a placeholder nobody filled?"""
        return any(pattern.search(text) for pattern in self.placeholders)


class Prompts:
    """All prompts of a folder, by file name without suffix."""

    def __init__(self, prompts: dict[str, Prompt]) -> None:
        self._prompts = prompts

    @classmethod
    def load(cls, folder: Path) -> Prompts:
        """Load every ``*.md`` in ``folder``.

        Raises:
            RulebookError: a file is broken, with its line and what to do.
        """
        return cls({path.stem: load_prompt(path) for path in sorted(folder.glob("*.md")) if path.stem != "README"})

    def __getitem__(self, name: str) -> Prompt:
        """The prompt of that name.

        Raises:
            KeyError: there is none.
        """
        return self._prompts[name]

    def __contains__(self, name: object) -> bool:
        return name in self._prompts


def load_prompt(path: Path) -> Prompt:
    """Load one prompt file.

    Raises:
        RulebookError: front matter, Jinja syntax, blocks, inputs or patterns are wrong.
    """
    front, body, offset = read_front_matter(path)
    head = front.parse(PromptHead)
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True
    )
    try:
        used = meta.find_undeclared_variables(environment.parse(body))
        template = environment.from_string(body)
    except TemplateSyntaxError as error:
        raise RulebookError(path, offset + error.lineno, phrase("prompt_syntax", problem=error.message)) from None
    except TemplateError as error:
        raise RulebookError(path, offset + 1, phrase("prompt_syntax", problem=error.message)) from None
    if ({"system"} if head.part_of else {"system", "user"}) - set(template.blocks):
        raise RulebookError(path, offset + 1, phrase("prompt_blocks"))
    odd = (used - {"words", "limits"}) ^ set(head.inputs)
    if odd:
        raise front.error(phrase("prompt_inputs", names="、".join(sorted(odd))), "inputs")
    patterns = []
    for number, pattern in enumerate(head.placeholders):
        try:
            patterns.append(re.compile(pattern))
        except re.error as error:
            reason = phrase("prompt_pattern", pattern=pattern, problem=error)
            raise front.error(reason, "placeholders", number) from None
    data = path.read_bytes().replace(b"\r\n", b"\n")
    return Prompt(path.stem, head, hashlib.sha256(data).hexdigest(), tuple(patterns), template)
