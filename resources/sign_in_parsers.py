"""What clients may send to sign in, with a password or at an OpenID provider, and to register."""

from typing import Any

from api.auth.accounts import email_type, new_username_type, password_type
from api.requests.fields import Field, QueryField
from api.requests.parsers import RequestParser
from api.requests.text import Text
from api.requests.types import Boolean

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
begin_parser = RequestParser(
    QueryField(
        "page",
        Boolean(),
        help="`true`: the sign-in is for the page, to which the browser then returns with a cookie and without tokens.",
    )
)
