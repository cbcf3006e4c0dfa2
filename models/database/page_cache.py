"""The page cache of SQLite, which is larger while very many rows are written."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

# In KiB. A row of the ledger has an entry in each of nine indexes, some of them anywhere in theirs.
LARGE = 32 * 1024


@contextmanager
def large_page_cache(connection: Connection) -> Iterator[None]:
    """Let SQLite keep more pages in memory within the block; other databases have one cache for all connections.

    With its small cache it writes pages out and reads them back again and again, and others wait for that.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    size = connection.exec_driver_sql("PRAGMA cache_size").scalar_one()
    connection.exec_driver_sql(f"PRAGMA cache_size = -{LARGE}")
    try:
        yield
    finally:
        connection.exec_driver_sql(f"PRAGMA cache_size = {size}")
