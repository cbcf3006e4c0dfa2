"""Locations, and the stocks that lie elsewhere than at the main one; every movement and stock before was there.

No row of items or movements is written: a movement without a location was at the main one, and what no other has is
there.
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from models.database.column_types import UtcTime, exact_text

revision = "0015"
down_revision = "0014"

ELSEWHERE = "elsewhere >= 0 AND elsewhere <= quantity"
AT_ANOTHER = sa.text("location_id IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "locations",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("code", exact_text(64), nullable=False),
        sa.Column("code_key", exact_text(192), nullable=False),
        sa.Column("name", exact_text(200), nullable=False),
        sa.Column("is_default", sa.Boolean()),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.UniqueConstraint("code_key", name="uq_locations_code_key"),
        sa.UniqueConstraint("is_default", name="uq_locations_is_default"),
    )
    op.create_table(
        "stocks",
        sa.Column("item_id", sa.Integer(), sa.ForeignKey("items.id", name="fk_stocks_item_id"), primary_key=True),
        sa.Column(
            "location_id", sa.Integer(), sa.ForeignKey("locations.id", name="fk_stocks_location_id"), primary_key=True
        ),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity >= 0", name="quantity"),
        sa.CheckConstraint("location_id <> 1", name="location_id"),
    )
    op.create_index("ix_stocks_location_id", "stocks", ["location_id", "item_id"])
    op.create_table(
        "stock_settings",
        sa.Column(
            "item_id", sa.Integer(), sa.ForeignKey("items.id", name="fk_stock_settings_item_id"), primary_key=True
        ),
        sa.Column(
            "location_id",
            sa.Integer(),
            sa.ForeignKey("locations.id", name="fk_stock_settings_location_id"),
            primary_key=True,
        ),
        sa.Column("reorder_level", sa.Integer()),
        sa.Column("bin", exact_text(100), nullable=False),
        sa.CheckConstraint("reorder_level >= 0", name="reorder_level"),
    )
    op.create_index("ix_stock_settings_location_id", "stock_settings", ["location_id", "item_id"])
    _create_main()
    _add_elsewhere()
    op.add_column("movements", sa.Column("location_quantity_after", sa.Integer()))
    _add_location()


def _create_main() -> None:
    locations = sa.table(
        "locations",
        *(sa.column(name) for name in ("id", "code", "code_key", "name", "is_default", "archived", "version")),
        *(sa.column(name, UtcTime()) for name in ("created_at", "updated_at")),
    )
    at = datetime.now(UTC)
    main = {"code": "MAIN", "code_key": "main", "name": "", "is_default": True, "archived": False, "version": 1}
    op.bulk_insert(locations, [{**main, "created_at": at, "updated_at": at}])


def _add_elsewhere() -> None:
    column = "ALTER TABLE items ADD COLUMN elsewhere INTEGER NOT NULL DEFAULT 0"
    comma = ", ADD" if op.get_bind().dialect.name == "mysql" else ""  # there, a column's check knows no other column
    op.execute(f"{column}{comma} CONSTRAINT ck_items_elsewhere CHECK ({ELSEWHERE})")


def _add_location() -> None:
    """Add the location of movements with its foreign key, which MariaDB would copy the table for if it checked it."""
    constraint = "CONSTRAINT fk_movements_location_id"
    if op.get_bind().dialect.name == "mysql":
        op.execute("ALTER TABLE movements ADD COLUMN location_id INTEGER")
        op.execute("ALTER TABLE movements ADD INDEX ix_movements_location_id (location_id, id)")
        op.execute("SET foreign_key_checks = 0")
        op.execute(f"ALTER TABLE movements ADD {constraint} FOREIGN KEY (location_id) REFERENCES locations (id)")
        op.execute("SET foreign_key_checks = 1")
        return
    op.execute(f"ALTER TABLE movements ADD COLUMN location_id INTEGER {constraint} REFERENCES locations (id)")
    op.create_index(
        "ix_movements_location_id",
        "movements",
        ["location_id", "id"],
        sqlite_where=AT_ANOTHER,
        postgresql_where=AT_ANOTHER,
    )


def downgrade() -> None:
    """Remove locations; what lies elsewhere is then a part of its item's quantity as before."""
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint(op.f("fk_movements_location_id"), "movements", type_="foreignkey")
    op.drop_index("ix_movements_location_id", "movements")
    op.drop_column("movements", "location_id")
    op.drop_column("movements", "location_quantity_after")
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint(op.f("ck_items_elsewhere"), "items", type_="check")
    op.drop_column("items", "elsewhere")
    for table in ("stock_settings", "stocks", "locations"):
        op.drop_table(table)
