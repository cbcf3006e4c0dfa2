"""Sessions: the current one, with the cookie of a browser, and all of one's own."""

from functools import partial
from typing import Any

from flask import url_for
from flask_restful.reqparse import Namespace

from api.auth import cookie
from api.auth.authentication import current_principal
from api.auth.permissions import password_required, session_required
from api.auth.sign_ins import end_current_session, end_session, sign_in
from api.operation import gives, gives_one, gives_page, takes
from api.requests.parsers import RequestParser
from api.resource import OpenResource, ProtectedResource
from api.responses.conditional import answer
from api.responses.pagination import Paging
from models.people.session import Session
from models.people.session_query import SCHEMA, owned, read_current, represent
from resources.sign_in_parsers import login_parser

paging = Paging(Session.id, {"created_at": Session.created_at})
list_parser = RequestParser(*paging.fields)


class NewSessionResource(OpenResource):
    """The session of a browser."""

    @takes(login_parser)
    @gives_one(SCHEMA, 201, name="create_session")
    def post(self, args: Namespace) -> Any:
        """Sign in with a password; the credential is the cookie that the response sets."""
        begun = sign_in(args["username"], args["password"], "cookie")
        cookie.set_cookie(begun)
        return answer(read_current(begun.session_id, begun.user_id), 201, {"Location": url_for("current_session")})


class CurrentSessionResource(ProtectedResource):
    """The session of this request."""

    permissions = dict.fromkeys(("GET", "DELETE"), session_required)

    @gives_one(SCHEMA)
    def get(self) -> Any:
        """Read the session of this request."""
        principal = current_principal()
        return answer(read_current(principal.session_id or 0, principal.user_id))

    @gives(None, 204, checked=False)
    def delete(self) -> Any:
        """Sign out; the tokens or the cookie of this session are refused from now on."""
        end_current_session(current_principal())
        cookie.delete_cookie()
        return None, 204


class SessionListResource(ProtectedResource):
    """The caller's sessions."""

    permissions = {"GET": password_required}

    @takes(list_parser)
    @gives_page(SCHEMA)
    def get(self, args: Namespace) -> Any:
        """List the sessions of the caller; those that have ended or expired are left out."""
        principal = current_principal()
        return paging.page_of(owned(principal.user_id), args, partial(represent, current_id=principal.session_id))


class SessionResource(ProtectedResource):
    """One of the caller's sessions."""

    permissions = {"DELETE": password_required}

    @gives(None, 204, checked=False)
    def delete(self, session_id: int) -> Any:
        """End a session of the caller, on whichever device; its credentials are refused from now on."""
        principal = current_principal()
        end_session(principal, session_id)
        if session_id == principal.session_id:
            cookie.delete_cookie()
        return None, 204
