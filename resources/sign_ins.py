"""Sign-ins: with a password or at an OpenID provider, refresh, sign out; and registration, where it is open."""

from typing import Any

from flask import Response, after_this_request, request, url_for
from flask_restful.reqparse import Namespace

from api.auth import authentication as auth
from api.auth import code_flow, cookie
from api.auth.accounts import new_hash
from api.auth.authentication import current_principal
from api.auth.challenges import Challenged, code_of, unauthorized, wrong_credentials
from api.auth.permissions import session_required
from api.auth.sign_ins import PAIR, begin_session, end_current_session, session_origin, sign_in, token_pair
from api.middleware.hosts import base_url
from api.operation import gives, gives_one, takes
from api.paths import PAGE
from api.resource import OpenResource, ProtectedResource
from api.responses.conditional import answer
from api.services import current_settings
from models.database.transactions import transactional
from models.people.session import Kind, Refreshed, Session, SessionExpired
from models.people.user import User
from models.principal import Principal
from models.refusals import Refusal
from resources.sign_in_parsers import answer_parser, begin_parser, login_parser, refresh_parser, registration_parser

# The cookie of a login transaction, which is sent to the callback alone.
COOKIE = "stockroom_oidc"


class LoginResource(OpenResource):
    """Sign-in with a password."""

    @takes(login_parser)
    @gives(PAIR, name="login")
    def post(self, args: Namespace) -> Any:
        """Sign in with a password; the access token is valid for minutes, the refresh token can be used once."""
        return token_pair(sign_in(args["username"], args["password"], "token"))


class RefreshResource(OpenResource):
    """The renewal of a sign-in."""

    @takes(refresh_parser)
    @gives(PAIR, refuses=("sign_in_expired",), name="refresh")
    def post(self, args: Namespace) -> Any:
        """Exchange a refresh token for a new pair of tokens; using one a second time ends the sign-in."""
        try:
            refreshed = _refresh(args["refresh_token"])
        except SessionExpired:
            raise unauthorized(
                "sign_in_expired", "This sign-in at the OpenID provider is too old; sign in there again."
            ) from None
        if refreshed is None:
            raise wrong_credentials()
        return token_pair(refreshed)


class LogoutResource(ProtectedResource):
    """The end of a sign-in."""

    permissions = {"POST": session_required}

    @gives(None, 204, name="logout")
    def post(self) -> Any:
        """Sign out; the tokens or the cookie of this sign-in are refused from now on."""
        end_current_session(current_principal())
        cookie.delete_cookie()
        return None, 204


class RegistrationResource(OpenResource):
    """The registration of a guest."""

    def authorize(self, method: str, principal: Principal | None) -> None:
        """Let everybody pass where registration is open; raise Refusal `registration_closed` otherwise."""
        if not current_settings().allow_registration:
            raise Refusal("registration_closed", "Registration is closed here; ask an administrator.")

    @takes(registration_parser)
    @gives_one(User.SCHEMA, 201, refuses=("registration_closed", "username_taken", "email_taken"), name="register")
    def post(self, args: Namespace) -> Any:
        """Register as a guest, where the service allows it."""
        return _register(args["username"], args["email"], new_hash("password", args["password"], args["username"]))


class OidcLoginResource(OpenResource):
    """Sign-in at the OpenID provider."""

    @takes(begin_parser)
    @gives(None, 302, refuses=("not_found", "issuer_unreachable"), name="begin_oidc_login")
    def get(self, args: Namespace) -> Any:
        """Redirect the browser to the OpenID provider, which sends it back to the callback."""
        page = args["page"] or False
        try:
            url, transaction = code_flow.start_login(_callback(), page=page)
        except Refusal as refusal:
            if not page:
                raise
            return _back_to_page(refusal)
        response = _redirect(url)
        response.set_cookie(COOKIE, transaction, max_age=code_flow.KEPT, **_cookie_options())
        return response


class OidcCallbackResource(OpenResource):
    """The callback of the OpenID provider."""

    @takes(answer_parser)
    @gives(
        PAIR,
        *(200, 302),
        refuses=("not_found", "invalid_state", "sign_in_refused", "issuer_unreachable"),
        name="oidc_callback",
    )
    def get(self, args: Namespace) -> Any:
        """Exchange the code of the OpenID provider for tokens; a sign-in that the page began gets a cookie instead."""
        after_this_request(_forget)
        transaction = code_flow.read_transaction(request.cookies.get(COOKIE, ""))
        if not transaction.page:
            return token_pair(_complete(transaction, args, "token"))
        try:
            cookie.set_cookie(_complete(transaction, args, "cookie"))
        except (Challenged, Refusal) as refusal:
            return _back_to_page(refusal)
        return _redirect(PAGE)


@transactional
def _register(username: str, email: str, password_hash: str) -> Any:
    user = User.create(username=username, email=email, password_hash=password_hash, role="guest")
    return answer(user.to_dict(), 201, {"Location": url_for("user", user_id=user.id)})


@transactional
def _refresh(refresh_token: str) -> Refreshed | None:
    return Session.refresh(refresh_token, current_settings().refresh_token_lifetime, session_origin())


def _complete(transaction: code_flow.LoginTransaction, answer: Namespace, kind: Kind) -> Refreshed:
    """Begin the session of whom the provider has let in; raises Challenged (401) or Refusal."""
    principal = auth.principal_of(code_flow.complete_login(transaction, answer, _callback()))
    if principal is None:
        raise wrong_credentials()
    return begin_session(principal, kind, current_settings().oidc_session_lifetime)


def _back_to_page(refusal: Challenged | Refusal) -> Response:
    return _redirect(f"{PAGE}?problem={code_of(refusal)}")


def _redirect(url: str) -> Response:
    return Response(status=302, headers={"Location": url})


def _callback() -> str:
    return f"{base_url()}{url_for('oidc_callback')}"


def _forget(response: Response) -> Response:
    response.delete_cookie(COOKIE, **_cookie_options())
    return response


def _cookie_options() -> dict[str, Any]:
    """Return the options of the cookie: callback only, hidden from scripts, Lax as another site redirects there."""
    return {
        "path": url_for("oidc_callback"),
        "secure": base_url().startswith("https:"),
        "httponly": True,
        "samesite": "Lax",
    }
