"""Sign-ins: with a password or at an OpenID provider, refresh, sign out; and registration, where it is open."""

from typing import Any

from flask import Response, after_this_request, request, url_for
from flask_restful.reqparse import Namespace

from api.auth import authentication as auth
from api.auth import code_flow
from api.auth.accounts import email_type, new_hash, new_username_type, password_type, renewed_hash
from api.auth.authentication import current_principal
from api.auth.permissions import session_required
from api.auth.sign_ins import PAIR, begin_session, token_pair
from api.middleware.hosts import base_url
from api.operation import gives, gives_one, takes
from api.requests.fields import Field, QueryField
from api.requests.parsers import RequestParser
from api.requests.text import Text
from api.resource import OpenResource, ProtectedResource
from api.responses.conditional import answer
from api.services import current_settings
from models.database.transactions import transactional
from models.event import ACCESS, Event
from models.people import credentials
from models.people.session import Refreshed, Session, SessionExpired
from models.people.user import User
from models.principal import Principal
from models.refusals import Refusal

credential_type = Text(512, lines=True)
login_parser = RequestParser(
    Field("username", credential_type, required=True),
    Field("password", credential_type, required=True),
    example={"username": "mia", "password": "a long sentence is best"},
    name="Login",
)
refresh_parser = RequestParser(
    Field("refresh_token", Text(200), required=True, help="Of the previous response; it can be used once."),
    example={"refresh_token": "0CqYv…"},
    name="Refresh",
)
registration_parser = RequestParser(
    Field("username", new_username_type, required=True),
    Field("email", email_type, required=True),
    Field("password", password_type, required=True),
    example={"username": "mia", "email": "mia@example.com", "password": "a long sentence is best"},
    name="Registration",
)


COOKIE = "stockroom_oidc"


class _CallbackParser(RequestParser):
    """The response of a provider; parameters that it adds are ignored (RFC 6749 section 4.1.2)."""

    def _unknown_parameters(self, parameters: Any) -> Any:
        return (fault for fault in super()._unknown_parameters(parameters) if fault.part in self.query)


answer_parser = _CallbackParser(
    QueryField("code", Text(4096), help="Exchanged for tokens, once."),
    QueryField("state", Text(512), help="Of the sign-in that was begun."),
    QueryField("iss", Text(512), help="The issuer (RFC 9207)."),
    QueryField("error", Text(512), help="Why the provider refused the sign-in."),
)


class LoginResource(OpenResource):
    """Sign-in with a password."""

    @takes(login_parser)
    @gives(PAIR, name="login")
    def post(self, args: Namespace) -> Any:
        """Sign in with a password; the access token is valid for minutes, the refresh token can be used once."""
        before = credentials.find_by_name(args["username"])
        principal = auth.verify_password(args["username"], args["password"])
        if principal is None or before is None:
            raise auth.wrong_credentials()
        return token_pair(_begin(principal, before.password_hash, renewed_hash(before.password_hash, args["password"])))


class RefreshResource(OpenResource):
    """The renewal of a sign-in."""

    @takes(refresh_parser)
    @gives(PAIR, refuses=("sign_in_expired",), name="refresh")
    def post(self, args: Namespace) -> Any:
        """Exchange a refresh token for a new pair of tokens; using one a second time ends the sign-in."""
        try:
            refreshed = _refresh(args["refresh_token"])
        except SessionExpired:
            raise auth.unauthorized(
                "sign_in_expired", "This sign-in at the OpenID provider is too old; sign in there again."
            ) from None
        if refreshed is None:
            raise auth.wrong_credentials()
        return token_pair(refreshed)


class LogoutResource(ProtectedResource):
    """The end of a sign-in."""

    permissions = {"POST": session_required}

    @gives(None, 204, name="logout")
    @transactional
    def post(self) -> Any:
        """Sign out; the tokens of this sign-in are refused from now on."""
        principal = current_principal()
        Session.end(principal.session_id or 0)
        Event.record("sign_in.ended", {"username": principal.username}, principal, stream=ACCESS)
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

    @gives(None, 302, refuses=("not_found", "issuer_unreachable"), name="begin_oidc_login")
    def get(self) -> Any:
        """Redirect the browser to the OpenID provider, which sends it back to the callback."""
        url, cookie = code_flow.start_login(_callback())
        response = Response(status=302, headers={"Location": url})
        response.set_cookie(COOKIE, cookie, max_age=code_flow.LIFETIME, **_cookie_options())
        return response


class OidcCallbackResource(OpenResource):
    """The callback of the OpenID provider."""

    @takes(answer_parser)
    @gives(PAIR, refuses=("not_found", "invalid_state", "sign_in_refused", "issuer_unreachable"), name="oidc_callback")
    def get(self, args: Namespace) -> Any:
        """Exchange the code of the OpenID provider for tokens of this service."""
        after_this_request(_forget)
        claims = code_flow.complete_login(request.cookies.get(COOKIE, ""), args, _callback())
        principal = auth.principal_of(claims)
        if principal is None:
            raise auth.wrong_credentials()
        return token_pair(begin_session(principal, current_settings().oidc_session_lifetime))


@transactional
def _register(username: str, email: str, password_hash: str) -> Any:
    user = User.create(username=username, email=email, password_hash=password_hash, role="guest")
    return answer(user.to_dict(), 201, {"Location": url_for("user", user_id=user.id)})


@transactional
def _begin(principal: Principal, verified_hash: str, renewed_hash: str | None) -> Refreshed:
    if not User.confirm_password(principal.user_id, verified_hash, renewed_hash):  # the password was changed meanwhile
        raise auth.wrong_credentials()
    return begin_session(principal)


@transactional
def _refresh(refresh_token: str) -> Refreshed | None:
    return Session.refresh(refresh_token, current_settings().refresh_token_lifetime)


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
