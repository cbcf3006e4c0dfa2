"""Every filter of the lists of items and movements, in every order, at every page: what SQLite does for it is bounded.

Its steps are counted, not its time. To look at a row takes some ten of them, to pass over one in an index two.
"""

from itertools import product

import pytest

from api.services import services_of
from models.database import filters, pages
from models.database.base import db
from models.database.reader_pool import ReaderPool, reader_pool_of
from models.event import UNCHANGED
from models.stock import item_search
from models.stock.item_lookup import attribute_hash

ITEMS, MOVEMENTS = 4000, 16_000
LIMIT = 5
EVERY = 50  # SQLite says so after so many steps
# What a page may take that is reached by a cursor, and one by number, which is counted, for each row there is.
BY_CURSOR = 16_000
PER_ITEM, PER_MOVEMENT = 30, 9
# The pages by cursor of these are bounded by the rows there are: words that no index knows and no item has; and rows
# that all lie at the other end of the order.
GROWING = ("q=zz", "id&since=2026-01-01T02", "-id&until=2026-01-01T02")

NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})"
DAY = "strftime('%Y-%m-%d %H:%M:%S', 1767225600 + {}, 'unixepoch') || '.000000'"
FILL = (
    f"""
    INSERT INTO items (sku, sku_key, name, name_key, description, unit, price, quantity, reorder_level, bin,
        barcode, tags, attributes, archived, version, created_at, updated_at, search_text)
    {NUMBERS.format(ITEMS)}
    SELECT 'SKU-' || i, 'sku-' || i, 'thing ' || (i * 7919 % {ITEMS}), 'thing ' || (i * 7919 % {ITEMS}), '', '',
        i % 90 * 10000, i % 50, iif(i % 37 = 0, 100, 0), 'L' || i % 10, 4000000 + i, '[]', '{{}}', i % 11 = 0, 1,
        {DAY.format("i")}, {DAY.format(f"(i * 7919 % {ITEMS})")},
        'sku-' || i || char(10) || 'thing ' || (i * 7919 % {ITEMS}) || char(10) || (4000000 + i)
    FROM n
    """,
    "INSERT INTO item_tags (tag, item_id) SELECT 'all', id FROM items UNION ALL SELECT 't' || (id % 80), id FROM items",
    "INSERT INTO item_attributes (entry_hash, item_id)"
    f" SELECT '{attribute_hash('kind:thing')}', id FROM items"
    f" UNION ALL SELECT '{attribute_hash('rare:true')}', id FROM items WHERE id % 80 = 7",
    f"""
    INSERT INTO movements (item_id, user_id, kind, delta, quantity_after, reason, reference, occurred_at, created_at)
    {NUMBERS.format(MOVEMENTS)}
    SELECT iif(i % 4 = 0, 7, 1 + i % {ITEMS}),
        (SELECT id FROM users WHERE username = CASE WHEN i < 1000 THEN 'mel' ELSE 'ada' END),
        CASE WHEN i < 1500 THEN 'opening' WHEN i % 2 = 0 THEN 'receive' ELSE 'issue' END,
        1, i, '', iif(i % 2 = 0, 'O-' || i, ''), {DAY.format("i")}, {DAY.format("i")}
    FROM n
    """,
    f"""
    INSERT INTO locations (id, code, code_key, name, archived, version, created_at, updated_at)
    VALUES (2, 'VAN', 'van', '', 0, 1, {DAY.format(0)}, {DAY.format(0)}),
        (3, 'SHOP', 'shop', '', 0, 1, {DAY.format(0)}, {DAY.format(0)}),
        (4, 'NEW', 'new', '', 0, 1, {DAY.format(0)}, {DAY.format(0)})
    """,
    "INSERT INTO stocks SELECT id, 3, 1 FROM items WHERE quantity > 1 AND id % 2",
    "INSERT INTO stocks SELECT id, 2, 1 FROM items WHERE quantity > 1 AND id % 100 = 7",
    "UPDATE items SET elsewhere = (SELECT coalesce(sum(quantity), 0) FROM stocks WHERE item_id = items.id)",
    "UPDATE movements SET location_id = iif(id % 100 = 7, 2, 3) WHERE id % 2",
    "INSERT INTO stock_settings SELECT id, 1 + id % 2 * 2, 100, '' FROM items WHERE id % 500 = 9",
)
LOCATIONS = ("MAIN", "SHOP", "VAN", "NEW", "none")
ITEM_FILTERS = (
    "",
    "&archived=true",
    "&sku=sku-7",
    "&barcode=4000007",
    *(f"&q={word}" for word in ("thing", "th", "1234", "SKU-1234", "4001234", "40012345", "zz", "zzz")),
    *(f"&tag={tag}" for tag in ("all", "t7", "none")),
    *(f"&attribute={entry}" for entry in ("kind:thing", "rare:true", "rare:none")),
    *(f"&bin={place}" for place in ("L7", "none")),
    *(f"&location={location}" for location in LOCATIONS),
    *(f"&low_stock={low}" for low in ("true", "false")),
    *(f"&min_price={price}" for price in (0, 45, 89, 90)),
    *(f"&max_price={price}" for price in (90, 45, 0)),
    *(f"&updated_since=2026-01-{day}:00Z" for day in ("01T00:00", "01T00:30", "01T01:06", "02T00:00")),
    "&tag=all&bin=L7",
    "&tag=t7&bin=none",
    "&attribute=kind:thing&attribute=rare:true",
    "&attribute=kind:thing&tag=t7",
    "&min_price=45&max_price=45",
    "&low_stock=false&min_price=90",
)
ITEM_SORTS = ("-id", "name", "-quantity", "updated_at")
LEDGER_FILTERS = (
    "",
    *(f"&location={location}" for location in LOCATIONS),
    "&location=VAN&kind=issue",
    "&item_id=7",
    "&item_id=8",
    "&sku=none",
    *(f"&user={user}" for user in ("ada", "mel", "gus", "none")),
    *(f"&kind={kind}" for kind in ("receive", "opening", "count")),
    *(f"&reference={reference}" for reference in ("", "O-100", "none")),
    *(f"&since=2026-01-{day}:00Z" for day in ("01T00:00", "01T02:00", "01T04:26", "02T00:00")),
    *(f"&until=2026-01-{day}:00Z" for day in ("02T00:00", "01T02:00", "01T00:01", "01T00:00")),
    "&since=2026-01-01T02:00:00Z&until=2026-01-01T02:01:00Z",
    "&user=gus&kind=receive",
    "&user=mel&kind=opening",
    "&item_id=7&kind=count",
)
LEDGER_SORTS = ("id", "-id", "occurred_at", "-occurred_at")


