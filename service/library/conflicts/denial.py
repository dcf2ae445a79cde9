"""Whether a sentence means the words that stand in it, forbids them, or only shows what is not to be said."""

from __future__ import annotations

from service.library.conflicts.statements import Statement
from service.library.conflicts.topics import Topics
from service.rulebook.frames import FrameMatch, Frames
from service.text.negation import denied, denies

_REACH = 14
"""Characters before the words in which what forbids them stands."""
_BEHIND = 20
"""Characters behind them."""


class Denial:
    """Reads what forbids; remembers what headings say."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self._above: dict[tuple[str, str], bool] = {}

    def told(self, statement: Statement) -> bool:
        """Whether the sentence only tells what happens or what others think."""
        return self._topics.told.hold(statement.text) or any(
            self.holds("told", self._topics.told_above, words) for words in statement.above
        )

    def holds(self, name: str, frames: Frames, above: str) -> bool:
        """Whether frames, known by a name, hold in a heading."""
        key = (name, above)
        if key not in self._above:
            self._above[key] = frames.hold(above)
        return self._above[key]

    def forbidden(self, statement: Statement, match: FrameMatch, denying: bool) -> bool:
        """Whether the words are forbidden, denied, or shown as an example of what not to say.

        Args:
            statement: the sentence.
            match: the words.
            denying: whether they are looked for with a denial of their own, which stands where it may.
        """
        reading, text = self._topics.reading, statement.text
        negative = denies(text[match.start])
        if any(start < match.end <= end and not (negative and match.start < start) for start, end in statement.bad):
            return True
        first, last = statement.clause(match.start)
        before = text[max(first, match.start - _REACH) : match.start]
        if negative:  # it forbids by itself: nothing but words about words takes it back
            return any(word in before for word in reading.bad_says)
        if self._before(before, text[match.start]) or denied(text[first:last], match.start - first):
            return True
        if not denying and self._topics.forbids.hold(text[match.start : match.end]):
            return True
        if self._after(text, match.end, statement.clause(match.end - 1)[1]):
            return True
        turned = any(turn in text[first:last] for turn in reading.turns)
        return not turned and any(
            self.holds("forbids", self._topics.forbids_above, words) for words in statement.above[:1]
        )

    def _before(self, before: str, following: str) -> bool:
        """Whether what forbids stands before the words and nothing turns it off in between."""
        whole = before + following
        for turn in self._topics.reading.turns:
            whole = whole.rpartition(turn)[2]
        return self._topics.forbids.hold(whole[:-1])

    def _after(self, text: str, end: int, clause: int) -> bool:
        """Whether what forbids stands behind the words, in their clause or right at the start of the next."""
        reading = self._topics.reading
        if any(word in text[end : min(end + _BEHIND, clause)] for word in reading.forbids_after):
            return True
        following = text[clause + 1 : clause + 1 + _BEHIND]
        leads = ("", *reading.forbids_after_by)
        return any(following.startswith(tuple(lead + word for word in reading.forbids_after)) for lead in leads)
