"""Who is acting: set once where a request comes in, read wherever something is written down or decided by role.

A context variable rather than an argument: between the door and the row that is written lie layers that have no
business with keys. Work that moves to another task (the database's writer) takes it along where it is submitted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

Role = Literal["agent", "qa", "editor", "admin"]
ContextRole = Literal["agent", "lead", "manager"]

ANY_SHOP = "*"
"""The shop of a key that may act for every shop."""


@dataclass(frozen=True, slots=True)
class Acting:
    """A caller as the doors know it."""

    key: str
    """Id of the key (``key_…``), ``oidc:`` and a digest of the subject, or ``local`` where there are no keys."""
    role: Role
    shop: str
    """The one shop it acts for, or :data:`ANY_SHOP`."""
    context_role: ContextRole
    """The highest ``context.role`` it may state: whose grants apply."""
    request: str = ""
    """The request's id; empty for the command line."""


LOCAL = Acting("local", "admin", ANY_SHOP, "manager")
"""The person at this machine: the command line, and the doors while ``YOULI_AUTH=off``."""

_acting: ContextVar[Acting] = ContextVar("acting", default=LOCAL)


def acting() -> Acting:
    """Who acts in this context; :data:`LOCAL` unless a door said otherwise."""
    return _acting.get()


@contextmanager
def act_as(who: Acting) -> Iterator[None]:
    """Act as somebody for the time of the block."""
    token = _acting.set(who)
    try:
        yield
    finally:
        _acting.reset(token)
