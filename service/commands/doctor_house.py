"""The doctor's look at the machine and at the settings that have to fit each other: nothing is asked of anybody."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from ipaddress import ip_network

from service.commands.words import word
from service.settings import Settings

Seen = tuple[str, str, str]
"""Part, state and text of a line."""

FILES = 4096
"""Descriptors below which two hundred agents' connections, models and databases may not fit."""
SECRET_CHARS = 32
AMPLE = 5
"""Times the room that must be left from which on there is enough."""


def look_at_house(settings: Settings) -> Iterator[Seen]:
    """Workers, proxies, secret, retention, descriptors, disk."""
    yield _workers(settings)
    yield _proxies(settings)
    yield _secret(settings)
    days = settings.retention_days
    yield "retention", "ok", _say("retention" if days else "retention_never", days=days)
    yield from _files()
    yield _disk(settings)


def _say(name: str, **parameters: object) -> str:
    return word("doctor", name, **parameters)


def _workers(settings: Settings) -> Seen:
    needed = {
        "YOULI_DATABASE_URL": settings.database_url,
        "YOULI_CHROMA_URL": settings.chroma_url,
        "YOULI_REDIS_URL": settings.redis_url,
    }
    missing = [name for name, value in needed.items() if value is None]
    if settings.workers > 1 and missing:
        return "workers", "broken", _say("workers_alone", count=settings.workers, missing="、".join(missing))
    return "workers", "ok", _say("workers", count=settings.workers)


def _proxies(settings: Settings) -> Seen:
    """Networks that were written down; whether they are any is checked when the settings are taken."""
    given = [part.strip() for part in settings.trusted_proxies.split(",") if part.strip()]
    if not given:
        return "proxies", "ok", _say("proxies_none")
    try:
        wide = [part for part in given if ip_network(part, strict=False).prefixlen == 0]
    except ValueError:
        return "proxies", "broken", _say("proxies_wrong", given=settings.trusted_proxies[:80])
    if wide:
        return "proxies", "gate", _say("proxies_wide", given="、".join(wide))
    return "proxies", "ok", _say("proxies", given="、".join(given[:5]))


def _secret(settings: Settings) -> Seen:
    if settings.secret is None:
        return "secret", "ok", _say("secret_own")
    if len(settings.secret.get_secret_value()) < SECRET_CHARS:
        return "secret", "note", _say("secret_short", least=SECRET_CHARS)
    return "secret", "ok", _say("secret")


def _files() -> Iterator[Seen]:
    if sys.platform == "win32":
        return
    import resource

    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    many = limit == resource.RLIM_INFINITY or limit >= FILES
    yield "files", "ok" if many else "note", _say("files" if many else "files_few", limit=limit, wanted=FILES)


def _disk(settings: Settings) -> Seen:
    from service.api.parts import free_bytes

    free, wanted = free_bytes(settings.data_dir) // 2**20, settings.min_free_mb
    told = {"free": free, "wanted": wanted}
    if free < wanted:
        return "disk", "gate", _say("disk_short", **told)
    return (
        "disk",
        "note" if free < wanted * AMPLE else "ok",
        _say("disk_low" if free < wanted * AMPLE else "disk", **told),
    )
