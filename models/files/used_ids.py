"""The ids of events after a restore: they go on after those of the database that was replaced.

The receivers of webhooks know an event by its id, and do nothing for one that has come before.
"""

import sqlite3
from contextlib import closing
from pathlib import Path


def continue_event_ids(restored: Path, replaced: Path) -> None:
    """Let the next event get an id that none has had in either database; a damaged one is not asked."""
    used = _last_event_id(replaced)
    with closing(sqlite3.connect(restored)) as connection, connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'events'").fetchone():
            return  # of an older version, which had no events
        written = connection.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'events'", (used,))
        if not written.rowcount:
            connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('events', ?)", (used,))


def _last_event_id(database: Path) -> int:
    """Return the highest id that an event has had, 0 if it can't be read."""
    try:
        # Its journal was merged; one that could not be is left alone.
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?immutable=1", uri=True)) as connection:
            row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    except sqlite3.DatabaseError:
        return 0
    return int(row[0]) if row else 0
