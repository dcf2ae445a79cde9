"""Which of a PDF page's letters can be seen, and what is drawn beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Matrix = tuple[float, float, float, float, float, float]
Box = tuple[float, float, float, float]
Operation = tuple[Any, bytes]

_UNIT: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
_SHOWING = (b"Tj", b"TJ", b"'", b'"')
_FILLING = (b"f", b"F", b"f*", b"B", b"B*", b"b", b"b*")
_ENDING = (*_FILLING, b"S", b"s", b"n")
_INVISIBLE = (3, 7)
_WHITE = 0.97
_TINY = 1.5
"""Points; the smallest print in contracts is about four."""
_THIN = 2.0
_LONG = 12.0


@dataclass(slots=True)
class _State:
    matrix: Matrix = _UNIT
    white: bool = False
    mode: int = 0
    size: float = 12.0


@dataclass(slots=True)
class Ink:
    """A page's operations, told apart.

    Attributes:
        seen: all operations but the hidden letters.
        hidden: all operations but the seen letters; None when nothing is hidden.
        pictures: how many are placed on the page.
        across: horizontal rules, as the heights they stand at.
        down: vertical rules, as the places they stand at.
    """

    seen: list[Operation] = field(default_factory=list)
    hidden: list[Operation] | None = None
    pictures: int = 0
    across: list[float] = field(default_factory=list)
    down: list[float] = field(default_factory=list)
    recognised: bool = False


class _Walk:
    """Follows the graphics state through a page's operations."""

    def __init__(self, page: Box, pictures: frozenset[str]) -> None:
        self.page, self.names = page, pictures
        self.state, self.stack = _State(), list[_State]()
        self.line, self.at, self.leading = _UNIT, _UNIT, 0.0
        self.path: list[Box] = []
        self.point: tuple[float, float] | None = None
        self.dark: list[Box] = []
        self.ink = Ink()
        self.shown = self.invisible = 0

    def step(self, operands: Sequence[Any], operator: bytes) -> bool:
        """Take one operation; True when it shows letters nobody sees."""
        state = self.state
        if operator == b"q":
            self.stack.append(_State(state.matrix, state.white, state.mode, state.size))
        elif operator == b"Q":
            self.state = self.stack.pop() if self.stack else state
        elif operator == b"cm" and len(operands) == 6:
            state.matrix = _times(_matrix(operands), state.matrix)
        elif operator in (b"rg", b"g", b"k", b"sc", b"scn"):
            state.white = _is_white(operands, operator)
        elif operator == b"Do":
            self._draw(str(operands[0]) if operands else "")
        elif operator == b"sh":
            self.dark.append(self.page)
        elif operator in (b"re", b"m", b"l", b"c", b"v", b"y", b"h"):
            self._trace([float(number) for number in operands], operator)
        elif operator in _ENDING:
            self._paint(operator)
        else:
            return self._letters(operands, operator)
        return False

    def _letters(self, operands: Sequence[Any], operator: bytes) -> bool:
        if operator == b"BT":
            self.line = self.at = _UNIT
        elif operator == b"Tr":
            self.state.mode = int(operands[0])
        elif operator == b"Tf":
            self.state.size = abs(float(operands[1]))
        elif operator == b"TL":
            self.leading = float(operands[0])
        elif operator == b"Tm":
            self.line = self.at = _matrix(operands)
        elif operator in (b"Td", b"TD"):
            if operator == b"TD":
                self.leading = -float(operands[1])
            self.line = self.at = _times((1, 0, 0, 1, float(operands[0]), float(operands[1])), self.line)
        elif operator == b"T*":
            self.line = self.at = _times((1, 0, 0, 1, 0, -self.leading), self.line)
        elif operator in _SHOWING:
            self.shown += 1
            self.invisible += self.state.mode in _INVISIBLE
            return self._unseen()
        return False

    def _unseen(self) -> bool:
        placed = _times(self.at, self.state.matrix)
        x, y = placed[4], placed[5]
        left, bottom, right, top = self.page
        if self.state.mode in _INVISIBLE or not (left - 1 <= x <= right + 1 and bottom - 1 <= y <= top + 1):
            return True
        if self.state.size * max(abs(placed[0]), abs(placed[1]), abs(placed[2]), abs(placed[3])) < _TINY:
            return True
        return self.state.white and not any(
            a <= x + 1 and x - 1 <= c and b <= y + 1 and y - 1 <= d for a, b, c, d in self.dark
        )

    def _draw(self, name: str) -> None:
        if name in self.names:
            self.ink.pictures += 1
        self.dark.append(_box([_moved(self.state.matrix, x, y) for x, y in ((0, 0), (1, 0), (0, 1), (1, 1))]))

    def _trace(self, numbers: list[float], operator: bytes) -> None:
        if operator == b"re" and len(numbers) == 4:
            x, y, wide, high = numbers
            corners = [_moved(self.state.matrix, a, b) for a, b in ((x, y), (x + wide, y + high))]
            self.path.append(_box(corners))
            return
        if len(numbers) < 2:
            return
        point = _moved(self.state.matrix, numbers[-2], numbers[-1])
        if operator != b"m" and self.point is not None:
            self.path.append(_box([self.point, point]))
        self.point = point

    def _paint(self, operator: bytes) -> None:
        for box in self.path if operator != b"n" else ():
            wide, high = box[2] - box[0], box[3] - box[1]
            if high <= _THIN and wide >= _LONG:
                self.ink.across.append((box[1] + box[3]) / 2)
            elif wide <= _THIN and high >= _LONG:
                self.ink.down.append((box[0] + box[2]) / 2)
            elif operator not in _FILLING and wide >= _LONG and high >= _THIN * 3:
                self.ink.across.extend((box[1], box[3]))
                self.ink.down.extend((box[0], box[2]))
        if operator in _FILLING and not self.state.white and self.path:
            self.dark.append(
                (
                    min(b[0] for b in self.path),
                    min(b[1] for b in self.path),
                    max(b[2] for b in self.path),
                    max(b[3] for b in self.path),
                )
            )
        self.path, self.point = [], None


