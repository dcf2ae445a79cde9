"""Text to index terms: words of a dictionary that knows the trade, and pairs and triples of characters.

Words carry meaning, character n-grams catch what no dictionary has. Both are taken from the normalised text, so
traditional characters, full width and capitals do not matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

import rjieba

from service.text.normalise import normalise

_RUN = re.compile(r"[0-9a-z]+|[\u3400-\u4dbf\u4e00-\u9fff]+")
_FREQUENCY = 100_000


class Tokeniser:
    """Cuts text into terms.

    Args:
        words: words to know besides the built-in dictionary.
    """

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._jieba = rjieba.Jieba()
        for word in words:
            self._jieba.add_word(normalise(word).text, _FREQUENCY, "n")

    def terms(self, text: str) -> tuple[list[str], list[str]]:
        """Words and grams of a text.

        Words are the dictionary's, of two characters and more, with the shorter ones inside long ones; grams are the
        character pairs within runs of Han, a run of digits or Latin letters being one.
        """
        folded = normalise(text).text
        words = [word for word in self._jieba.cut_for_search(folded) if len(word) > 1 and _RUN.fullmatch(word)]
        grams: list[str] = []
        for run in _RUN.findall(folded):
            if run[0] < "\u3400":
                grams.append(run)
            else:
                grams.extend(run[i : i + 2] for i in range(len(run) - 1))
        return words, grams


@lru_cache(maxsize=4)
def tokeniser(words: tuple[str, ...]) -> Tokeniser:
    """The tokeniser that knows these words; its dictionary is built once a process."""
    return Tokeniser(words)
