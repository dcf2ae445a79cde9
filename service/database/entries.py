"""What is handed to the audit trail together with the work it is about."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from service.acting import Acting, acting

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")

_ID_SHAPED = re.compile(r"[!-~]{0,200}")
"""What an id, a version, a digest or a code looks like: printable ASCII without spaces. Sentences do not."""


class Words(str):
    """A person's words as a detail: what is written down is their keyed digest, never they themselves.

    Keyed with a secret of the database's own, because the replies of a desk are short and alike: whoever has a list of
    usual sentences could find out from a plain SHA-256 which of them was sent.
    """

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One deed, written in the transaction that does it: ids and digests, never a word of a buyer's or an agent's."""

    action: str
    """``object.deed`` in the past: ``draft.made``, ``document.published``, ``key.revoked``."""
    id: str
    """Of what it was done to."""
    shop: str
    details: Mapping[str, str | int | bool | None] = field(default_factory=dict)
    """Versions, counts, digests: ``knowledge_version``, ``prompt``, ``verdict``, ``sha256`` …

    A text that is not shaped like an id, and every :class:`Words`, is replaced by its keyed digest.
    """


_TOLD = "youli_told"


def listen(connection: AsyncConnection) -> list[Entry]:
    """What a piece of work that begins now on this connection will tell; see :func:`tell`."""
    told: list[Entry] = []
    connection.info[_TOLD] = told
    return told


def tell(connection: AsyncConnection, *entries: Entry) -> None:
    """Tell the trail of what is done on a connection of the writer's, from deep inside the work that does it."""
    connection.info[_TOLD].extend(entries)


Told = Sequence[Entry] | Callable[[T], Sequence[Entry]]
"""The entries of a piece of work, or what makes them out of its result where they are not known before."""


@dataclass(frozen=True, slots=True)
class Deed:
    """An entry with who did it."""

    entry: Entry
    who: Acting

    def details(self, digest: Callable[[str], str]) -> str:
        """The details as they are kept: JSON whose bytes are the same wherever it is made.

        Args:
            digest: makes the keyed digest of a text.
        """
        kept = {name: _shaped(value, digest) for name, value in self.entry.details.items()}
        return json.dumps(kept, sort_keys=True, separators=(",", ":"))


def deeds_of(entries: Sequence[Entry], who: Acting | None = None) -> list[Deed]:
    """Entries with who acts in this context.

    Raises:
        TypeError: a detail is neither text, whole number, truth value nor None.
    """
    for entry in entries:
        for name, value in entry.details.items():
            if not (value is None or isinstance(value, str | int)):
                raise TypeError(f"{entry.action}: {name} is a {type(value).__name__}")
    who = who or acting()
    return [Deed(entry, who) for entry in entries]


def _shaped(value: Any, digest: Callable[[str], str]) -> Any:
    if isinstance(value, Words) or (isinstance(value, str) and not _ID_SHAPED.fullmatch(value)):
        return digest(value)
    return value
