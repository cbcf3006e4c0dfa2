"""Transfers, reservations and what goods cost, and the location of what is on its way.

No row of items or movements is written, nor is `movements` copied: it has ten million rows.
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError

from models.database.column_types import Money, UtcTime, exact_text

revision = "0016"
down_revision = "0015"

KINDS = "'receive', 'issue', 'adjust', 'count', 'opening', 'reversal'"
MORE_KINDS = f"{KINDS}, 'transfer_out', 'transfer_in'"
IN_TRANSIT_ID = -1
# What movements refer to, and the table that this is in.
REFERENCES = {"transfer_id": "transfers", "reservation_id": "reservations"}


def upgrade() -> None:
    _create_in_transit()
    _create_transfers()
    _create_reservations()
    op.add_column("items", sa.Column("reserving", sa.Boolean(), server_default=sa.false(), nullable=False))
    for column, table in REFERENCES.items():
        _add_reference(column, table)
    _add_unit_cost()
    _allow_kinds(KINDS, MORE_KINDS)


def _create_in_transit() -> None:
    """Add the location; one that has its code already, which nothing forbade, gets another."""
    locations = sa.table(
        "locations",
        *(sa.column(name) for name in ("id", "code", "code_key", "name", "is_default", "archived", "version")),
        *(sa.column(name, UtcTime()) for name in ("created_at", "updated_at")),
    )
    taken = sa.update(locations).where(locations.c.code_key == "in_transit")
    op.execute(taken.values(code="IN_TRANSIT (before)", code_key="in_transit (before)"))
    at = datetime.now(UTC)
    row = {"code": "IN_TRANSIT", "code_key": "in_transit", "name": "", "is_default": None, "archived": False}
    op.bulk_insert(locations, [{"id": IN_TRANSIT_ID, **row, "version": 1, "created_at": at, "updated_at": at}])


def _reference(table: str, column: str, to: str) -> sa.Column[int]:
    foreign_key = sa.ForeignKey(f"{to}.id", name=f"fk_{table}_{column}")
    return sa.Column(column, sa.Integer(), foreign_key, nullable=False)


def _create_transfers() -> None:
    op.create_table(
        "transfers",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        _reference("transfers", "from_id", "locations"),
        _reference("transfers", "to_id", "locations"),
        sa.Column("reason", exact_text(500), nullable=False),
        sa.Column("reference", exact_text(100), nullable=False),
        sa.Column("reversed", sa.Boolean(), nullable=False),
        _reference("transfers", "user_id", "users"),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.CheckConstraint("state IN ('in_transit', 'partly_received', 'received')", name="state"),
        sa.CheckConstraint("from_id <> to_id", name="to_id"),
    )
    for columns in (["state", "id"], ["from_id", "id"], ["to_id", "id"], ["reference"]):
        op.create_index(f"ix_transfers_{'_'.join(columns)}", "transfers", columns)
    op.create_table(
        "transfer_lines",
        sa.Column(
            "transfer_id",
            sa.Integer(),
            sa.ForeignKey("transfers.id", name="fk_transfer_lines_transfer_id"),
            primary_key=True,
        ),
        sa.Column("line", sa.Integer(), primary_key=True, autoincrement=False),
        _reference("transfer_lines", "item_id", "items"),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("quantity", "received", "returned", "damaged")),
        sa.CheckConstraint("received >= 0 AND returned >= 0 AND damaged >= 0", name="arrived"),
        sa.CheckConstraint("received + returned + damaged <= quantity", name="quantity"),
    )
    op.create_index("ix_transfer_lines_item_id", "transfer_lines", ["item_id"])


def _create_reservations() -> None:
    op.create_table(
        "reservations",
        sa.Column("id", sa.Integer(), primary_key=True),
        _reference("reservations", "item_id", "items"),
        _reference("reservations", "location_id", "locations"),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("open", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("expires_at", UtcTime()),
        sa.Column("reason", exact_text(500), nullable=False),
        sa.Column("reference", exact_text(100), nullable=False),
        _reference("reservations", "user_id", "users"),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.CheckConstraint("state IN ('open', 'fulfilled', 'released', 'expired')", name="state"),
        sa.CheckConstraint("open >= 0 AND open <= quantity", name="open"),
    )
    is_open = sa.text("state = 'open'")
    op.create_index(
        "ix_reservations_open",
        "reservations",
        ["item_id", "state", "location_id"],
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    op.create_index("ix_reservations_expires_at", "reservations", ["state", "expires_at"])
    op.create_index("ix_reservations_item_id_id", "reservations", ["item_id", "id"])
    op.create_index("ix_reservations_reference", "reservations", ["reference"])


def _add_reference(column: str, to: str) -> None:
    """Add a column to movements with its foreign key, which MariaDB would copy the table for if it checked it."""
    index, name = f"ix_movements_{column}", f"fk_movements_{column}"
    if op.get_bind().dialect.name == "mysql":
        op.execute(f"ALTER TABLE movements ADD COLUMN {column} INTEGER")
        op.execute(f"ALTER TABLE movements ADD INDEX {index} ({column})")
        op.execute("SET foreign_key_checks = 0")
        op.execute(f"ALTER TABLE movements ADD CONSTRAINT {name} FOREIGN KEY ({column}) REFERENCES {to} (id)")
        op.execute("SET foreign_key_checks = 1")
        return
    op.execute(f"ALTER TABLE movements ADD COLUMN {column} INTEGER CONSTRAINT {name} REFERENCES {to} (id)")
    some = sa.text(f"{column} IS NOT NULL")
    op.create_index(index, "movements", [column], sqlite_where=some, postgresql_where=some)


def _add_unit_cost() -> None:
    """Add the column with its check."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"ALTER TABLE movements ADD COLUMN unit_cost BIGINT {_check('unit_cost', 'unit_cost >= 0')}")
        return
    op.add_column("movements", sa.Column("unit_cost", Money()))
    _replace_check("unit_cost", "BIGINT", "unit_cost >= 0")


