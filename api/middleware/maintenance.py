"""Maintenance: while the instance folder has a file named `maintenance`, the API answers 503."""

from flask import Flask, g, request

from api.errors import HttpRefusal
from api.paths import API
from api.services import services

# After which time clients are to retry, in seconds.
RETRY_AFTER = 30


class UnderMaintenance(HttpRefusal):
    """503: an administrator has closed the API for a while."""

    def __init__(self, message: str) -> None:
        super().__init__("maintenance", message, {"Retry-After": str(RETRY_AFTER)})


def init_maintenance(app: Flask) -> None:
    """Refuse requests to the API during maintenance; health, metrics and the pages for people still answer."""
    app.before_request(_refuse_during_maintenance)
    app.teardown_request(_end)


def _refuse_during_maintenance() -> None:
    # The preflight request of a browser (OPTIONS) is answered, or its page could not read the refusal.
    if not request.path.startswith(API) or request.method == "OPTIONS":
        return
    _refuse()
    requests = services().maintenance.requests
    requests.begin()
    try:
        _refuse()  # again: whoever switched it on meanwhile may have seen no request under way
    except UnderMaintenance:
        requests.end()
        raise
    g.is_under_way = True


def _refuse() -> None:
    message = services().maintenance.message()
    if message is not None:
        raise UnderMaintenance(message)


def _end(_: BaseException | None) -> None:
    if g.pop("is_under_way", False):
        services().maintenance.requests.end()
