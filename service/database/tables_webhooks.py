"""Where events are sent, and what is still to be sent: the outbox. See ``tables``."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Index, Integer, String, Table, Text

from service.database.tables import UtcTime, metadata

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("shop", String(64), nullable=False),
    Column("format", String(10), nullable=False),  # youli | feishu | dingtalk | wecom
    Column("events", JSON, nullable=False),
    Column("shown", String(300), nullable=False),  # the address without what only its owner may know
    Column("sealed", Text, nullable=False),  # address and secret, encrypted
    Column("active", Boolean, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", String(128), nullable=False),
    Index(None, "shop", "active"),
)
"""Who wants to hear of what."""

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("webhook", String(40), nullable=False),
    Column("shop", String(64), nullable=False),
    Column("event_id", String(80), nullable=False),
    Column("event", String(40), nullable=False),
    Column("body", JSON, nullable=False),  # ids and counts only
    Column("state", String(10), nullable=False),  # waiting | delivered | dead
    Column("attempts", Integer, nullable=False),
    Column("next_at", UtcTime, nullable=False),
    Column("leased_until", UtcTime),  # somebody is at it until then
    Column("status", Integer),  # of the last answer
    Column("error", String(40)),  # of the last attempt
    Column("created_at", UtcTime, nullable=False),
    Column("give_up_at", UtcTime, nullable=False),
    Column("done_at", UtcTime),
    Index("uq_deliveries_webhook_event_id", "webhook", "event_id", unique=True),
    Index(None, "state", "next_at"),
    Index(None, "shop", "webhook", "id"),
)
"""One row an event and hook, written in the transaction of the event itself: what is committed is told, or waits."""
