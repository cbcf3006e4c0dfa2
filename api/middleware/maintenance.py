"""Maintenance: while the instance folder has a file named `maintenance`, the API answers 503."""

from functools import partial

from flask import Flask
from flask.globals import request_ctx

from api.errors import HttpRefusal
from api.middleware.maintenance_flag import MaintenanceFlag
from api.paths import API
from api.services import services_of

# After which time clients are to retry, in seconds.
RETRY_AFTER = 30
# Where the environment of a request says that it is counted.
UNDER_WAY = "stockroom.under_way"


class UnderMaintenance(HttpRefusal):
    """503: an administrator has closed the API for a while."""

    def __init__(self, message: str) -> None:
        super().__init__("maintenance", message, {"Retry-After": str(RETRY_AFTER)})


def init_maintenance(app: Flask) -> None:
    """Refuse requests to the API during maintenance; health, metrics and the pages for people still answer."""
    flag = services_of(app).maintenance
    app.before_request(partial(_refuse_during_maintenance, flag))
    app.teardown_request(partial(_end, flag))


def _refuse_during_maintenance(flag: MaintenanceFlag) -> None:
    request = request_ctx.request
    # The preflight request of a browser (OPTIONS) is answered, or its page could not read the refusal.
    if not request.path.startswith(API) or request.method == "OPTIONS":
        return
    _refuse(flag)
    flag.requests.begin()
    try:
        _refuse(flag)  # again: whoever switched it on meanwhile may have seen no request under way
    except UnderMaintenance:
        flag.requests.end()
        raise
    request.environ[UNDER_WAY] = True


def _refuse(flag: MaintenanceFlag) -> None:
    message = flag.message()
    if message is not None:
        raise UnderMaintenance(message)


def _end(flag: MaintenanceFlag, _: BaseException | None) -> None:
    if request_ctx.request.environ.pop(UNDER_WAY, False):
        flag.requests.end()
