"""Alembic's entry: runs on the connection that :func:`service.database.session.Database.open` hands over."""

from alembic import context

import service.database.tables_access
import service.database.tables_audit
import service.database.tables_idempotency
import service.database.tables_proposals
import service.database.tables_servers
import service.database.tables_webhooks  # noqa: F401  # so that their tables are known
from service.database.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