def look(operations: Sequence[Operation], page: Box, pictures: frozenset[str]) -> Ink:
    """Tell the seen letters of a page from the hidden ones.

    Letters are hidden that are drawn in no ink, in white on nothing dark, under a point and a half, or off the page.
    Where every letter is drawn in no ink over a picture, the page was scanned and recognised: they are its text.

    Args:
        operations: the page's, as pypdf gives them.
        page: its visible box in points.
        pictures: names of the page's images.
    """
    walk = _Walk(page, pictures)
    unseen = [walk.step(operands, operator) for operands, operator in operations]
    ink = walk.ink
    ink.recognised = bool(walk.shown and walk.invisible == walk.shown and ink.pictures)
    if ink.recognised or not any(unseen):
        ink.seen = list(operations)
        return ink
    ink.seen = [operation for operation, off in zip(operations, unseen, strict=True) if not off]
    ink.hidden = [op for op, off in zip(operations, unseen, strict=True) if off or op[1] not in _SHOWING]
    return ink


def _is_white(operands: Sequence[Any], operator: bytes) -> bool:
    numbers = [float(number) for number in operands if isinstance(number, (int, float))]
    if operator == b"k" or len(numbers) == 4:
        return len(numbers) == 4 and max(numbers) <= 1 - _WHITE
    return bool(numbers) and len(numbers) in (1, 3) and min(numbers) >= _WHITE


def _matrix(operands: Sequence[Any]) -> Matrix:
    a, b, c, d, e, f = (float(number) for number in operands)
    return (a, b, c, d, e, f)


def _times(one: Matrix, other: Matrix) -> Matrix:
    a, b, c, d, e, f = one
    g, h, i, j, k, m = other
    return (a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m)


def _moved(matrix: Matrix, x: float, y: float) -> tuple[float, float]:
    return (x * matrix[0] + y * matrix[2] + matrix[4], x * matrix[1] + y * matrix[3] + matrix[5])


def _box(points: Sequence[tuple[float, float]]) -> Box:
    across, up = [point[0] for point in points], [point[1] for point in points]
    return (min(across), min(up), max(across), max(up))
