"""What the audit keeps of requests that changed nothing: sign-ins that failed, and refusals of access."""

from datetime import timedelta
from functools import partial
from typing import Any

from flask import request

from api.request_id import request_id
from api.requests.text import truncate
from api.services import current_settings, services
from models.database.best_effort import write_best_effort
from models.event import ACCESS, Event
from models.principal import Principal
from models.values import now
from settings import USERNAME_LENGTH

# How long a record may wait for the writer's place, and how seldom the same refusal is told, in seconds.
WAIT = 0.5
REFUSALS_EVERY = 60.0


def record_failed_sign_in(username: str) -> None:
    """Tell that somebody failed to sign in with this name; who it was, nobody knows."""
    stranger = Principal(0, "", "guest", frozenset(), "password", request_id=request_id(), address=request.remote_addr)
    _record("sign_in.failed", {"username": truncate(username, USERNAME_LENGTH)}, stranger)


def record_refusal(principal: Principal, code: str) -> None:
    """Tell that this principal was refused here; the same refusal once a minute, not once a request."""
    if services().refusals.allow((principal.user_id, principal.token_id, request.endpoint, request.method)):
        data = {
            "code": code,
            "method": request.method,
            "path": truncate(request.path, 200),
            "token_id": principal.token_id,
        }
        _record("access.refused", data, principal)


def _record(type_: str, data: dict[str, Any], by: Principal) -> None:
    write_best_effort(f"the event {type_}", partial(_write, type_, data, by), WAIT)


def _write(type_: str, data: dict[str, Any], by: Principal) -> None:
    audit_days = current_settings().audit_days
    Event.record(type_, data, by, stream=ACCESS)
    if audit_days:
        Event.purge_access(before=now() - timedelta(days=audit_days))
