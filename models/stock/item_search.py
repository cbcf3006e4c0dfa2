"""The search for words in items, with an index of trigrams (every three characters in a row).

The index only returns candidates: items that can have the words. Each of them is still compared with LIKE, so the index
changes what a search costs and never what it finds. Every item is compared when all words are shorter than three
characters, when very many items can have the words, and when the database has no index. Migration 0006 creates the
index; triggers update it.
"""

import re
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any, NamedTuple, cast
from weakref import WeakSet

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Engine,
    Integer,
    Text,
    any_,
    bindparam,
    column,
    false,
    func,
    select,
    text,
    true,
)

from models.database.base import db
from models.database.reading import AnySelect, PreparedQuery
from models.stock.item import Item
from models.values import as_json

TRIGRAM = 3
# With more candidates than these, every item is compared instead: so many items match that a page is soon full.
MAX_CANDIDATES = 2000
MAX_WORDS = 100  # in the 200 characters that a client may send
SPECIAL = re.compile("[%_/]")  # in a pattern of LIKE, `/` being its escape character
# FTS5 has a list of items for each trigram, and reads every list of a query to its end. The length of a list is
# estimated from the id of its item number SAMPLE: the lower, the longer the list. Lists more than MAX_RATIO times as
# long as the shortest are left out of the first query.
SAMPLE = 256
MAX_RATIO = 16
INFINITE = 1e18


class _Found(NamedTuple):
    """How many items the index has found, at most `MAX_CANDIDATES + 1`, and their ids: on SQLite as JSON text."""

    number: int
    ids: list[int] | str


_FTS5_TABLE = PreparedQuery(
    select(column("name")).select_from(text("sqlite_master")).where(text("name = 'items_search'"))
)
_BY_FTS5 = PreparedQuery(
    cast(
        AnySelect,
        text(f"""
            WITH lists AS (
                SELECT value AS trigram, coalesce(
                    (SELECT rowid FROM items_search WHERE items_search MATCH value LIMIT 1 OFFSET {SAMPLE - 1}),
                    {INFINITE}
                ) AS sampled_at
                FROM json_each(:trigrams)
            )
            SELECT count(*) AS number, json_group_array(item_id) AS ids FROM (
                SELECT item_id FROM items_search_due
                UNION ALL
                SELECT rowid FROM items_search WHERE items_search MATCH (
                    SELECT group_concat(trigram, ' ') FROM lists
                    WHERE sampled_at * :max_ratio >= (SELECT max(sampled_at) FROM lists)
                )
                LIMIT {MAX_CANDIDATES + 1}
            )
        """).columns(column("number"), column("ids")),  # noqa: S608 - the numbers are ours
    ),
    _Found,
)
_BY_GIN = PreparedQuery(
    cast(
        AnySelect,
        text(f"""
            SELECT count(*) AS number, coalesce(array_agg(item_id), '{{}}') AS ids FROM (
                SELECT item_id FROM items_search
                WHERE stockroom_pieces(search_text) @> CAST(:trigrams AS text[]) LIMIT {MAX_CANDIDATES + 1}
            ) AS found
        """).columns(column("number"), column("ids")),  # noqa: S608 - the numbers are ours
    ),
    _Found,
)
# In the order of the WHERE clause: the most selective ones first.
CONDITIONS: dict[str, ColumnElement[bool]] = {
    # The items with these ids. On SQLite the ids are one JSON text: one parameter, so one statement for any number.
    "candidates": Item.id == any_(bindparam("candidates", type_=ARRAY(Integer))),
    "candidates_as_json": Item.id.in_(
        select(func.json_each(bindparam("candidates_as_json", type_=Text())).table_valued("value"))
    ),
    # Not `=`: SQLite would begin with its index, because without statistics it assumes that only ten items match.
    "archived_candidates": Item.archived != false(),
    "current_candidates": Item.archived != true(),
    "archived": Item.archived == true(),
    "current": Item.archived == false(),
    **{f"word_{number}": Item.search_text.like(bindparam(f"word_{number}"), escape="/") for number in range(MAX_WORDS)},
}
_indexed: WeakSet[Engine] = WeakSet()


def values_of(words: Sequence[str], *, archived: bool) -> dict[str, Any]:
    """Return values for those of `CONDITIONS` that find items, archived or not, with each of these normalized words.

    These are the words as patterns of LIKE and, if the index returns them, the candidates.
    """
    values: dict[str, Any] = {f"word_{number}": _pattern(word) for number, word in enumerate(words)}
    candidates = _candidates(words)
    if candidates is None:
        return {**values, "archived" if archived else "current": True}
    among = "candidates" if isinstance(candidates, list) else "candidates_as_json"
    return {**values, among: candidates, "archived_candidates" if archived else "current_candidates": True}


def _pattern(word: str) -> str:
    """Return the pattern by which LIKE finds a word anywhere in a text."""
    return "%" + SPECIAL.sub(r"/\g<0>", word) + "%"


def _candidates(words: Sequence[str]) -> list[int] | str | None:
    """Return the ids of the candidates, on SQLite as JSON text; None if there are too many, or no index."""
    long = [word for word in words if len(word) >= TRIGRAM]
    query = _index_query() if long else None
    if query is None:
        return None
    # Adjacent trigrams are fast and nearly always enough; all of them, overlapping ones included, exclude many more.
    for step, max_ratio in ((TRIGRAM, MAX_RATIO), (1, INFINITE)):
        found = query(sorted({trigram for word in long for trigram in _trigrams(word, step)}), max_ratio)
        if found.number <= MAX_CANDIDATES:
            return found.ids
    return None


def _index_query() -> Callable[[list[str], float], _Found] | None:
    """Return the function that finds the items with all of some trigrams; None if this database has no index."""
    dialect = db.engine.dialect.name
    if dialect == "postgresql":
        return _query_gin
    return _query_fts5 if dialect == "sqlite" and _has_fts5_index() else None


def _query_gin(trigrams: list[str], _: float) -> _Found:
    """Return how many items have all of these trigrams, and their ids; PostgreSQL begins with the shortest list."""
    return _BY_GIN.rows(trigrams=trigrams)[0]


def _query_fts5(trigrams: list[str], max_ratio: float) -> _Found:
    """Return how many items have all of these trigrams, and their ids, of lists not longer than `max_ratio` allows."""
    return _BY_FTS5.rows(trigrams=as_json(list(map(_quoted, trigrams))), max_ratio=max_ratio)[0]


def _trigrams(word: str, step: int) -> list[str]:
    """Return the trigrams of a word that begin `step` characters apart, and the last one."""
    last = len(word) - TRIGRAM
    return [word[start : start + TRIGRAM] for start in (*range(0, last, step), last)]


def _quoted(trigram: str) -> str:
    """Return a trigram as a quoted string of FTS5."""
    return '"' + trigram.replace('"', '""') + '"'


def _has_fts5_index() -> bool:
    """Return whether this SQLite database has the index; that it has is cached for the engine."""
    if db.engine not in _indexed and _FTS5_TABLE.one_or_none():
        _indexed.add(db.engine)
    return db.engine in _indexed


def can_index() -> bool:
    """Return whether this Python's SQLite has all that the index needs: FTS5 with trigrams (3.34) and JSON."""
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute("CREATE VIRTUAL TABLE trial USING fts5(text, tokenize='trigram')")
            connection.execute("SELECT value FROM json_each('[]')")
        except sqlite3.OperationalError:
            return False
    return True
