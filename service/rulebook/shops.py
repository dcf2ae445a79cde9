"""Shop files: what one shop grants beyond law, to whom, and how it speaks (``knowledge/shops/*.yaml``)."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from service.errors import RulebookError, phrase
from service.rulebook.yamlfile import StrictModel, read_yaml
from service.schemas import Shop as ShopId

DEFAULT = "default"
"""The shop of an inquiry that names none."""


class Grant(StrictModel):
    """授权: what a role may give. ``amount`` in 元, ``text`` as it may stand in a reply."""

    amount: float | None = None
    text: str = ""
    valid_until: str = ""
    note: str = ""


class Escalation(StrictModel):
    """Who takes over and when an answer may be promised; empty means the reply names neither."""

    owner: str = ""
    due: str = ""


class ShopFile(StrictModel):
    """One shop. Everything empty means: only what law grants."""

    shop: ShopId
    name: str
    checked_on: str = ""
    tone: str = "neutral"
    particles: bool = True
    """Whether this shop calls its buyers 亲 at all, whatever the tone."""
    address: dict[str, str] = Field(default_factory=dict)
    terms: dict[str, float | str] = Field(default_factory=dict)
    """Terms by fact name, such as a longer no-reason window; never narrower than law."""
    grants: dict[str, dict[str, Grant]] = Field(default_factory=dict)
    """Grant name → role (agent, lead, manager) → what that role may give."""
    escalation: dict[str, Escalation] = Field(default_factory=dict)
    """Topic (``default`` among them) → who and when."""

    def grant(self, name: str, role: str) -> Grant | None:
        """What ``role`` may give of ``name``: its own line, else that of the nearest role below it."""
        roles = self.grants.get(name, {})
        for candidate in _AT_MOST[role]:
            if candidate in roles:
                return roles[candidate]
        return None

    def owner(self, topic: str = "default") -> Escalation:
        """Who answers for a topic."""
        return self.escalation.get(topic) or self.escalation.get("default") or Escalation()


_AT_MOST = {"agent": ("agent",), "lead": ("lead", "agent"), "manager": ("manager", "lead", "agent")}


def load_shops(folder: Path) -> dict[str, ShopFile]:
    """All shop files by shop id.

    Raises:
        RulebookError: a broken file, or none for ``default``.
    """
    shops: dict[str, ShopFile] = {}
    for path in sorted(folder.glob("*.yaml")):
        file = read_yaml(path)
        shop = file.parse(ShopFile)
        shops[shop.shop] = shop
    if DEFAULT not in shops:
        raise RulebookError(folder / f"{DEFAULT}.yaml", 0, phrase("shop_default_missing"))
    return shops
