"""The model `User`: its table, its look-ups and operations, and the rule that one admin always remains."""

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Boolean, CheckConstraint, ColumnElement, String, and_, bindparam, column, or_, select, table
from sqlalchemy.orm import Mapped, mapped_column

from models.database.base import Model, db, table_of
from models.database.column_types import Json, UtcTime, exact_text
from models.database.filters import BoundQuery, FilterSet
from models.database.transactions import refusing_duplicates, transactional
from models.event import ACCESS, Event
from models.json_schema import BOOLEAN, ID, TEXT, TIME, nullable, one_of
from models.location_codes import LOCATIONS, LocationCodes
from models.people.session import Session
from models.people.token import ApiToken
from models.principal import ROLES, SYSTEM, Principal
from models.refusals import NotFound, Refusal
from models.representation import Representation
from models.values import normalized, now

EMAIL_LENGTH = 254
# The columns whose names clients do not see, with what they change.
CHANGED = {"password_hash": "password", "location_ids": "locations"}


class User(Model):
    """One person; never deleted, because the ledger refers to them.

    A user of an OpenID provider has no password: `password_hash` is empty, which no password matches.
    """

    __tablename__ = "users"
    __table_args__ = (CheckConstraint(f"role IN {ROLES}", name="role"),)

    REPRESENTATION = Representation(
        "User",
        {
            "id": ID,
            "username": TEXT,
            "email": nullable(TEXT),
            "role": one_of(*ROLES),
            "active": BOOLEAN,
            "locations": LOCATIONS,
            "created_at": TIME,
            "updated_at": TIME,
        },
    )
    SCHEMA = REPRESENTATION.schema

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(exact_text(64))
    username_key: Mapped[str] = mapped_column(exact_text(64), unique=True)
    email: Mapped[str | None] = mapped_column(exact_text(EMAIL_LENGTH))
    email_key: Mapped[str | None] = mapped_column(exact_text(EMAIL_LENGTH), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(16))
    active: Mapped[bool] = mapped_column(Boolean())
    # Sorted. None: all locations.
    location_ids: Mapped[list[int] | None] = mapped_column(Json())
    created_at: Mapped[datetime] = mapped_column(UtcTime())
    updated_at: Mapped[datetime] = mapped_column(UtcTime())

    @classmethod
    def create(
        cls,
        *,
        username: str,
        password_hash: str,
        role: str,
        email: str | None = None,
        location_ids: list[int] | None = None,
        by: Principal = SYSTEM,
    ) -> Self:
        """Add a user and return it; raises Refusal `username_taken` or `email_taken`, both compared without case.

        With `location_ids`, which are sorted, the user may change stock at these locations only.
        """
        created_at = now()
        user = cls(
            username=username,
            username_key=normalized(username),
            email=email,
            email_key=email and normalized(email),
            password_hash=password_hash,
            role=role,
            active=True,
            location_ids=location_ids,
            created_at=created_at,
            updated_at=created_at,
        )
        with _refusing_duplicates(username, email):
            db.session.add(user)
            db.session.flush()
        Event.record("user.created", user.to_dict(), by, stream=ACCESS)
        return user

    @classmethod
    @transactional
    def create_first(cls, username: str, password_hash: str) -> bool:
        """Add an admin if there is no user yet; return whether one was added.

        Processes that start at the same time wait for a lock: of one row or, on SQLite, of the file.
        """
        db.session.execute(select(column("version_num")).select_from(table("alembic_version")).with_for_update())
        if cls.exists():
            return False
        cls.create(username=username, password_hash=password_hash, role="admin")
        return True

    @classmethod
    def get(cls, user_id: int, *, lock: bool = False) -> Self:
        """Return the user; with `lock`, lock its row until the transaction ends. Raises NotFound.

        All active admins are locked with the user, in the order of their ids: when two admins demote each other
        concurrently, one waits for the other and then finds that no other admin is left.
        """
        users = select(cls).where(cls.id == user_id)
        if lock:
            users = select(cls).where(or_(cls.id == user_id, active_admin())).order_by(cls.id)
            users = users.with_for_update(key_share=True).execution_options(populate_existing=True)
        user = next((user for user in db.session.scalars(users).all() if user.id == user_id), None)
        if user is None:
            raise NotFound(f"There is no user {user_id}.")
        return user

    @property
    def locations(self) -> list[str]:
        """The codes of the locations that the user is bound to."""
        return LocationCodes().of(self.location_ids)

    @property
    def has_password(self) -> bool:
        """Whether the user signs in with a password here, and not at an OpenID provider."""
        return bool(self.password_hash)

    @classmethod
    def by_name(cls, username: str) -> Self | None:
        """Return the user with this name in any case, or None."""
        return db.session.scalar(select(cls).where(cls.username_key == normalized(username)))

    @classmethod
    def confirm_password(cls, user_id: int, verified_hash: str, renewed_hash: str | None) -> bool:
        """Return whether the user is active and the hash that a password was verified against is still theirs.

        The row stays locked until the transaction ends. `renewed_hash`, of the same password, replaces the hash; no
        session ends by that.
        """
        users = select(cls).where(cls.id == user_id).with_for_update().execution_options(populate_existing=True)
        user = db.session.scalar(users)
        if user is None or not user.active or user.password_hash != verified_hash:
            return False
        user.password_hash = renewed_hash or verified_hash
        return True

    @classmethod
    def exists(cls) -> bool:
        """Return whether there is any user."""
        return db.session.scalar(select(cls.id).limit(1)) is not None

    @classmethod
    def matching(cls, *, role: str | None = None, active: bool | None = None) -> BoundQuery:
        """Return the query of the users with this role and activity; None means any."""
        return _USERS.where(role=role, active=active)

    def change(self, *, by: Principal = SYSTEM, **changes: Any) -> None:
        """Set columns of a locked user; values that are equal change nothing.

        The columns are `email`, `role`, `active`, `location_ids` and `password_hash`.

        A new password and a user who is not active end all sessions; deactivation revokes all tokens, for good. Raises
        Refusal `last_admin` when no active admin would be left, `email_taken` when another user has the address,
        `no_password` for a new password of a user who has none.
        """
        changes = {name: value for name, value in changes.items() if value != getattr(self, name)}
        if not changes:
            return
        if "password_hash" in changes and not self.has_password:
            raise Refusal("no_password", f"{self.username} signs in at the OpenID provider and has no password here.")
        if self._leaves_admins(changes) and not self._other_admins():
            raise Refusal("last_admin", f"{self.username} is the last active admin; name another first.")
        email = changes.get("email", self.email)
        with _refusing_duplicates(self.username, email):
            for name, value in changes.items():
                setattr(self, name, value)
            self.email_key = email and normalized(email)
            self.updated_at = now()
            db.session.flush()
        if "password_hash" in changes or not self.active:
            Session.end_all_of(self.id)
        if "active" in changes:  # both times: a request under way may have made a token since the user was deactivated
            ApiToken.revoke_all_of(self.id, by)
        data = {**self.to_dict(), "changed": sorted(CHANGED.get(name, name) for name in changes)}
        Event.record("user.updated", data, by, stream=ACCESS)

    def _leaves_admins(self, changes: dict[str, Any]) -> bool:
        was_admin = self.role == "admin" and self.active
        role, active = changes.get("role", self.role), changes.get("active", self.active)
        return was_admin and not (role == "admin" and active)

    def _other_admins(self) -> bool:
        others = select(User.id).where(active_admin(), User.id != self.id).limit(1)
        return db.session.scalar(others) is not None

    def to_dict(self) -> dict[str, Any]:
        """Return the user as clients see it: without the password hash."""
        return self.REPRESENTATION.of(self)


def active_admin() -> ColumnElement[bool]:
    """Return the condition for active admins, of whom at least one must always remain."""
    return and_(User.role == "admin", User.active.is_(True))


_USERS = FilterSet(
    select(*User.REPRESENTATION.columns(table_of(User), locations=User.location_ids)),
    {"role": User.role == bindparam("role"), "active": User.active == bindparam("active")},
)


def _refusing_duplicates(username: str, email: str | None) -> AbstractContextManager[None]:
    return refusing_duplicates(
        uq_users_username_key=Refusal("username_taken", f"There is a user {username!r} already."),
        uq_users_email_key=Refusal("email_taken", f"Another user has the address {email!r}."),
    )
