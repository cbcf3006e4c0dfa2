"""Users: list, create, read, change, deactivate; and the current user."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from flask import url_for
from flask_restful.reqparse import Namespace

from api.auth import authentication as auth
from api.auth.accounts import email_type, new_hash, new_username_type, password_type
from api.auth.authentication import current_principal
from api.auth.permissions import any_user, password_required, person_required, scope
from api.errors import InvalidInput, fault
from api.operation import gives, gives_one, gives_page, takes
from api.requests.fields import Field, QueryField
from api.requests.parsers import RequestParser
from api.requests.text import Text
from api.requests.types import Boolean, Choice
from api.resource import ProtectedResource
from api.responses.conditional import answer, check_unchanged
from api.responses.pagination import Paging
from models.database.transactions import transactional
from models.location_codes import LocationCodes
from models.people.user import User
from models.principal import ROLES
from resources.location_parsers import bound_field, bound_ids
from settings import MAX_PASSWORD_LENGTH

role_type = Choice(*ROLES)

email_field = Field("email", email_type, nullable=True)
user_parser = RequestParser(
    Field("username", new_username_type, required=True, help="Unique, ignoring case."),
    Field("password", password_type, required=True),
    Field("role", role_type, help="`guest` if left out."),
    email_field,
    bound_field,
    example={"username": "mia", "password": "a long sentence is best", "role": "member", "email": "mia@example.com"},
    name="NewUser",
)
user_patch_parser = RequestParser(
    Field("role", role_type),
    Field("active", Boolean()),
    Field("password", password_type),
    email_field,
    bound_field,
    refused={"username": ("read_only", "stays what it is: the ledger names it")},
    example={"role": "guest"},
    name="UserPatch",
)
password_parser = RequestParser(
    Field("current_password", Text(MAX_PASSWORD_LENGTH, lines=True), required=True),
    Field("new_password", password_type, required=True),
    example={"current_password": "a long sentence is best", "new_password": "a longer sentence is even better"},
    name="PasswordChange",
)
paging = Paging(User.id, {"username": User.username_key, "created_at": User.created_at})
list_parser = RequestParser(QueryField("role", role_type), QueryField("active", Boolean()), *paging.fields)


class UserListResource(ProtectedResource):
    """All users."""

    permissions = {"GET": scope("users:read"), "POST": scope("users:write")}

    @takes(list_parser)
    @gives_page(User.SCHEMA)
    def get(self, args: Namespace) -> Any:
        """List users, inactive ones included."""
        represent = partial(LocationCodes().represent, User.REPRESENTATION)
        return paging.page_of(User.matching(role=args["role"], active=args["active"]), args, represent)

    @takes(user_parser)
    @gives_one(User.SCHEMA, 201, refuses=("username_taken", "email_taken", "password_required"))
    def post(self, args: Namespace) -> Any:
        """Create a user; an API token makes no admin, and nobody who may change stock where it may not."""
        _check_power(args.get("role"), ROLES[0])
        fields = _bound(args)
        _check_reach(fields.get("location_ids"))
        return _create(**{"role": "guest", **_hashed(fields, args["username"])})


class UserResource(ProtectedResource):
    """One user."""

    permissions = {"GET": scope("users:read"), "PATCH": scope("users:write"), "DELETE": scope("users:write")}

    @gives_one(User.SCHEMA)
    def get(self, user_id: int) -> Any:
        """Read a user."""
        return answer(User.get(user_id).to_dict())

    @takes(user_patch_parser)
    @gives_one(User.SCHEMA, refuses=("last_admin", "email_taken", "no_password", "password_required"))
    def patch(self, args: Namespace, user_id: int) -> Any:
        """Change role, activity, password, address or locations of a user; an API token changes no password."""
        user = User.get(user_id)
        if "password" in args:
            person_required(current_principal())
        return answer(_change(user_id, **_hashed(_bound(args), user.username)))

    @gives(None, 204, refuses=("last_admin",))
    def delete(self, user_id: int) -> Any:
        """Deactivate a user; movements keep the name."""
        _change(user_id, active=False)
        return None, 204


class CurrentUserResource(ProtectedResource):
    """The current user."""

    permissions = {"GET": any_user}

    @gives_one(User.SCHEMA)
    def get(self) -> Any:
        """Read the current user."""
        return answer(User.get(current_principal().user_id).to_dict())


class CurrentPasswordResource(ProtectedResource):
    """The password of the current user."""

    permissions = {"PUT": password_required}

    @takes(password_parser)
    @gives(None, 204, checked=False)
    def put(self, args: Namespace) -> Any:
        """Change the password of the current user; every sign-in made with the old one ends."""
        user = User.get(current_principal().user_id)
        username, verified_hash = user.username, user.password_hash
        if auth.verify_password(username, args["current_password"]) is None:
            raise _wrong_password()
        _replace_password(user.id, verified_hash, new_hash("new_password", args["new_password"], username))
        return None, 204


@transactional
def _create(**fields: Any) -> Any:
    user = User.create(**fields, by=current_principal())
    return answer(user.to_dict(), 201, {"Location": url_for("user", user_id=user.id)})


@transactional
def _change(user_id: int, **changes: Any) -> dict[str, Any]:
    user = _locked(user_id)
    _check_power(changes.get("role"), user.role)
    if changes != {"active": False}:
        _check_reach(changes.get("location_ids", user.location_ids))
    user.change(**changes, by=current_principal())
    return user.to_dict()


@transactional
def _replace_password(user_id: int, verified_hash: str, new_hash: str) -> None:
    user = _locked(user_id)
    if user.password_hash != verified_hash:
        raise _wrong_password()
    user.change(password_hash=new_hash, by=current_principal())


def _locked(user_id: int) -> User:
    """Return the user, locked, in the state that the client's If-Match names."""
    user = User.get(user_id, lock=True)
    check_unchanged(user.to_dict())
    return user


def _check_power(role: str | None, before: str) -> None:
    """Raise Refusal `password_required` if an API token would make an admin, or lower a role.

    Otherwise whoever has one with `users:write` has all that its owner may do, for longer than the token lives.
    """
    if role is not None and (role == ROLES[-1] or ROLES.index(role) < ROLES.index(before)):
        person_required(current_principal())


def _check_reach(location_ids: list[int] | None) -> None:
    """Raise Refusal `password_required` if an API token would leave a user with locations that it does not have."""
    principal = current_principal()
    if principal.location_ids and not (location_ids and principal.location_ids.issuperset(location_ids)):
        person_required(principal)


def _bound(args: Namespace) -> dict[str, Any]:
    """Return the arguments, with the ids of locations instead of their codes; raises InvalidInput."""
    fields = dict(args)
    if "locations" in fields:
        fields["location_ids"] = bound_ids(fields.pop("locations"))
    return fields


def _hashed(args: Mapping[str, Any], username: str) -> dict[str, Any]:
    """Return the arguments, with the hash of the password instead of the password."""
    fields = dict(args)
    if "password" in fields:
        fields["password_hash"] = new_hash("password", fields.pop("password"), username)
    return fields


def _wrong_password() -> InvalidInput:
    return InvalidInput([fault("current_password", "wrong_password", "is not your password")])
