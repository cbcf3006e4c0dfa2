"""The tables of items, their tags, movements, users and API tokens."""

import sqlalchemy as sa
from alembic import op

from models.database.column_types import Json, LongId, Money, UtcTime, exact_text, long_text

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("username", exact_text(64), nullable=False),
        sa.Column("username_key", exact_text(64), nullable=False),
        sa.Column("email", exact_text(254)),
        sa.Column("email_key", exact_text(254)),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.UniqueConstraint("username_key", name="uq_users_username_key"),
        sa.UniqueConstraint("email_key", name="uq_users_email_key"),
        sa.CheckConstraint("role IN ('guest', 'member', 'admin')", name="ck_users_role"),
    )
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("user_id", sa.Integer(), sa.ForeignKey("users.id", name="fk_api_tokens_user_id"), nullable=False),
        sa.Column("name", exact_text(100), nullable=False),
        sa.Column("prefix", sa.String(16), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("scopes", Json(), nullable=False),
        sa.Column("expires_in_days", sa.Integer()),
        sa.Column("expires_at", UtcTime()),
        sa.Column("revoked_at", UtcTime()),
        sa.Column("last_used_at", UtcTime()),
        sa.Column("last_used_ip", sa.String(45)),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.UniqueConstraint("hash", name="uq_api_tokens_hash"),
    )
    op.create_index("ix_api_tokens_user_id", "api_tokens", ["user_id"])
    op.create_table(
        "items",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("sku", exact_text(64), nullable=False),
        sa.Column("sku_key", exact_text(192), nullable=False),
        sa.Column("name", exact_text(200), nullable=False),
        sa.Column("name_key", exact_text(200), nullable=False),
        sa.Column("description", long_text(), nullable=False),
        sa.Column("unit", exact_text(32), nullable=False),
        sa.Column("price", Money(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("reorder_level", sa.Integer()),
        sa.Column("location", exact_text(100), nullable=False),
        sa.Column("barcode", exact_text(64)),
        sa.Column("tags", Json(), nullable=False),
        sa.Column("attributes", Json(), nullable=False),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.Column("search_text", long_text(), nullable=False),
        sa.UniqueConstraint("sku_key", name="uq_items_sku_key"),
        sa.UniqueConstraint("barcode", name="uq_items_barcode"),
        sa.CheckConstraint("quantity >= 0 AND quantity <= 1000000000", name="ck_items_quantity"),
        sa.CheckConstraint("price >= 0 AND price <= 9999999999999", name="ck_items_price"),
        sa.CheckConstraint("reorder_level >= 0 AND reorder_level <= 1000000000", name="ck_items_reorder_level"),
    )
    op.create_index("ix_items_by_id", "items", ["archived", "id"])
    for column in ("sku_key", "name_key", "price", "quantity", "location", "created_at", "updated_at"):
        op.create_index(f"ix_items_by_{column}", "items", ["archived", column, "id"])
    op.create_table(
        "item_tags",
        sa.Column("item_id", sa.Integer(), sa.ForeignKey("items.id", name="fk_item_tags_item_id"), primary_key=True),
        sa.Column("tag", exact_text(50), primary_key=True),
    )
    op.create_index("ix_item_tags_tag_item_id", "item_tags", ["tag", "item_id"])
    op.create_table(
        "movements",
        sa.Column("id", LongId, primary_key=True),
        sa.Column("item_id", sa.Integer(), sa.ForeignKey("items.id", name="fk_movements_item_id"), nullable=False),
        sa.Column("user_id", sa.Integer(), sa.ForeignKey("users.id", name="fk_movements_user_id"), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("delta", sa.Integer(), nullable=False),
        sa.Column("quantity_after", sa.Integer(), nullable=False),
        sa.Column("reason", exact_text(500), nullable=False),
        sa.Column("reference", exact_text(100), nullable=False),
        sa.Column("reverses_id", LongId, sa.ForeignKey("movements.id", name="fk_movements_reverses_id")),
        sa.Column("occurred_at", UtcTime(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.UniqueConstraint("reverses_id", name="uq_movements_reverses_id"),
        sa.CheckConstraint(
            "kind IN ('receive', 'issue', 'adjust', 'count', 'opening', 'reversal')", name="ck_movements_kind"
        ),
        sa.CheckConstraint("quantity_after >= 0", name="ck_movements_quantity_after"),
    )
    for columns in (("item_id", "id"), ("item_id", "occurred_at"), ("user_id",), ("reference",), ("occurred_at",)):
        op.create_index(f"ix_movements_{'_'.join(columns)}", "movements", list(columns))


def downgrade() -> None:
    for table in ("movements", "item_tags", "items", "api_tokens", "users"):
        op.drop_table(table)
