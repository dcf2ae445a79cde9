"""The form a question is asked in: the ladder of answer formats, the optional fields, and what an endpoint refused."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from service.errors import phrase
from service.llm_profile import Profile
from service.llm_reply import FormRefused

RUNGS = ("json_schema", "json_object", "text")
"""How an answer's form is asked for, from strict to plain; what an endpoint refuses is not asked of it again."""
MOST_DOUBLED = 2
"""A model that was cut off twice rambles; more room would only cost more."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, whatever the form."""

    system: str
    user: str
    schema: dict[str, Any]
    temperature: float | None = None

    def in_words(self) -> str:
        """The system prompt that asks for the form in words, with the schema."""
        asked = phrase("model_answers_json", schema=json.dumps(self.schema, ensure_ascii=False))
        return f"{self.system}\n\n{asked}"


@dataclass(frozen=True, slots=True)
class Form:
    """How it is asked: a rung of the ladder, optional fields that are left out, how often the limit was doubled."""

    rung: int
    without: frozenset[str] = frozenset()
    doubled: int = 0

    def request(self, profile: Profile, model: str, question: Question, stream: bool) -> dict[str, Any]:
        """The call's arguments. Optional fields go as ``extra_body``: the SDK hands those on as they are."""
        rung, system = RUNGS[self.rung], question.system
        body: dict[str, Any] = {"model": model}
        if rung == "json_schema":
            form = {"name": "answer", "strict": True, "schema": question.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        else:
            system = question.in_words()
            if rung == "json_object":
                body["response_format"] = {"type": "json_object"}
        body["messages"] = [{"role": "system", "content": system}, {"role": "user", "content": question.user}]
        if optional := self._optional(profile, question, stream):
            body["extra_body"] = optional
        if stream:
            body["stream"] = True
        return body

    def _optional(self, profile: Profile, question: Question, stream: bool) -> dict[str, Any]:
        optional: dict[str, Any] = dict(profile.extra)
        if profile.limit is not None:
            optional[profile.limit.field] = profile.limit.tokens << self.doubled
        if (heat := profile.heat(question.temperature)) is not None:
            optional["temperature"] = heat
        if stream and profile.stream_usage:
            optional["stream_options"] = {"include_usage": True}
        return {name: value for name, value in optional.items() if name not in self.without}

    def lesser(self, refused: FormRefused, request: dict[str, Any]) -> Form | None:
        """The next form to try: without the field the endpoint names, else a rung lower, else without any option."""
        optional = frozenset(request.get("extra_body", ()))
        if refused.field is not None and refused.field in optional:
            return replace(self, without=self.without | {refused.field})
        if self.rung + 1 < len(RUNGS):
            return replace(self, rung=self.rung + 1)
        return replace(self, without=self.without | optional) if optional else None

    def wider(self) -> Form:
        """The same with twice the room for the answer."""
        return replace(self, doubled=min(self.doubled + 1, MOST_DOUBLED))

    def learned(self, start: int) -> Form:
        """What is worth remembering when this form was accepted.

        Where every option had to go, the options may have been all that was wrong: the next question climbs again.
        """
        bare = self.rung + 1 == len(RUNGS) and len(self.without) > 1
        return Form(start if bare else self.rung, self.without, self.doubled)
