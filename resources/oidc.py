"""Sign-in with a browser at the OpenID provider, where one is set up."""

from typing import Any

from flask import Response, after_this_request, request, url_for
from flask_restful.reqparse import Namespace

from api import auth, code_flow
from api.inputs import Form, QueryField, takes
from api.outputs import gives
from api.resource import OpenResource
from api.sign_ins import PAIR, begin_sign_in, pair_of
from api.types import Text

COOKIE = "stockroom_oidc"


class _AnswerForm(Form):
    """What a provider sends; it may add to it as it likes, and that is ignored (RFC 6749 section 4.1.2)."""

    def _unknown_parameters(self, parameters: Any) -> Any:
        return (fault for fault in super()._unknown_parameters(parameters) if fault.part in self.query)


answer_form = _AnswerForm(
    QueryField("code", Text(4096), help="To be exchanged for tokens, once."),
    QueryField("state", Text(512), help="Of the sign-in that was begun."),
    QueryField("iss", Text(512), help="Who answers (RFC 9207)."),
    QueryField("error", Text(512), help="Why the provider lets nobody in."),
)


class OidcLoginResource(OpenResource):
    """The door to the OpenID provider."""

    @gives(None, 302, refuses=("not_found", "issuer_unreachable"), name="begin_oidc_login")
    def get(self) -> Any:
        """Go and sign in at the OpenID provider, which sends the browser back to the callback."""
        url, cookie = code_flow.begin(_callback())
        response = Response(status=302, headers={"Location": url})
        response.set_cookie(COOKIE, cookie, max_age=code_flow.LIFETIME, **_cookie_options())
        return response


class OidcCallbackResource(OpenResource):
    """The way back from the OpenID provider."""

    @takes(answer_form)
    @gives(PAIR, refuses=("not_found", "invalid_state", "sign_in_refused", "issuer_unreachable"), name="oidc_callback")
    def get(self, args: Namespace) -> Any:
        """Exchange the code of the provider for tokens of this service; a sign-in that was begun ends here."""
        after_this_request(_forget)
        claims = code_flow.finish(request.cookies.get(COOKIE, ""), args, _callback())
        principal = auth.principal_of(claims)
        if principal is None:
            raise auth.wrong_credentials()
        return pair_of(begin_sign_in(principal))


def _callback() -> str:
    return url_for("oidc_callback", _external=True)


def _forget(response: Response) -> Response:
    response.delete_cookie(COOKIE, **_cookie_options())
    return response


def _cookie_options() -> dict[str, Any]:
    """For the way back only, unseen by scripts; Lax, because it is another site that sends the browser back."""
    return {"path": url_for("oidc_callback"), "secure": request.is_secure, "httponly": True, "samesite": "Lax"}
