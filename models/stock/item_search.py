"""The search for words in items, with an index of trigrams (every three characters in a row).

The index only returns candidates: items that can have the words. Each of them is still compared with LIKE, so the index
changes what a search costs and never what it finds. Every item is compared when all words are shorter than three
characters, when very many items can have the words, and when the database has no index. Migration 0006 creates the
index; triggers update it.
"""

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Any, NamedTuple, cast
from weakref import WeakSet

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Engine,
    Integer,
    any_,
    bindparam,
    column,
    false,
    select,
    text,
    true,
)

from models.database.base import db
from models.database.filters import Condition
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
# A word that more than MANY_OF_FIRST of the first items have, by id, is looked for in all.
FIRST, MANY_OF_FIRST = 500, 25


class _Found(NamedTuple):
    """How many items the index has found, up to the parameter `at_most`, and their ids: on SQLite as JSON text."""

    number: int
    ids: list[int] | str


_FTS5_TABLE = PreparedQuery(
    select(column("name")).select_from(text("sqlite_master")).where(text("name = 'items_search'"))
)


def _by_fts5(found: str) -> PreparedQuery[_Found]:
    """Return the query of the items that are pending and, of those that FTS5 finds, these."""
    query = f"""
        WITH lists AS (
            SELECT value AS trigram, coalesce(
                (SELECT rowid FROM items_search WHERE items_search MATCH value LIMIT 1 OFFSET {SAMPLE - 1}),
                {INFINITE}
            ) AS sampled_at
            FROM json_each(:trigrams)
        ), shortest AS (
            SELECT group_concat(trigram, ' ') AS trigrams FROM lists
            WHERE sampled_at * {MAX_RATIO} >= (SELECT max(sampled_at) FROM lists)
        )
        SELECT count(*) AS number, json_group_array(item_id) AS ids FROM (
            SELECT item_id FROM items_search_due UNION ALL {found} LIMIT :at_most
        )
    """  # noqa: S608 - the numbers are ours
    return PreparedQuery(cast(AnySelect, text(query).columns(column("number"), column("ids"))), _Found)


_MATCH = "items_search MATCH (SELECT trigrams FROM shortest)"
_BY_FTS5 = _by_fts5(f"SELECT rowid FROM items_search WHERE {_MATCH}")  # noqa: S608
_BY_FTS5_AND_TEXT = _by_fts5(f"""
    SELECT items.id FROM items_search CROSS JOIN items ON items.id = items_search.rowid
    WHERE {_MATCH} AND instr(items.search_text, :longest) > 0
""")  # noqa: S608


def _by_gin(condition: str) -> PreparedQuery[_Found]:
    """Return the query of the items that GIN finds and that meet a condition."""
    query = f"""
        WITH candidates AS MATERIALIZED (
            SELECT item_id, search_text FROM items_search
            WHERE stockroom_pieces(search_text) @> CAST(:trigrams AS text[])
        )
        SELECT count(*) AS number, coalesce(array_agg(item_id), '{{}}') AS ids FROM (
            SELECT item_id FROM candidates WHERE {condition} LIMIT :at_most
        ) AS found
    """  # noqa: S608 - the condition is ours
    return PreparedQuery(cast(AnySelect, text(query).columns(column("number"), column("ids"))), _Found)


_BY_GIN = _by_gin("true")
_BY_GIN_AND_TEXT = _by_gin("strpos(search_text, :longest) > 0")
# How many of the first items have a word. With too many, PostgreSQL's planner would compute the trigrams of each item.
_IN_FIRST = PreparedQuery(
    cast(
        AnySelect,
        text(f"""
            WITH first AS (SELECT search_text FROM items_search ORDER BY item_id LIMIT {FIRST})
            SELECT count(*) AS number FROM first WHERE strpos(search_text, :longest) > 0
        """).columns(column("number")),  # noqa: S608 - the number is ours
    )
)
# In the order of the WHERE clause: the most selective ones first.
CONDITIONS: dict[str, Condition | ColumnElement[bool]] = {
    "candidates": Item.id == any_(bindparam("candidates", type_=ARRAY(Integer))),
    "archived": Condition(Item.archived == true(), leading=True),
    "current": Condition(Item.archived == false(), leading=True),
    **{
        f"word_{number}": Condition(Item.search_text.like(bindparam(f"word_{number}"), escape="/"))
        for number in range(MAX_WORDS)
    },
}
_indexed: WeakSet[Engine] = WeakSet()


def values_of(words: Sequence[str], *, archived: bool) -> dict[str, Any]:
    """Return values for those of `CONDITIONS` that find items, archived or not, with each of these normalized words.

    These are the words as patterns of LIKE and, if the index returns them, the candidates.
    """
    values: dict[str, Any] = {f"word_{number}": _pattern(word) for number, word in enumerate(words)}
    candidates = _candidates(words)
    among = {} if candidates is None else {"few" if isinstance(candidates, str) else "candidates": candidates}
    return {**values, **among, "archived" if archived else "current": True}


def _pattern(word: str) -> str:
    """Return the pattern by which LIKE finds a word anywhere in a text."""
    return "%" + SPECIAL.sub(r"/\g<0>", word) + "%"


def _candidates(words: Sequence[str]) -> list[int] | str | None:
    """Return the ids of the candidates, on SQLite as JSON text; None if there are too many, or no index."""
    long = [word for word in words if len(word) >= TRIGRAM]
    if not long:
        return None
    dialect, longest = db.engine.dialect.name, max(long, key=len)
    if dialect == "postgresql":
        if _IN_FIRST.rows(longest=longest)[0].number > MANY_OF_FIRST:
            return None
        queries = [_BY_GIN, _BY_GIN_AND_TEXT]
    elif dialect == "sqlite" and _has_fts5_index():
        queries = [_BY_FTS5, _BY_FTS5_AND_TEXT]
    else:
        return None
    # Adjacent trigrams are fast and nearly always enough. If many items have them, each of these is tested for the
    # longest word, until many have that too.
    for query, step in zip(queries, (TRIGRAM, 1), strict=True):
        trigrams = sorted({trigram for word in long for trigram in _trigrams(word, step)})
        asked = as_json(list(map(_quoted, trigrams))) if dialect == "sqlite" else trigrams
        [found] = query.rows(trigrams=asked, longest=longest, at_most=MAX_CANDIDATES + 1)
        if found.number <= MAX_CANDIDATES:
            return found.ids
    return None


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
