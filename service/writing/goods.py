"""What a reply calls the goods: the buyer's own word where it fits the order, else the order's, never a stray noun.

A buyer names many things (my socks are stained, the book in my bag got wet). What was bought is known from the
order's category, so a noun of his counts only when it can be that thing; ``knowledge/method.yaml`` says which
categories are classes (服饰) rather than things (羽绒服), and how their things end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from service.rulebook.goodsfile import GoodsClass, GoodsFile

_PARTS = re.compile(r"[-/>·、,，\s]+")
_NAME = re.compile(r"[A-Za-z]{0,2}[\u4e00-\u9fff]+")


@dataclass(frozen=True)
class GoodsNames:
    """Names goods by the file's rules."""

    entry: GoodsFile

    def name(self, category: str, product: str, said: Sequence[str]) -> str:
        """The name for a reply.

        Args:
            category: the order's category; the part after the last separator counts.
            product: the listing's title; its first word counts when it is short.
            said: the buyer's own nouns, in the order he said them.
        """
        title = self._plain((product.split() or [""])[0])
        kind = self._plain(_PARTS.split(category.strip())[-1])
        group = self._group(kind)
        if group is None and kind:
            fitting = [word for word in said if self._same(word, kind) or (title and self._same(word, title))]
            return next(iter(fitting), "") or title or kind
        ends = group.ends if group else ""
        fitting = [word for word in said if not ends or self._end(word) in ends]
        return next(iter(fitting), "") or title or (group.say if group else "") or self.entry.fallback

    def _plain(self, text: str) -> str:
        """The thing in an order's words, or nothing when they are no fit name."""
        for word in self.entry.strip:
            if len(text) > len(word):
                text = text.removeprefix(word)
        found = _NAME.match(text)
        name = found[0] if found else ""
        fits = len(name) <= self.entry.max_chars and not self.entry.unfit.search(name)
        return name if fits else ""

    def _group(self, kind: str) -> GoodsClass | None:
        classes = self.entry.classes
        return next((one for one in classes if kind.endswith(one.endings)), None)

    def _same(self, word: str, kind: str) -> bool:
        """Do two nouns mean one thing: one holds the other, or both end alike (椅子, 办公椅)?"""
        return word in kind or kind in word or self._end(word) == self._end(kind)

    def _end(self, word: str) -> str:
        core = word.rstrip(self.entry.suffixes) or word
        return core[-1:]
