"""Health: `/livez` and `/readyz`, outside the base path, without authentication and limits."""

from collections.abc import Callable
from functools import partial

from flask import Flask, Response, current_app, jsonify
from sqlalchemy.exc import SQLAlchemyError

from api.errors import problem
from api.services import services
from api.single_flight import SingleFlight
from models.database.schema import is_current
from models.outbound.status import standing_still
from models.values import rfc3339

# How long the database may take to answer, in seconds, so that the caller has a response within two.
TIMEOUT = 1.5
OK = "ok"

DatabaseCheck = SingleFlight[str, tuple[str, str, str]]


def init_health(app: Flask) -> None:
    """Add the two routes."""
    running: DatabaseCheck = SingleFlight("readyz")
    app.add_url_rule("/livez", "livez", lambda: jsonify(status=OK))
    app.add_url_rule("/readyz", "readyz", lambda: _ready(*check_database(running, partial(_check, app), TIMEOUT)))


def _ready(database: str, migrations: str, sender: str) -> Response:
    """Answer 200 if the service can answer requests, otherwise 503 with the checks that failed, each by its name.

    It can although nothing is sent; then `sender` says so.
    """
    message = services().maintenance.message()
    checks = {"database": database, "migrations": migrations, "maintenance": OK if message is None else message}
    failed = [f"{name}: {result}" for name, result in checks.items() if result != OK]
    if sender != OK:
        checks["sender"] = sender
    if not failed:
        return jsonify(status=OK, checks=checks)
    return problem("unavailable", "Not ready. " + "; ".join(failed) + ".", checks=checks)


def check_database(
    running: DatabaseCheck, check: Callable[[], tuple[str, str, str]], timeout: float
) -> tuple[str, str, str]:
    """Return the states of database, schema and sender, from a check that all who ask at the same time share.

    So a database that does not answer occupies one thread, however many requests ask; each waits `timeout` seconds.
    """
    try:
        return running.start("database", check).result(timeout)
    except TimeoutError:
        return f"has not answered for {timeout} s", "unknown", "unknown"


def _check(app: Flask) -> tuple[str, str, str]:
    with app.app_context():
        try:
            if not is_current():
                return OK, "the schema is not that of this version", "unknown"
            since = standing_still()
        except SQLAlchemyError as error:  # its message could reveal the address of the database
            current_app.logger.debug("not ready: %s", error)
            return "can't be read", "unknown", "unknown"
    return OK, OK, OK if since is None else f"nothing is sent, although webhooks wait since {rfc3339(since)}"
