"""The start: instance folder and secret key, the schema brought up to date, the first admin."""

import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from alembic.util import CommandError
from flask import Flask
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from api.auth.passwords import hash_password, weakness
from environment import misspelt
from models.database.schema import encoding, migrate
from models.people.secrets import random_letters
from models.people.user import User
from models.refusals import LockTimeout
from settings import SECRET_KEY_BYTES, Settings, SettingsError

log = logging.getLogger("stockroom")

PASSWORD_LENGTH = 24


class FirstAdmin(NamedTuple):
    """The admin made at the first start; `password` is set only if it was generated."""

    username: str
    password: str | None


def secret_key(settings: Settings) -> str:
    """Return the key that signs cursors and access tokens: of the settings, or of the instance folder.

    In the folder it is made on first use, readable by its owner alone; the folder is made too, if anything is to be
    kept in it. Raises SettingsError when the folder can't be used, or when the key in it is too short to be safe.
    """
    if settings.secret_key:
        return settings.secret_key
    make_instance_folder(settings)
    path = secret_key_file(settings)
    try:
        if not path.exists():
            _make_secret(path)
        secret = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise _unusable_folder(settings, error) from error
    if len(secret) < SECRET_KEY_BYTES:
        raise SettingsError(
            f"INSTANCE_PATH is {str(path.parent)!r}, whose secret_key is damaged; delete that file to get a new one."
        )
    return secret


def secret_key_file(settings: Settings) -> Path:
    """Return where the secret key is kept, if the settings have none."""
    return settings.instance_path / "secret_key"


def make_instance_folder(settings: Settings) -> None:
    """Make the instance folder, for its owner alone, if it is not there. Raises SettingsError."""
    try:
        settings.instance_path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise _unusable_folder(settings, error) from error


def log_cautions(settings: Settings, processes: int) -> None:
    """Log what is no fault and yet hardly meant: a misspelt setting, limits that each process counts for itself, and
    an instance that others may read."""
    for sentence in misspelt():
        log.warning(sentence)
    in_memory = settings.rate_limit_storage_url.startswith("memory:")
    if processes > 1 and in_memory and (settings.rate_limit or settings.login_rate_limit):
        log.warning(
            "each of %d processes counts RATE_LIMIT and LOGIN_RATE_LIMIT for itself, so a client has as many times "
            "the limit; set RATE_LIMIT_STORAGE_URL to a Redis, where all count together",
            processes,
        )
    kept = (settings.instance_path, secret_key_file(settings), sqlite_file(settings))
    opened = [path for path in kept if path and path.exists() and _is_open(path) and _is_open(path.parent)]
    if opened:
        closing = "; ".join(f"chmod go= '{path}'" for path in opened)
        log.warning("other users of this machine may enter or read the instance; close it:  %s", closing)


def _is_open(path: Path) -> bool:
    """Return whether others than its owner have rights in it; on Windows, install.ps1 sees to that."""
    return os.name == "posix" and path.stat().st_mode & 0o077 != 0


def _unusable_folder(settings: Settings, error: Exception) -> SettingsError:
    return SettingsError(f"INSTANCE_PATH is {str(settings.instance_path)!r}, which can't be used: {error}.")


def _make_secret(path: Path) -> None:
    """Write a new key beside `path` and give it that name whole, unless another start was faster."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(SECRET_KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except OSError:  # it is there by now, or this file system has no links
        if not path.exists():
            draft.replace(path)
    draft.unlink(missing_ok=True)


def prepare(app: Flask, settings: Settings) -> FirstAdmin | None:
    """Bring the database up to date, and make the first admin if there is no user yet.

    Raises SettingsError when the database can't be reached or belongs to a newer version.
    """
    with app.app_context(), _reporting_database(settings):
        bring_up_to_date(settings)
        return None if User.exists() else _make_admin(settings)


def bring_up_to_date(settings: Settings) -> None:
    """Apply the migrations that the database lacks; make the file of SQLite, and the folder for it, if need be.

    Raises SettingsError as `prepare` does.
    """
    if sqlite_file(settings):
        make_instance_folder(settings)
    with _reporting_database(settings):
        if (found := encoding()) != "UTF8":
            raise SettingsError(
                f"{_named(settings)}, whose encoding is {found}; it must be UTF8: "
                "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
            )
        migrate()


@contextmanager
def reporting_url(settings: Settings) -> Iterator[None]:
    """Raise SettingsError where an engine can't be made of the URL of the database: an option has a senseless value."""
    try:
        yield
    except (ArgumentError, TypeError, ValueError) as error:
        raise unusable_database(settings, error) from error


@contextmanager
def _reporting_database(settings: Settings) -> Iterator[None]:
    try:
        yield
    except CommandError as error:
        raise SettingsError(f"{_named(settings)}, which a newer Stockroom has changed: {error}.") from error
    except (DBAPIError, LockTimeout) as error:
        raise unusable_database(settings, error) from error


def unusable_database(settings: Settings, error: Exception) -> SettingsError:
    """Return one sentence that names the database, without its password, and what is wrong with it."""
    reason = " ".join(str(getattr(error, "orig", None) or error).split())
    return SettingsError(f"{_named(settings)}, which can't be used: {reason}")


def sqlite_file(settings: Settings) -> Path | None:
    """Return the file of the database, if it is SQLite."""
    url = make_url(settings.database_url)
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


def database_name(settings: Settings) -> str:
    """Return how people know the database: SQLite's file, or the URL of another without its secrets."""
    file = sqlite_file(settings)
    return _redacted(settings.database_url) if file is None else f"SQLite {file.as_posix()}"


def _named(settings: Settings) -> str:
    return f"DATABASE_URL names {_redacted(settings.database_url)}"


def _make_admin(settings: Settings) -> FirstAdmin | None:
    password = settings.admin_password
    if password and (words := weakness(password, settings.admin_username)):
        raise SettingsError(f"ADMIN_PASSWORD {words}.")
    generated = None if password else random_letters(PASSWORD_LENGTH)
    was_made = User.create_first(settings.admin_username, hash_password(password or generated or ""))
    return FirstAdmin(settings.admin_username, generated) if was_made else None


def _redacted(database_url: str) -> str:
    """Return the URL without what may be secret: the password, and what every option is but the hosts."""
    url = make_url(database_url)
    options = {name: value if name == "host" else "..." for name, value in url.query.items()}
    return url.set(query=options).render_as_string(hide_password=True)