@pytest.fixture
def steps(app, admin, member, guest, monkeypatch):
    """Return how many steps SQLite takes for a request; there are many rows, and few of them are already many."""
    if "sqlite" not in services_of(app).settings.database_url:
        pytest.skip("what the other databases plan depends on what is in them")
    monkeypatch.setattr(filters, "FEW", 80)
    monkeypatch.setattr(item_search, "MAX_CANDIDATES", 80)
    monkeypatch.setattr(pages, "FAR", 40)
    monkeypatch.setattr(pages, "MANY", 800)
    taken = 0

    def count():
        nonlocal taken
        taken += EVERY

    connect = ReaderPool._connect

    def connect_and_count(self):
        connection, until = connect(self)
        connection.set_progress_handler(count, EVERY)
        return connection, until

    def ask(path):
        nonlocal taken
        taken = 0
        UNCHANGED.forget()
        answer = admin.get(path)
        assert answer.status_code == 200, answer.json
        return taken, answer.json

    admin.documented = False
    with app.app_context():
        with db.engine.begin() as connection:
            for statement in FILL:
                connection.exec_driver_sql(statement)
        pool = reader_pool_of(db.engine)
    pool.close_idle()
    monkeypatch.setattr(ReaderPool, "_connect", connect_and_count)
    yield ask
    pool.close_idle()


def too_long(steps, path, filter_, sort, most):
    """Yield the pages of a list that take too many steps, with their number."""
    first = f"{path}?limit={LIMIT}&sort={sort}{filter_}"
    number = steps(f"{first}&page=1")[1]["total_pages"]
    for page in sorted({1, max(1, number // 2), max(1, number)}):
        taken, body = steps(f"{first}&page={page}")
        if taken > most:
            yield taken, f"{first}&page={page}"
        for cursor in ("", body["next_cursor"]):
            if cursor is None or any(growing in first for growing in GROWING):
                continue
            if (taken := steps(f"{first}&cursor={cursor}")[0]) > BY_CURSOR:
                yield taken, f"{first}&cursor={cursor} from page {page}"


def test_every_page_of_items_takes_a_bounded_number_of_steps(steps):
    lists = product(ITEM_FILTERS, ITEM_SORTS)
    found = [page for list_ in lists for page in too_long(steps, "/items", *list_, ITEMS * PER_ITEM)]

    assert sorted(found, reverse=True) == []


def test_every_page_of_the_ledger_takes_a_bounded_number_of_steps(steps):
    lists = product(LEDGER_FILTERS, LEDGER_SORTS)
    found = [page for list_ in lists for page in too_long(steps, "/movements", *list_, MOVEMENTS * PER_MOVEMENT)]

    assert sorted(found, reverse=True) == []


def test_every_page_of_stocks_takes_a_bounded_number_of_steps(steps):
    filters_ = (
        "",
        *(f"&location={location}" for location in LOCATIONS),
        "&sku=sku-7",
        "&low_stock=true",
        "&low_stock=false",
    )
    found = []
    for filter_ in filters_:
        cursor, read = "", 0
        while cursor is not None and read < ITEMS:
            taken, page = steps(f"/stocks?limit=50{filter_}&cursor={cursor}")
            read, cursor = read + len(page["data"]), page["next_cursor"]
            if taken > BY_CURSOR:
                found.append((taken, filter_, read))
        assert read > 0 or filter_ in ("&location=NEW", "&location=none"), filter_

    assert found == []
