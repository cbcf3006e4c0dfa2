"""Addresses compare in one Unicode form (NFC), as SKUs and names do; of two that become one, the later keeps its key."""

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

users = sa.table("users", sa.column("id"), sa.column("email"), sa.column("email_key"))


def upgrade() -> None:
    connection = op.get_bind()
    found = connection.execute(sa.select(users).where(users.c.email.is_not(None)).order_by(users.c.id)).all()
    keys = {user.email_key for user in found}
    for user in found:
        key = unicodedata.normalize("NFC", unicodedata.normalize("NFC", user.email).casefold())
        if key not in keys:
            keys = keys - {user.email_key} | {key}
            connection.execute(sa.update(users).where(users.c.id == user.id).values(email_key=key))


def downgrade() -> None:
    """Leave the keys: every version finds an address by the key that it has."""