def _allow_kinds(before: str, after: str) -> None:
    """Replace the check of the kinds; only PostgreSQL reads the rows once more, a second for some millions."""
    if op.get_bind().dialect.name == "sqlite":
        _rewrite_check(before, after)
    else:
        _replace_check("kind", "VARCHAR(16) NOT NULL", f"kind IN ({after})")


def _check(column: str, condition: str) -> str:
    return f"CONSTRAINT ck_movements_{column} CHECK ({condition})"


def _replace_check(column: str, type_: str, condition: str) -> None:
    """Give a column this check and no other. MariaDB changes that of a column at once, and copies the table for others.

    https://mariadb.com/kb/en/innodb-online-ddl-operations-with-the-instant-alter-algorithm/
    """
    for name in (f"ck_movements_{column}", f"ck_movements_ck_movements_{column}"):  # as the first migration named it
        op.execute(f"ALTER TABLE movements DROP CONSTRAINT IF EXISTS {name}")
    if op.get_bind().dialect.name == "mysql":
        op.execute("SET check_constraint_checks = 0")
        op.execute(f"ALTER TABLE movements MODIFY {column} {type_} CHECK ({condition}), ALGORITHM = INSTANT")
        op.execute("SET check_constraint_checks = 1")
    else:
        op.execute(f"ALTER TABLE movements ADD {_check(column, condition)}")


def _rewrite_check(before: str, after: str) -> None:
    """Change the text of a check of SQLite, which changes nothing of what is stored.

    That is the procedure for a change of constraints in https://www.sqlite.org/lang_altertable.html#otheralter.
    """
    connection = op.get_bind()
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    connection.exec_driver_sql(
        "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = 'movements'",
        (f"kind IN ({before})", f"kind IN ({after})"),
    )
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")


def downgrade() -> None:
    """Remove all of it; raises CommandError where something was transferred, which the ledger can't forget."""
    if op.get_bind().exec_driver_sql("SELECT COUNT(*) FROM transfers").scalar_one():
        raise CommandError("There are transfers, which the schema before this one can't keep.")
    for column in REFERENCES:
        if op.get_bind().dialect.name != "sqlite":
            op.drop_constraint(op.f(f"fk_movements_{column}"), "movements", type_="foreignkey")
        op.drop_index(f"ix_movements_{column}", "movements")
        op.drop_column("movements", column)
    _allow_kinds(MORE_KINDS, KINDS)
    op.drop_column("movements", "unit_cost")
    op.drop_column("items", "reserving")
    for table in ("reservations", "transfer_lines", "transfers"):
        op.drop_table(table)
    locations = sa.table("locations", sa.column("id"))
    op.execute(sa.delete(locations).where(locations.c.id == IN_TRANSIT_ID))
