"""The search for words in items, by an index of their pieces of three characters.

The index only tells which few items can have the words; each of these is looked at all the same, so it changes what
a search costs and never what it finds. Words of fewer than three characters, words that very many items have, and
databases without the index are searched for in every item. The migration 0006 makes it; triggers keep it.
"""

import re
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any, cast
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
# Of words that more items may have than these, every item is looked at: that begins with a page at once.
MANY = 2000
MAX_WORDS = 100  # in the 200 characters that a client may send
SPECIAL = re.compile("[%_/]")  # to LIKE
# FTS5 keeps a list of items for each piece, and goes through every list that it is asked to compare. How long one is,
# is guessed from the id of the first so many items in it. One so many times as long as the shortest is left out first.
SAMPLE = 256
LONGER = 16
ANY = 1e18

_THERE = PreparedQuery(select(column("name")).select_from(text("sqlite_master")).where(text("name = 'items_search'")))
_BY_FTS5 = PreparedQuery(
    cast(
        AnySelect,
        text(f"""
            WITH lists AS (
                SELECT value AS trigram, coalesce(
                    (SELECT rowid FROM items_search WHERE items_search MATCH value LIMIT 1 OFFSET {SAMPLE - 1}), {ANY}
                ) AS sampled_at
                FROM json_each(:trigrams)
            )
            SELECT count(*) AS number, json_group_array(item_id) AS ids FROM (
                SELECT item_id FROM items_search_due
                UNION ALL
                SELECT rowid FROM items_search WHERE items_search MATCH (
                    SELECT group_concat(trigram, ' ') FROM lists
                    WHERE sampled_at * :longer >= (SELECT max(sampled_at) FROM lists)
                )
                LIMIT {MANY + 1}
            )
        """).columns(column("number"), column("ids")),  # noqa: S608 - the numbers are ours
    )
)
_BY_GIN = PreparedQuery(
    cast(
        AnySelect,
        text(f"""
            SELECT count(*) AS number, coalesce(array_agg(item_id), '{{}}') AS ids FROM (
                SELECT item_id FROM items_search
                WHERE stockroom_pieces(search_text) @> CAST(:trigrams AS text[]) LIMIT {MANY + 1}
            ) AS found
        """).columns(column("number"), column("ids")),  # noqa: S608 - the numbers are ours
    )
)
# In the order of their use: what is rarest, first.
CONDITIONS: dict[str, ColumnElement[bool]] = {
    # The items with some ids. On SQLite these are a JSON text: one parameter, so one statement for any number.
    "candidates": Item.id == any_(bindparam("candidates", type_=ARRAY(Integer))),
    "candidates_as_json": Item.id.in_(
        select(func.json_each(bindparam("candidates_as_json", type_=Text())).table_valued("value"))
    ),
    # `=` would be what SQLite begins with: without statistics it believes that ten items of all are archived or not.
    "archived_candidates": Item.archived != false(),
    "current_candidates": Item.archived != true(),
    "archived": Item.archived == true(),
    "current": Item.archived == false(),
    **{f"word_{number}": Item.search_text.like(bindparam(f"word_{number}"), escape="/") for number in range(MAX_WORDS)},
}
_indexed: WeakSet[Engine] = WeakSet()


def values_of(words: Sequence[str], *, archived: bool) -> dict[str, Any]:
    """The values of those of `CONDITIONS` that make an item archived or not and have each of these folded words
    somewhere: the words as patterns and, if they are few, the items that can have all of them."""
    values: dict[str, Any] = {f"word_{number}": _pattern(word) for number, word in enumerate(words)}
    candidates = _candidates(words)
    if candidates is None:
        return {**values, "archived" if archived else "current": True}
    among = "candidates" if isinstance(candidates, list) else "candidates_as_json"
    return {**values, among: candidates, "archived_candidates" if archived else "current_candidates": True}


def _pattern(word: str) -> str:
    """What LIKE finds the word by, anywhere."""
    return "%" + SPECIAL.sub(r"/\g<0>", word) + "%"


def _candidates(words: Sequence[str]) -> Any:
    """The ids of the few items that can have these words; None if they are many, or if no index knows."""
    long = [word for word in words if len(word) >= TRIGRAM]
    ask = _index() if long else None
    if ask is None:
        return None
    # A few pieces side by side are quick and nearly always enough; all, those that overlap too, rule out much more.
    for step, longer in ((TRIGRAM, LONGER), (1, ANY)):
        found = ask(sorted({trigram for word in long for trigram in _trigrams(word, step)}), longer)
        if found.number <= MANY:
            return found.ids
    return None


def _index() -> Callable[[list[str], float], Any] | None:
    """What asks the index for the items with all of some pieces, if this database has one."""
    dialect = db.engine.dialect.name
    if dialect == "postgresql":  # which begins with the shortest list by itself
        return lambda trigrams, _: _BY_GIN.one_or_none(trigrams=trigrams)
    if dialect == "sqlite" and _is_there():
        return lambda trigrams, longer: _BY_FTS5.one_or_none(
            trigrams=as_json(list(map(_quoted, trigrams))), longer=longer
        )
    return None


def _ask_fts5(trigrams: list[str], longer: float) -> Any:
    """Return how many items have all of these trigrams, and the first of their ids, by the index of SQLite."""
    return _BY_FTS5.one_or_none(trigrams=as_json(list(map(_quoted, trigrams))), longer=longer)


def _trigrams(word: str, step: int) -> list[str]:
    """The pieces of a word that begin so many characters apart, and the last one."""
    last = len(word) - TRIGRAM
    return [word[start : start + TRIGRAM] for start in (*range(0, last, step), last)]


def _quoted(trigram: str) -> str:
    """A piece as FTS5 takes it literally."""
    return '"' + trigram.replace('"', '""') + '"'


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
