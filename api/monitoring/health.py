"""Health, for whoever watches the service: `/livez` and `/readyz`, outside the base path, sign-in and limits."""

import threading
from collections.abc import Callable
from concurrent.futures import Future

from flask import Flask, Response, current_app, jsonify
from sqlalchemy.exc import SQLAlchemyError

from api.errors import problem
from api.services import services
from models.database.schema import is_current

# How long the database may take to answer, in seconds: whoever asks is told within two.
TIMEOUT = 1.5
OK = "ok"


def init_health(app: Flask) -> None:
    """Map the two paths."""
    look = SharedLook(lambda: _look_at_database(app))
    app.add_url_rule("/livez", "livez", lambda: jsonify(status=OK))
    app.add_url_rule("/readyz", "readyz", lambda: _ready(look))


def _ready(look: "SharedLook") -> Response:
    """200 when requests would be answered, 503 with what is in the way; each check by its name."""
    database, migrations = look.result(TIMEOUT)
    off = services().maintenance.message()
    checks = {"database": database, "migrations": migrations, "maintenance": OK if off is None else off}
    failed = [f"{name}: {said}" for name, said in checks.items() if said != OK]
    if not failed:
        return jsonify(status=OK, checks=checks)
    return problem("unavailable", "Not ready. " + "; ".join(failed) + ".", checks=checks)


def _look_at_database(app: Flask) -> tuple[str, str]:
    with app.app_context():
        try:
            return OK, OK if is_current() else "the schema is not that of this version"
        except SQLAlchemyError as error:  # its own words could tell a stranger where the database is
            current_app.logger.debug("not ready: %s", error)
            return "can't be read", "unknown"


class SharedLook:
    """A look that may hang: one at a time in a thread of its own, its outcome shared by all who ask meanwhile.

    So a database that does not answer costs one thread, however often somebody asks.
    """

    def __init__(self, look: Callable[[], tuple[str, str]]) -> None:
        self._look = look
        self._lock = threading.Lock()
        self._under_way: Future[tuple[str, str]] | None = None

    def result(self, timeout: float) -> tuple[str, str]:
        """What the look found, if it did within `patience` seconds."""
        with self._lock:
            if self._under_way is None or self._under_way.done():
                self._under_way = Future()
                threading.Thread(target=self._run, args=[self._under_way], daemon=True, name="readyz").start()
            under_way = self._under_way
        try:
            return under_way.result(timeout)
        except TimeoutError:
            return f"has not answered for {timeout} s", "unknown"

    def _run(self, under_way: "Future[tuple[str, str]]") -> None:
        try:
            under_way.set_result(self._look())
        except BaseException as error:
            under_way.set_exception(error)
            raise
