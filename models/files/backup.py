"""Backups of a SQLite database: made while it is in use, checked before they are accepted, restored as a whole.

`cp` of a database in use copies pages of different transactions; SQLite's backup API copies one snapshot.
"""

import os
import shutil
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from models.database.base import db
from models.database.file_lock import lock_of, locked
from models.files.used_ids import continue_event_ids
from models.stock.verify import ledger_faults

MAGIC = b"SQLite format 3\x00"
TABLES = {"alembic_version", "items", "movements", "users"}
# For how many seconds a connection waits for a lock before the database counts as in use.
WAIT = 1.0


class InvalidBackup(Exception):
    """A file is no valid database of this service; the message is written to follow the name of the file."""


class DatabaseInUse(Exception):
    """Another process has the database open, or is restoring it."""


class Checked(NamedTuple):
    """The result of a check: the revision of the schema, and whether the ledger was verified too."""

    revision: str
    verified: bool


def back_up(database: Path, to: Path, newest: Collection[str]) -> Checked:
    """Copy a snapshot of a database into one new file, which only its owner can read, and check the copy.

    Raises FileExistsError, OSError, sqlite3.Error or InvalidBackup; then there is no new file.
    """
    if to.exists():
        raise FileExistsError(f"{to} is there already")
    with _in_use(database, alone=False), _draft(to) as draft:
        copy(database, draft)
        checked = check(draft, newest, newest)
        _link(draft, to)
    return checked


def restore(file: Path, database: Path, known: Collection[str], newest: Collection[str]) -> tuple[Checked, Path | None]:
    """Replace the database by a checked copy of `file`; return the check, and the path at which the old one remains.

    Nobody can open the database from before the check until the new one has its name.
    Raises InvalidBackup, DatabaseInUse, OSError or sqlite3.Error; then the database has not changed.
    """
    _check_header(file)
    with _in_use(database, alone=True), _draft(database) as draft:
        copy(file, draft)
        checked = check(draft, known, newest)
        previous = _preserve(database) if database.exists() else None
        if previous:
            continue_event_ids(draft, previous)
        draft.replace(database)
        _sync_folder(database.parent)
    return checked, previous


def copy(source: Path, to: Path) -> None:
    """Copy a snapshot of a database, page by page, into one file without a journal file."""
    uri = f"{source.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=WAIT)) as old, closing(sqlite3.connect(to)) as new:
        old.backup(new)  # in one step: writers of a WAL database don't wait for it, nor make it restart
        new.execute("PRAGMA journal_mode=DELETE")
    with to.open("rb+") as written:
        os.fsync(written.fileno())


def check(file: Path, known: Collection[str], newest: Collection[str]) -> Checked:
    """Check pages, foreign keys and, if the schema is one of `newest`, the whole ledger.

    Raises InvalidBackup if the file is damaged, or no database with a revision in `known`.
    """
    try:
        with closing(sqlite3.connect(file)) as connection:
            revision = _revision(connection)
            if revision not in known:
                raise InvalidBackup(f"has the schema {revision!r}, which this version does not know")
            if revision in newest:
                _check_columns(connection, revision)
            errors = [row[0] for row in connection.execute("PRAGMA integrity_check(1)")]
            broken = connection.execute("PRAGMA foreign_key_check").fetchone()
    except sqlite3.DatabaseError as error:
        raise InvalidBackup(f"is damaged: {error}") from error
    if errors != ["ok"] or broken:
        raise InvalidBackup(
            f"is damaged: {errors[0] if errors != ['ok'] else f'a row of {broken[0]} refers to nothing'}"
        )
    if revision not in newest:
        return Checked(revision, verified=False)
    for fault in _ledger_faults(file):
        raise InvalidBackup(f"has a ledger that does not add up: {fault}")
    return Checked(revision, verified=True)


def _revision(connection: sqlite3.Connection) -> str:
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables >= TABLES or _columns(connection, "alembic_version") != {"version_num"}:
        raise InvalidBackup("is no database of Stockroom")
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else ""


def _check_columns(connection: sqlite3.Connection, revision: str) -> None:
    """Raise InvalidBackup if the database lacks a table or a column that the models have."""
    for table in db.metadata.sorted_tables:
        there = _columns(connection, table.name)
        for column in table.columns:
            if column.name not in there:
                what = f"the column {column.name} of the table {table.name}" if there else f"the table {table.name}"
                raise InvalidBackup(f"lacks {what}, which the schema {revision!r} has")


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    """Return the names of the columns of a table; none, if there is no such table."""
    return {row[0] for row in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))}


def _ledger_faults(file: Path) -> Iterator[str]:
    engine = create_engine(f"sqlite:///{file.as_posix()}", poolclass=NullPool)
    try:
        with Session(engine) as session:
            yield from ledger_faults(session=session)
    except (SQLAlchemyError, TypeError, ValueError):  # a column has the name that is looked for, and other values
        yield "its rows can't be read"


def _check_header(file: Path) -> None:
    with file.open("rb") as opened:
        if opened.read(len(MAGIC)) != MAGIC:
            raise InvalidBackup("is no SQLite database")


@contextmanager
def _in_use(database: Path, alone: bool) -> Iterator[None]:
    """Hold the lock of the database, shared or alone; raises DatabaseInUse if another process has it."""
    with locked(lock_of(database), exclusive=alone, wait=WAIT) as acquired:
        if not acquired:
            raise DatabaseInUse
        yield


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    """Yield a new file in the folder of `path`, readable by its owner only; delete it at the end if it still exists."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _link(draft: Path, to: Path) -> None:
    """Give a file its final name; raises FileExistsError if that name is taken meanwhile."""
    try:
        os.link(draft, to)
    except FileExistsError:
        raise
    except OSError:  # this file system has no hard links
        if to.exists():
            raise FileExistsError(f"{to} is there already") from None
        draft.replace(to)
    _sync_folder(to.parent)


def _preserve(database: Path) -> Path:
    """Give the database a second name and return it; raises DatabaseInUse while another process has it open.

    Its WAL is merged into it. That of a damaged database gets the second name too, so that it can't damage the
    restored database.
    """
    preserved = database.with_name(f"{database.name}.before-restore-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}")
    journals = {
        database.with_name(database.name + suffix): preserved.with_name(preserved.name + suffix)
        for suffix in ("-wal", "-shm")
    }
    for journal, copied in journals.items():
        if journal.exists():
            shutil.copy(journal, copied)  # before SQLite opens the database, which may delete a damaged WAL
    is_merged = False
    try:
        is_merged = _merge_wal(database)
        _link_or_copy(database, preserved)
    finally:
        for journal, copied in journals.items():
            (copied if is_merged or not preserved.exists() else journal).unlink(missing_ok=True)
    return preserved


def _link_or_copy(file: Path, name: Path) -> None:
    try:
        os.link(file, name)
    except OSError:  # this file system has no hard links
        shutil.copy(file, name)


def _merge_wal(database: Path) -> bool:
    """Write the WAL into the database; return False if the database is damaged.

    This needs an exclusive lock; raises DatabaseInUse without.
    """
    try:
        with closing(sqlite3.connect(database, timeout=WAIT, isolation_level=None)) as connection:
            mode = connection.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise DatabaseInUse from error
        return False
    if mode != "delete":
        raise DatabaseInUse
    return True


def _sync_folder(folder: Path) -> None:
    """Make a new name in a folder durable (fsync); Windows neither needs nor offers that."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
