"""The cookie of a sign-in in a browser (RFC 6265bis): its name and attributes, when it counts, and its look-up.

A page of another site can make a browser send it, so it counts only in what our own pages send. `SameSite` keeps it
from other sites already, but not from other services on the same site.
"""

import re
from datetime import timedelta
from functools import partial

from flask import Request
from flask.globals import request_ctx
from werkzeug.http import dump_cookie

from api.auth.authentication import RECORD_WAIT, principal_with
from api.auth.challenges import OF_OUR_PAGE, unauthorized
from api.auth.sign_ins import session_origin
from api.middleware.cross_site import SAFE, is_ours
from api.middleware.headers import add_header
from api.middleware.hosts import base_url, is_loopback
from api.services import current_settings, services
from models.database.best_effort import write_best_effort
from models.people import credentials
from models.people.credentials import CookieUser
from models.people.secrets import SECRET_LENGTH
from models.people.session import Refreshed, Session
from models.people.token import LAST_USE_EVERY
from models.principal import SCOPES_OF_ROLE, Principal
from models.values import now

# The prefix makes a browser take the cookie from this host alone, over TLS, and for every path.
SECURE_NAME, PLAIN_NAME = "__Host-stockroom", "stockroom"
SECRET = re.compile(f"[0-9A-Za-z]{{{SECRET_LENGTH}}}")
# No browser keeps a cookie for longer (RFC 6265bis, section 5.5).
LONGEST = timedelta(days=400)


def authenticate(request: Request) -> Principal | None:
    """Return the principal of the cookie that was sent with this request; None if none was, or none that counts.

    It is for requests without another credential. Raises Challenged (401) for one that counts and opens nothing.
    Neither that nor a use sets a cookie: a late answer to the user before would take the place of the present one.
    """
    if "HTTP_COOKIE" not in request.environ:
        return None
    secret = request.cookies.get(_name(request))
    if secret is None or not _counts(request):
        return None
    session = credentials.find_by_cookie(secret) if SECRET.fullmatch(secret) else None
    if session is None:
        raise unauthorized("invalid_credentials", "This sign-in has ended or expired; sign in again.")
    _record_use(session)
    scopes = SCOPES_OF_ROLE[session.role]
    return principal_with(session.user_id, session, scopes, "session", session_id=session.session_id)


def set_cookie(begun: Refreshed) -> None:
    """Let the browser keep the cookie of a session that has just begun; the service knows when it ends."""
    _send(begun.secret, begun.ends_at - now() if begun.ends_at else LONGEST)


def delete_cookie() -> None:
    """Let the browser forget the cookie, if it is the credential of this request."""
    environ = request_ctx.request.environ
    if "HTTP_AUTHORIZATION" not in environ and "HTTP_X_API_KEY" not in environ:
        _send("", timedelta(0))


def _counts(request: Request) -> bool:
    """Return whether one of our pages sent this; to change something, with the header that no other page can send.

    Browsers send `Sec-Fetch-Site` wherever they trust the connection; those that are older send `Origin`. At an address
    without TLS they send neither with what they read from where the page is; there that header says it alone.
    """
    environ = request.environ
    is_marked = environ.get(OF_OUR_PAGE) == "1"
    if request.method not in SAFE and not is_marked:
        return False
    site, origin = environ.get("HTTP_SEC_FETCH_SITE"), environ.get("HTTP_ORIGIN")
    if site is not None:
        return bool(site.lower() == "same-origin")
    if origin is not None:
        return is_ours(origin, request)
    return request.method in SAFE and is_marked and (current_settings().public_url or "").startswith("http:")


def _name(request: Request) -> str:
    """Return the name that the cookie has where the service is reached as it is by this request.

    Without TLS a browser keeps no `__Host-` cookie. Then it has the plain name: on this machine, and where the
    administrator has set an address without TLS.
    """
    base = base_url()
    if base.startswith("http:") and (current_settings().public_url or is_loopback(request.host)):
        return PLAIN_NAME
    return SECURE_NAME


def _send(value: str, max_age: timedelta) -> None:
    """Set the cookie in the response of this request; without a value the browser is to delete it."""
    name = _name(request_ctx.request)
    cookie = dump_cookie(name, value, max_age, path="/", secure=name == SECURE_NAME, httponly=True, samesite="Strict")
    add_header("Set-Cookie", cookie)


def _record_use(session: CookieUser) -> None:
    """Record the use of a cookie, which prolongs it, at most once a minute; if that fails, the request goes on."""
    if now() - session.last_used_at < LAST_USE_EVERY or not services().last_uses.allow(("session", session.session_id)):
        return
    lifetime = current_settings().refresh_token_lifetime
    use = partial(Session.record_use, session.session_id, lifetime, session_origin())
    write_best_effort(f"the last use of session {session.session_id}", use, RECORD_WAIT)
