"""删除: one buyer's data taken away on request, and what became of the request."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StrictBool, model_validator

from service.schemas.base import In, Out, Shop, Text


class ErasureIn(In):
    """Whose data is to be erased: exactly one of ``buyer``, ``conversation`` and ``draft``."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"properties": {name: {"type": "string"}}, "required": [name]}
                for name in ("buyer", "conversation", "draft")
            ]
        }
    )

    shop: Shop = "default"
    buyer: Annotated[Text, Field(min_length=1, max_length=128)] | None = None
    conversation: Annotated[Text, Field(min_length=1, max_length=128)] | None = None
    draft: Annotated[Text, Field(min_length=1, max_length=64)] | None = None
    dry_run: StrictBool = False

    @model_validator(mode="after")
    def _one(self) -> ErasureIn:
        """The name of this error is a message code."""
        if sum(one is not None for one in (self.buyer, self.conversation, self.draft)) != 1:
            raise ValueError("erasure_whose")
        return self


class Erased(Out):
    """What was erased, or would be. ``left``: Chinese, where else a person has to look."""

    id: str
    shop: str
    by: Literal["buyer", "conversation", "draft"]
    dry_run: bool
    drafts: int
    rows: dict[str, int]
    """Rows of each table that went with the drafts."""
    eval_lines: int
    """Results and reviews of live runs."""
    eval_files: int
    """Pages and tables that quoted them; what can be written again from the rest is."""
    scrubbed: bool
    """True when the bytes are gone from the database's files too."""
    left: list[str]
