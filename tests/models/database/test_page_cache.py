"""The page cache of SQLite while very many rows are written."""

import pytest
from sqlalchemy import create_engine

from models.database.page_cache import LARGE, large_page_cache


def test_the_page_cache_is_large_within_the_block_and_as_before_after_it():
    with create_engine("sqlite://").connect() as connection:

        def size():
            return connection.exec_driver_sql("PRAGMA cache_size").scalar_one()

        connection.exec_driver_sql("PRAGMA cache_size = 123")
        with large_page_cache(connection):
            assert size() == -LARGE
        assert size() == 123

        with pytest.raises(ValueError, match="a fault"), large_page_cache(connection):
            raise ValueError("a fault")
        assert size() == 123
