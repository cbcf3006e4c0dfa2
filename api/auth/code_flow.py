"""Sign-in at the OpenID provider with a browser: the authorization code flow with PKCE (RFC 6749, RFC 7636).

The login transaction, from the redirect to the provider to the callback, is kept in a signed cookie, not here.
"""

import hmac
import logging
import re
import time
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.error import HTTPError

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from flask import current_app
from itsdangerous import BadData, URLSafeTimedSerializer

from api.auth import oidc
from api.auth.challenges import unauthorized, wrong_credentials
from api.auth.issuer import FAILURES, TIMEOUT, Issuer, IssuerUnreachable, Provider, fetch
from api.errors import Unreadable
from api.services import services
from api.trace_context import current_trace
from models.people.secrets import SECRET_LENGTH, random_letters
from models.refusals import NotFound

log = logging.getLogger("stockroom")

SCOPE = "openid profile email"
# How long a person may take at the provider, in seconds.
LIFETIME = 600
# How long it is known in the browser where a sign-in began, so that who takes longer is told so there.
KEPT = 86_400


class LoginTransaction(NamedTuple):
    """The secrets of one sign-in: `state` is checked here, `nonce` in the ID token, `verifier` by the provider."""

    state: str
    nonce: str
    verifier: str
    page: bool = False  # whether the page for people began it, and the browser returns there
    started_at: float = 0.0  # in seconds since the epoch; known once it is read


def start_login(redirect_uri: str, *, page: bool) -> tuple[str, str]:
    """Return the URL of the provider to redirect the browser to, and the value of the cookie to set.

    Raises NotFound if no provider is set, IssuerUnreachable if its metadata is unknown and can't be fetched.
    """
    issuer = _issuer()
    state, nonce, verifier = (random_letters(SECRET_LENGTH) for _ in range(3))
    transaction = LoginTransaction(state, nonce, verifier, page)
    url: str = prepare_grant_uri(
        issuer.provider().endpoint("authorization_endpoint"),
        issuer.settings.client_id,
        "code",
        redirect_uri,
        SCOPE,
        transaction.state,
        nonce=transaction.nonce,
        code_challenge=create_s256_code_challenge(transaction.verifier),
        code_challenge_method="S256",
    )
    cookie = _signer().dumps(transaction)
    return url, cookie if isinstance(cookie, str) else cookie.decode()


def read_transaction(cookie: str) -> LoginTransaction:
    """Return the login transaction that was begun in this browser.

    Raises NotFound if no provider is set, Unreadable `invalid_state` if none was begun in the last 24 hours.
    """
    _issuer()
    try:
        fields, signed_at = _signer().loads(cookie, max_age=KEPT, return_timestamp=True)
    except BadData:
        raise _invalid_state() from None
    return LoginTransaction(*fields)._replace(started_at=signed_at.timestamp())


def complete_login(transaction: LoginTransaction, answer: Any, redirect_uri: str) -> oidc.Claims:
    """Return the claims that the provider answers in exchange for the code; `answer` has the query of the callback.

    Raises NotFound if no provider is set, Unreadable `invalid_state` for the callback of another transaction or one
    older than 10 minutes, Challenged (401) if the provider refused, IssuerUnreachable.
    """
    issuer = _issuer()
    if time.time() - transaction.started_at > LIFETIME:
        raise _invalid_state()
    if not hmac.compare_digest(transaction.state.encode(), (answer["state"] or "").encode()):
        raise _invalid_state()
    if answer["iss"] not in (None, issuer.settings.issuer):  # the answer of another provider (RFC 9207)
        raise _invalid_state()
    if answer["error"] or not answer["code"]:
        raise _refused(answer["error"] or "no_code")
    provider = issuer.provider()
    tokens = _exchange(issuer, provider, answer["code"], transaction.verifier, redirect_uri)
    claims = oidc.verify(str(tokens.get("id_token")), issuer, issuer.settings.client_id)
    party = issuer.settings.client_id
    if not claims or claims.get("nonce") != transaction.nonce or claims.get("azp", party) != party:
        raise wrong_credentials()
    return claims


def _issuer() -> Issuer:
    issuer = services().issuer
    if issuer is None:
        raise NotFound("No OpenID provider is set up here (OIDC_ISSUER).")
    return issuer


def _exchange(issuer: Issuer, provider: Provider, code: str, verifier: str, redirect_uri: str) -> dict[str, Any]:
    body = prepare_token_request(
        "authorization_code", "", redirect_uri, code=code, code_verifier=verifier, client_id=issuer.settings.client_id
    )
    url, headers, body = _client_auth(issuer, provider).prepare(
        "POST", provider.endpoint("token_endpoint"), {"Content-Type": "application/x-www-form-urlencoded"}, body
    )
    try:
        tokens: dict[str, Any] = fetch(url, time.monotonic() + TIMEOUT, current_trace(), body.encode(), headers)
    except HTTPError as error:
        if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise IssuerUnreachable from error
        log.warning("the OpenID provider refused a code with status %d", error.code)
        raise _refused("invalid_grant") from error
    except FAILURES as error:
        log.warning("the OpenID provider did not exchange a code: %r", error)
        raise IssuerUnreachable from error
    return tokens


def _client_auth(issuer: Issuer, provider: Provider) -> Any:
    """Return how this service authenticates (OpenID Connect Core section 9): by its secret, if it has one."""
    offered = provider.metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    method = "client_secret_post" if "client_secret_post" in offered else "client_secret_basic"
    secret = issuer.settings.client_secret
    return ClientAuth(issuer.settings.client_id, secret, method if secret else "none")


def _invalid_state() -> Unreadable:
    return Unreadable(
        "invalid_state", "This answers no sign-in that was begun in this browser in the last 10 minutes; begin anew."
    )


def _refused(error: str) -> Exception:
    known = error if re.fullmatch("[a-z_]{1,64}", error) else "an error"
    return unauthorized("sign_in_refused", f"The OpenID provider did not let you in: {known}.")


def _signer() -> URLSafeTimedSerializer:
    keys = [*(current_app.config["SECRET_KEY_FALLBACKS"] or ()), current_app.secret_key or ""]
    return URLSafeTimedSerializer(keys, salt="sign-in at the OpenID provider")
