"""The search index: the trigrams of every item's `search_text`, in tables of their own that triggers update.

So the index is right whoever writes, and the models never write to it. MariaDB has none, nor has a SQLite that is too
old: there a search compares every item. A migration that recreates the table `items`, as `batch_alter_table` does on
SQLite, drops its triggers and must create them again.
"""

import logging

from alembic import op

from models.stock.item_search import can_index

revision = "0006"
down_revision = "0005"

# The index stores neither the texts nor the positions of the trigrams in them, so it has a tenth of the size of the
# items. A write to it costs by the statement, not by the item: so the ids of changed items are first collected in
# `items_search_due`, and a hundred items are indexed at once. To remove an item from the index, FTS5 needs the text that
# was indexed; for an item that was not indexed yet it is NULL.
SQLITE = (
    """
    CREATE VIRTUAL TABLE items_search USING fts5(
        search_text, content='items', content_rowid='id', tokenize='trigram case_sensitive 1', detail=none, columnsize=0
    )
    """,
    "INSERT INTO items_search (items_search) VALUES ('rebuild')",
    "CREATE TABLE items_search_due (item_id INTEGER PRIMARY KEY, indexed TEXT)",
    """
    CREATE TRIGGER items_search_insert AFTER INSERT ON items BEGIN
        INSERT INTO items_search_due VALUES (new.id, NULL) ON CONFLICT DO NOTHING;
    END
    """,
    """
    CREATE TRIGGER items_search_update AFTER UPDATE OF search_text ON items WHEN old.search_text <> new.search_text
    BEGIN
        INSERT INTO items_search_due VALUES (old.id, old.search_text) ON CONFLICT DO NOTHING;
    END
    """,
    """
    CREATE TRIGGER items_search_delete AFTER DELETE ON items BEGIN
        INSERT INTO items_search_due VALUES (old.id, old.search_text) ON CONFLICT DO NOTHING;
    END
    """,
    """
    CREATE TRIGGER items_search_catch_up AFTER INSERT ON items_search_due
    WHEN (SELECT count(*) FROM items_search_due) >= 100
    BEGIN
        INSERT INTO items_search (items_search, rowid, search_text)
            SELECT 'delete', item_id, indexed FROM items_search_due WHERE indexed IS NOT NULL;
        INSERT INTO items_search (rowid, search_text)
            SELECT id, search_text FROM items WHERE id IN (SELECT item_id FROM items_search_due);
        DELETE FROM items_search_due;
    END
    """,
)
# A table of its own, because otherwise every movement would index all trigrams of its item again. The function replaces
# pg_trgm, which not every PostgreSQL has; its COST is so high that the planner never runs it over a whole table.
POSTGRESQL = (
    """
    CREATE OR REPLACE FUNCTION stockroom_pieces(words text) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 10000 AS $$
    DECLARE
        letters text[] := string_to_array(words, NULL);
    BEGIN
        RETURN ARRAY(
            SELECT DISTINCT (one || two || three) COLLATE "C"
            FROM unnest(letters, letters[2:], letters[3:]) AS piece (one, two, three) WHERE three IS NOT NULL
        );
    END $$
    """,
    'CREATE TABLE items_search (item_id integer PRIMARY KEY, search_text text COLLATE "C" NOT NULL)',
    "INSERT INTO items_search SELECT id, search_text FROM items",
    # A search scans the whole list of entries that are not merged into the index yet, so that list is kept short.
    """
    CREATE INDEX ix_items_search_pieces ON items_search USING gin (stockroom_pieces(search_text))
    WITH (gin_pending_list_limit = 1024)
    """,
    """
    CREATE OR REPLACE FUNCTION stockroom_follow_items() RETURNS trigger
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
    BEGIN
        IF TG_OP = 'TRUNCATE' THEN
            TRUNCATE items_search;
        ELSIF TG_OP = 'DELETE' THEN
            DELETE FROM items_search WHERE item_id = old.id;
        ELSE
            INSERT INTO items_search VALUES (new.id, new.search_text)
            ON CONFLICT (item_id) DO UPDATE SET search_text = excluded.search_text
            WHERE items_search.search_text <> excluded.search_text;
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER items_search_follows AFTER INSERT OR DELETE OR UPDATE OF search_text ON items
    FOR EACH ROW EXECUTE FUNCTION stockroom_follow_items()
    """,
    """
    CREATE TRIGGER items_search_empties AFTER TRUNCATE ON items
    FOR EACH STATEMENT EXECUTE FUNCTION stockroom_follow_items()
    """,
)


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    if dialect == "sqlite" and not can_index():
        logging.getLogger(__name__).warning("This SQLite lacks FTS5 with trigrams: a search looks at every item.")
    elif dialect in ("sqlite", "postgresql"):
        for statement in SQLITE if dialect == "sqlite" else POSTGRESQL:
            op.execute(statement)


def downgrade() -> None:
    dialect = op.get_bind().dialect.name
    if dialect == "sqlite":
        for event in ("insert", "delete", "update"):
            op.execute(f"DROP TRIGGER IF EXISTS items_search_{event}")
        for table in ("items_search_due", "items_search"):
            op.execute(f"DROP TABLE IF EXISTS {table}")
    elif dialect == "postgresql":
        op.execute("DROP FUNCTION stockroom_follow_items() CASCADE")
        op.execute("DROP TABLE items_search")
        op.execute("DROP FUNCTION stockroom_pieces(text)")
