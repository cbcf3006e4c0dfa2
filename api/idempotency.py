"""`Idempotency-Key`: a retried request gets the response to the first one, and changes nothing.

Follows draft-ietf-httpapi-idempotency-key-header. The key is stored in the transaction of the change, so
that both are stored or neither is; the response to a refused change (409, 422) is stored too.
"""

import hashlib
import re
from collections.abc import Callable
from typing import Any

from flask import Request, request
from flask.globals import request_ctx
from flask_restful.utils import unpack

from api.auth.authentication import current_principal
from api.errors import HttpRefusal, Unreadable
from api.problems import PROBLEMS
from api.services import current_settings, services
from models import idempotency
from models.database.base import db
from models.database.current_write import savepoint
from models.database.group_commit import short_write
from models.database.transactions import transactional
from models.idempotency import Claim, InProgress
from models.refusals import Refusal

Run = Callable[[], Any]
Body = Callable[[], bytes]

HEADER = "Idempotency-Key"
REPLAYED = {"Idempotent-Replayed": "true"}
STORED_REFUSALS = (409, 422)
# 1 to 255 printable characters, bare or as a quoted string (RFC 9651 section 3.3.3).
KEY = re.compile(r'"(?P<quoted>[ !#-\[\]-~]{1,255})"|(?P<bare>[!#-~][ -~]{0,254})')


def refuse_key(request: Request) -> None:
    """Raise Unreadable (400) for the header where it would be ignored, because the client relies on it."""
    if request.method in ("POST", "PATCH") and HEADER in request.headers:
        raise Unreadable("invalid_header", f"{request.method} does not honour {HEADER} here; leave it out.")


def once(run: Run, body: Body, *, short: bool = False) -> Any:
    """Return what `run` returns, or what it returned when this key was first used; `body` returns the bytes to compare.

    `short` says that it is a short write.

    Raises Refusal `idempotency_in_progress`, `idempotency_key_reused`, or the refusal that was stored.
    """
    key = _sent_key()
    if key is None:
        return run()
    user_id, fingerprint = current_principal().user_id, _fingerprint(body())
    try:
        with services().in_flight.claimed(user_id, key):
            run_or_replay = _in_short_write if short else _in_transaction
            answer = run_or_replay(run, user_id, key, fingerprint)
    except InProgress:
        answer = _replay_answered(user_id, key, fingerprint)
        if answer is None:
            raise
    if isinstance(answer, Refusal):
        raise answer
    return answer


def _sent_key() -> str | None:
    sent = request_ctx.request.environ.get("HTTP_IDEMPOTENCY_KEY")
    if sent is None:
        return None
    match = KEY.fullmatch(sent)
    if match is None:
        raise Unreadable("invalid_header", f"{HEADER} must have 1 to 255 printable characters, quoted or bare.")
    return match["quoted"] or match["bare"]


def _run_or_replay(run: Run, user_id: int, key: str, fingerprint: str) -> Any:
    claimed = idempotency.claim(user_id, key, fingerprint, current_settings().idempotency_lifetime)
    if claimed.status is not None:
        return _replay(claimed)
    try:
        with savepoint():
            answer = run()
    except Refusal as refusal:
        status = PROBLEMS[refusal.code].status
        if status not in STORED_REFUSALS:
            raise
        claimed.store(status, {"code": refusal.code, "detail": refusal.detail, "extra": refusal.extra})
        return refusal
    content, status, headers = unpack(answer)
    claimed.store(status, {"body": content, "headers": headers})
    return answer


_in_transaction, _in_short_write = transactional(_run_or_replay), short_write(_run_or_replay)


def _replay_answered(user_id: int, key: str, fingerprint: str) -> Any:
    """Return the stored response, or None. Whoever held the key may have been another retry, or the sweep."""
    db.session.rollback()  # what the transaction reads from here on includes what was committed meanwhile
    answered = idempotency.answered(user_id, key, fingerprint, current_settings().idempotency_lifetime)
    return answered and _replay(answered)


def _replay(answered: Claim) -> Any:
    outcome, status = answered.outcome, answered.status
    if status in STORED_REFUSALS:
        return HttpRefusal(outcome["code"], outcome["detail"], REPLAYED, **outcome["extra"])
    return outcome["body"], status, {**outcome["headers"], **REPLAYED}


def _fingerprint(body: bytes) -> str:
    """Return a digest of the method, the path, the query and the body, by which requests are compared."""
    digest = hashlib.sha256()
    for part in (request.method.encode(), request.full_path.encode(), body):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
