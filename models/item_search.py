"""The search for words in items, by an index of their pieces of three characters.

The index only tells which few items can have the words; each of these is looked at all the same, so it changes what
a search costs and never what it finds. Words of fewer than three characters, words that very many items have, and
databases without the index are searched for in every item. The migration 0006 makes it; triggers keep it.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any, cast
from weakref import WeakSet

from sqlalchemy import ARRAY, ColumnElement, Engine, Integer, any_, column, func, literal, select, text

from models.base import as_json, db
from models.item import Item
from models.reading import AnySelect, Question

PIECE = 3
# Of words that more items may have than these, every item is looked at: that begins with a page at once.
MANY = 2000
# FTS5 keeps a list of items for each piece, and goes through every list that it is asked to compare. How long one is,
# is guessed from the id of the first so many items in it. One so many times as long as the shortest is left out first.
SAMPLE = 256
LONGER = 16
ANY = 1e18

_THERE = Question(select(column("name")).select_from(text("sqlite_master")).where(text("name = 'items_search'")))
_BY_FTS5 = Question(
    cast(
        AnySelect,
        text(f"""
            WITH lists AS (
                SELECT value AS piece, coalesce(
                    (SELECT rowid FROM items_search WHERE items_search MATCH value LIMIT 1 OFFSET {SAMPLE - 1}), {ANY}
                ) AS sampled_at
                FROM json_each(:pieces)
            )
            SELECT count(*) AS number, json_group_array(item_id) AS ids FROM (
                SELECT item_id FROM items_search_due
                UNION ALL
                SELECT rowid FROM items_search WHERE items_search MATCH (
                    SELECT group_concat(piece, ' ') FROM lists
                    WHERE sampled_at * :longer >= (SELECT max(sampled_at) FROM lists)
                )
                LIMIT {MANY + 1}
            )
        """).columns(column("number"), column("ids")),  # noqa: S608 - the numbers are ours
    )
)
_BY_GIN = Question(
    cast(
        AnySelect,
        text(f"""
            SELECT count(*) AS number, coalesce(array_agg(item_id), '{{}}') AS ids FROM (
                SELECT item_id FROM items_search
                WHERE stockroom_pieces(search_text) @> CAST(:pieces AS text[]) LIMIT {MANY + 1}
            ) AS found
        """).columns(column("number"), column("ids")),  # noqa: S608 - the numbers are ours
    )
)
_indexed: WeakSet[Engine] = WeakSet()


def conditions(words: Sequence[str], *, archived: bool) -> list[ColumnElement[bool]]:
    """What makes an item archived or not and have each of these folded words somewhere; what is rarest, first."""
    found = [Item.search_text.contains(word, autoescape=True) for word in words]
    few = _candidates(words)
    if few is None:
        return [Item.archived == archived, *found]
    # `=` would be what SQLite begins with: without statistics it believes that ten items of all are archived or not.
    return [_among(few), Item.archived != (not archived), *found]


def _candidates(words: Sequence[str]) -> Any:
    """The ids of the few items that can have these words; None if they are many, or if no index knows."""
    long = [word for word in words if len(word) >= PIECE]
    ask = _index() if long else None
    if ask is None:
        return None
    # A few pieces side by side are quick and nearly always enough; all, those that overlap too, rule out much more.
    for step, longer in ((PIECE, LONGER), (1, ANY)):
        found = ask(sorted({piece for word in long for piece in _pieces(word, step)}), longer)
        if found.number <= MANY:
            return found.ids
    return None


def _index() -> Callable[[list[str], float], Any] | None:
    """What asks the index for the items with all of some pieces, if this database has one."""
    dialect = db.engine.dialect.name
    if dialect == "postgresql":  # which begins with the shortest list by itself
        return lambda pieces, _: _BY_GIN.one_or_none(pieces=pieces)
    if dialect == "sqlite" and _is_there():
        return lambda pieces, longer: _BY_FTS5.one_or_none(pieces=as_json(list(map(_quoted, pieces))), longer=longer)
    return None


def _pieces(word: str, step: int) -> list[str]:
    """The pieces of a word that begin so many characters apart, and the last one."""
    last = len(word) - PIECE
    return [word[start : start + PIECE] for start in (*range(0, last, step), last)]


def _quoted(piece: str) -> str:
    """A piece as FTS5 takes it literally."""
    return '"' + piece.replace('"', '""') + '"'


def _among(ids: Any) -> ColumnElement[bool]:
    """The items with these ids, a JSON text on SQLite: one parameter, so the statement is the same for any number."""
    if isinstance(ids, str):
        return Item.id.in_(select(func.json_each(ids).table_valued("value").c.value))
    return Item.id == any_(literal(ids, ARRAY(Integer)))


def _is_there() -> bool:
    """Whether this SQLite database has the index; once it has, nobody asks again."""
    if db.engine not in _indexed and _THERE.one_or_none():
        _indexed.add(db.engine)
    return db.engine in _indexed


def can_index() -> bool:
    """Whether the SQLite of this Python has all that the index needs: FTS5 with its trigrams (3.34), and JSON."""
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute("CREATE VIRTUAL TABLE trial USING fts5(pieces, tokenize='trigram')")
            connection.execute("SELECT value FROM json_each('[]')")
        except sqlite3.OperationalError:
            return False
    return True
