"""The audit log: its entries for requests that changed nothing (failed sign-ins, refusals of access), and its purge."""

from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, request

from api.middleware.rate_limits import client_network
from api.monitoring.log_lines import without_tokens
from api.paths import API
from api.request_id import request_origin
from api.requests.text import truncate
from api.services import Services, services, services_of
from models.database.best_effort import write_best_effort
from models.event import ACCESS, Event
from models.principal import Principal

# In seconds: how long a write may wait for the write lock (SQLite), and how rarely the same refusal is recorded and the
# audit is purged.
WAIT = 0.5
REFUSALS_EVERY = 60.0
PURGE_EVERY = 3600.0


UNKNOWN = Principal(0, "", "guest", frozenset(), "password")


def init_audit(app: Flask) -> None:
    """Record, with the next request, the failed sign-ins that have only been counted; purge the audit log hourly."""
    app.after_request(partial(_keep_up, services_of(app)))


def count_refused_sign_in() -> None:
    """Count a sign-in that a limit refused; those of a minute are recorded as one."""
    services().failed_sign_ins.add(client_network(), refused=True)


def record_failed_sign_in(username: str | None) -> None:
    """Record a failed sign-in as this user, None for a name that nobody has: it may be a password, typed there.

    Where very many fail from one network in a minute, the later ones are only counted.
    """
    if services().failed_sign_ins.add(client_network()):
        _record("sign_in.failed", {"username": username}, UNKNOWN._replace(**request_origin()))


def _keep_up(shared: Services, response: Response) -> Response:
    """Do what is due after an answer, unless that says that nothing can be written now; nearly always it is nothing."""
    if response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
        for network, attempts in shared.failed_sign_ins.counted():
            _record("sign_in.failed", {"username": None, "attempts": attempts}, UNKNOWN._replace(address=network[:45]))
        if request.path.startswith(API) and shared.audit_purges.is_due():
            keep = timedelta(days=shared.settings.audit_days)
            write_best_effort("the purge of the audit", partial(Event.purge_access, keep), WAIT)
    return response


def record_refusal(principal: Principal, code: str) -> None:
    """Record that this principal was refused access; the same refusal at most once a minute."""
    if services().refusals.allow((principal.user_id, principal.token_id, request.endpoint, request.method)):
        data = {
            "code": code,
            "method": request.method,
            "path": truncate(without_tokens(request.path), 200),
            "token_id": principal.token_id,
        }
        _record("access.refused", data, principal)


def _record(type_: str, data: dict[str, Any], by: Principal) -> None:
    write_best_effort(f"the event {type_}", partial(Event.record, type_, data, by, stream=ACCESS), WAIT)
