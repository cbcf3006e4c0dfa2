"""Entries of the audit log for requests that changed nothing: failed sign-ins, and refusals of access."""

from datetime import timedelta
from functools import partial
from typing import Any

from flask import request

from api.request_id import request_origin
from api.requests.text import truncate
from api.services import current_settings, services
from models.database.best_effort import write_best_effort
from models.event import ACCESS, Event
from models.principal import Principal
from models.values import now
from settings import USERNAME_LENGTH

# How long an entry may wait for the write lock (SQLite), and how rarely the same refusal is recorded, in seconds.
WAIT = 0.5
REFUSALS_EVERY = 60.0


def record_failed_sign_in(username: str) -> None:
    """Record a failed sign-in with this user name; the actor is unknown."""
    unknown = Principal(0, "", "guest", frozenset(), "password", **request_origin())
    _record("sign_in.failed", {"username": truncate(username, USERNAME_LENGTH)}, unknown)


def record_refusal(principal: Principal, code: str) -> None:
    """Record that this principal was refused access; the same refusal at most once a minute."""
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
