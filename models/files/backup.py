"""Backups of a SQLite database: taken while others write, checked before they count, put back whole.

`cp` of a live database copies pages of different moments; SQLite's own backup copies those of one.
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
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from models.stock.verify import verify

MAGIC = b"SQLite format 3\x00"
TABLES = {"alembic_version", "items", "movements", "users"}
# How long a look for other users of a database may wait, in seconds.
WAIT = 1.0


class InvalidBackup(Exception):
    """A file is no sound database of this service; the message follows its name."""


class DatabaseInUse(Exception):
    """Another process has the database open."""


class Checked(NamedTuple):
    """What a check found: the revision of the schema, and whether the ledger was verified too."""

    revision: str
    verified: bool


def back_up(database: Path, to: Path, newest: Collection[str]) -> Checked:
    """Copy a database, as it is at this moment, into one new file, and check the copy.

    Only its owner can read it. Raises FileExistsError, OSError, sqlite3.Error or Unfit; there is no file then.
    """
    if to.exists():
        raise FileExistsError(f"{to} is there already")
    with _draft(to) as draft:
        copy(database, draft)
        checked = check(draft, newest, newest)
        _link(draft, to)
    return checked


def restore(file: Path, database: Path, known: Collection[str], newest: Collection[str]) -> tuple[Checked, Path | None]:
    """Put a checked copy of `file` in the place of the database; the old one stays beside it, under the name told.

    Raises Unfit, InUse, OSError or sqlite3.Error; the database is as it was then.
    """
    _check_header(file)
    with _draft(database) as draft:
        copy(file, draft)
        checked = check(draft, known, newest)
        kept = _keep(database) if database.exists() else None
        draft.replace(database)
        _sync_folder(database.parent)
    return checked, kept


def copy(source: Path, to: Path) -> None:
    """Copy a database page by page, as it is at one moment, into one file without a journal beside it."""
    uri = f"{source.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=WAIT)) as old, closing(sqlite3.connect(to)) as new:
        old.backup(new)  # in one step: writers of a WAL database need not wait, and can't make it begin again
        new.execute("PRAGMA journal_mode=DELETE")
    with to.open("rb+") as written:
        os.fsync(written.fileno())


def check(file: Path, known: Collection[str], newest: Collection[str]) -> Checked:
    """Check pages, references and, if the schema is the newest, the whole ledger.

    Raises Unfit for what is no sound database of a revision that is `known`.
    """
    try:
        with closing(sqlite3.connect(file)) as connection:
            revision = _revision(connection)
            if revision not in known:
                raise InvalidBackup(f"has the schema {revision!r}, which this version does not know")
            faults = [row[0] for row in connection.execute("PRAGMA integrity_check(1)")]
            broken = connection.execute("PRAGMA foreign_key_check").fetchone()
    except sqlite3.DatabaseError as error:
        raise InvalidBackup(f"is damaged: {error}") from error
    if faults != ["ok"] or broken:
        raise InvalidBackup(
            f"is damaged: {faults[0] if faults != ['ok'] else f'a row of {broken[0]} refers to nothing'}"
        )
    if revision not in newest:
        return Checked(revision, verified=False)
    for fault in _ledger_faults(file):
        raise InvalidBackup(f"has a ledger that does not add up: {fault}")
    return Checked(revision, verified=True)


def _revision(connection: sqlite3.Connection) -> str:
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables >= TABLES:
        raise InvalidBackup("is no database of Stockroom")
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else ""


def _ledger_faults(file: Path) -> Iterator[str]:
    engine = create_engine(f"sqlite:///{file.as_posix()}", poolclass=NullPool)
    with Session(engine) as session:
        yield from verify(session=session)


def _check_header(file: Path) -> None:
    with file.open("rb") as opened:
        if opened.read(len(MAGIC)) != MAGIC:
            raise InvalidBackup("is no SQLite database")


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    """A file beside `path` for its owner's eyes; gone in the end, unless it got another name."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _link(draft: Path, to: Path) -> None:
    """Give a file its name, unless something has that name by now."""
    try:
        os.link(draft, to)
    except FileExistsError:
        raise
    except OSError:  # this file system has no links
        if to.exists():
            raise FileExistsError(f"{to} is there already") from None
        draft.replace(to)
    _sync_folder(to.parent)


def _keep(database: Path) -> Path:
    """Leave the database under a second name. Raises InUse while somebody has it open.

    Its journal is written into it; a damaged database keeps it beside, where it can't damage the next one too.
    """
    kept = database.with_name(f"{database.name}.before-restore-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}")
    journals = {
        database.with_name(database.name + suffix): kept.with_name(kept.name + suffix) for suffix in ("-wal", "-shm")
    }
    for journal, copied in journals.items():
        if journal.exists():
            shutil.copy(journal, copied)  # before SQLite looks at it, which may take a damaged one away
    is_sound = False
    try:
        is_sound = _fold_journal(database)
        _second_name(database, kept)
    finally:
        for journal, copied in journals.items():
            (copied if is_sound or not kept.exists() else journal).unlink(missing_ok=True)
    return kept


def _second_name(file: Path, name: Path) -> None:
    try:
        os.link(file, name)
    except OSError:  # this file system has no links
        shutil.copy(file, name)


def _fold_journal(database: Path) -> bool:
    """Write the journal into the database, which only its one user can do; False if it is damaged."""
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
    """Make the name itself durable; Windows needs no such step, and has none."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
