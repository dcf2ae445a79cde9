"""How goods are named in a reply, as ``knowledge/method.yaml`` says it."""

from __future__ import annotations

import re
from functools import cached_property

from pydantic import Field

from service.rulebook.yamlfile import StrictModel


class GoodsClass(StrictModel):
    """A kind of category that is no thing by itself."""

    names: list[str]
    """What such a category ends with (服饰, 数码配件)."""
    say: str = ""
    """What a reply may call a thing of it; empty: the general fallback."""
    ends: str = ""
    """Last characters of the things in it; empty: any thing may be in it."""

    @cached_property
    def endings(self) -> tuple[str, ...]:
        """The names, as ``str.endswith`` takes them."""
        return tuple(self.names)


class GoodsFile(StrictModel):
    """How goods are named, in ``method.yaml``."""

    fallback: str
    """When nobody names the thing."""
    max_chars: int = 8
    """A longer name is no way to speak of a thing in chat."""
    never: list[str] = Field(default_factory=list)
    """A name from the order that holds one of these is not used: it comes from outside and must not speak for us."""
    strip: list[str] = Field(default_factory=list)
    """Words in front of a thing that a reply leaves out (二手, 定制)."""
    suffixes: str = ""
    """Last characters that say nothing of the thing (the 子 of 椅子)."""
    classes: list[GoodsClass] = Field(default_factory=list)

    @cached_property
    def unfit(self) -> re.Pattern[str]:
        """What a name must not hold."""
        return re.compile("|".join(map(re.escape, self.never)) or r"(?!)")
