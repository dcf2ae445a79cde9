"""Roles, what they may do, and what the team chose about keys: ``service/api/access.yaml``, read once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, get_args

from pydantic import Field

from service.acting import ContextRole, Role
from service.errors import phrase
from service.rulebook.yamlfile import StrictModel, YamlFile, read_yaml

FILE = Path(__file__).resolve().parent.parent / "api" / "access.yaml"
ORDER: tuple[ContextRole, ...] = get_args(ContextRole)
"""Whose grants go further, from the least to the most."""


class ScopeRule(StrictModel):
    """Operations that are opened together."""

    name: str
    operations: Annotated[list[str], Field(min_length=1)]


class RoleRule(StrictModel):
    """What keys of a role open, and whose grants they may use."""

    name: str
    scopes: Annotated[list[str], Field(min_length=1)]
    context_role: ContextRole
    """Where whoever makes a key says nothing."""
    highest: ContextRole
    """What a key of this role may be given at most."""


class AccessRules(StrictModel):
    """The file."""

    open: list[str]
    """Operations that answer somebody without a key, each in its own way."""
    shopless: list[str]
    """Operations that touch nothing of any shop."""
    all_shops: list[str]
    """Operations that tell of all shops at once: for keys of all shops only."""
    scopes: dict[str, ScopeRule]
    roles: dict[Role, RoleRule]
    key_days: Annotated[int, Field(ge=1, le=36_500)]
    report_minutes: Annotated[int, Field(ge=1, le=1_440)]
    claims: dict[str, Role]
    """The value of a token's role claim → role."""

    @cached_property
    def openers(self) -> Mapping[str, tuple[Role, ...]]:
        """Operation → the roles that may ask for it, as they stand in the file."""
        found: dict[str, list[Role]] = {}
        for role, rule in self.roles.items():
            for scope in rule.scopes:
                for operation in self.scopes[scope].operations:
                    found.setdefault(operation, []).append(role)
        return {operation: tuple(dict.fromkeys(roles)) for operation, roles in found.items()}

    @cached_property
    def named(self) -> frozenset[str]:
        """Every operation the file speaks of."""
        return frozenset(self.openers) | {name for scope in self.scopes.values() for name in scope.operations}

    def role_names(self, roles: Collection[Role]) -> str:
        """Roles as a person calls them."""
        return "、".join(self.roles[role].name for role in roles)


@cache
def access_rules() -> AccessRules:
    """The rules in force, read once a process.

    Raises:
        RulebookError: the file is broken, a role names a scope there is none of, or has a default above its highest.
    """
    file = read_yaml(FILE)
    rules = file.parse(AccessRules)
    _validate(file, rules)
    return rules


def _validate(file: YamlFile, rules: AccessRules) -> None:
    for name in get_args(Role):
        if name not in rules.roles:
            raise file.error(phrase("field_missing", field=name), "roles")
    for name, role in rules.roles.items():
        for place, scope in enumerate(role.scopes):
            if scope not in rules.scopes:
                raise file.error(phrase("access_no_scope_named", scope=scope), "roles", name, "scopes", place)
        if above(role.context_role, role.highest):
            raise file.error(phrase("access_role_above", role=name), "roles", name, "context_role")


def above(wanted: str, allowed: ContextRole) -> bool:
    """Whether a context role's grants go further than another's; one nobody knows is for others to refuse."""
    return wanted in ORDER and ORDER.index(wanted) > ORDER.index(allowed)
