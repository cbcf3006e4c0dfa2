"""The model `Identity`: which user a subject of an OpenID provider is, whatever their name or address."""

from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ForeignKey, String, UniqueConstraint, bindparam, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from models.database.base import Model, db
from models.database.column_types import UtcTime, exact_text
from models.database.reading import PreparedQuery
from models.database.transactions import RetryTransaction
from models.people.secrets import hashed
from models.people.user import User
from models.principal import ROLES, Principal
from models.refusals import Refusal
from models.values import normalized
from settings import ISSUER_LENGTH, RESERVED_USERNAMES, USERNAME_LENGTH

SUBJECT_LENGTH = 255
SUFFIX_LENGTH = 8


class IdentityClaims(NamedTuple):
    """The claims of a token of the provider: `role` is None if it claims none, `at` is when it was issued.

    `names_roles` is whether the provider is to claim one.
    """

    issuer: str
    subject: str
    name: str
    role: str | None
    at: datetime
    names_roles: bool

    def role_after(self, role: str | None) -> str | None:
        """Return the role that these claims give to whom a token claimed `role` before; None leaves it as it is.

        Once a token has claimed one, another that claims none makes a guest: it was taken away.
        """
        return ROLES[0] if self.names_roles and self.role is None and role is not None else self.role

    def is_newer_than(self, role: str | None, at: datetime) -> bool:
        """Return whether these claims replace the `role` claimed by a token issued at `at`.

        Those of the same second do if their role differs: tokens are dated to the second.
        """
        claimed = self.role_after(role)
        return claimed is not None and self.at >= at and (self.at, claimed) != (at, role)


class IdentityUser(NamedTuple):
    """The user of an identity, with the role that was claimed last and when the token of that claim was issued."""

    id: int
    username: str
    role: str
    active: bool
    location_ids: list[int] | None
    claimed_role: str | None
    claimed_at: datetime


class Identity(Model):
    """One subject of an issuer and its user here; a token issued at `claimed_at` was the last to claim `role`."""

    __tablename__ = "identities"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    issuer: Mapped[str] = mapped_column(exact_text(ISSUER_LENGTH))
    subject: Mapped[str] = mapped_column(exact_text(SUBJECT_LENGTH))
    role: Mapped[str | None] = mapped_column(String(16))
    claimed_at: Mapped[datetime] = mapped_column("told_at", UtcTime())

    @classmethod
    def user_of(cls, issuer: str, subject: str) -> IdentityUser | None:
        """Return the user of a subject and the claimed role, in one look-up; None if the subject is unknown."""
        return _USER_OF.one_or_none(issuer=issuer, subject=subject)

    @classmethod
    def update_user(cls, claims: IdentityClaims, by: Principal) -> None:
        """Create the user for the first token of a subject, later set the claimed role; the last admin remains one.

        Raises RetryTransaction when a concurrent transaction created the user or took the name.
        """
        identity = db.session.scalar(select(cls).where(cls.issuer == claims.issuer, cls.subject == claims.subject))
        if identity is None:
            cls._create(claims, by)
            return
        user = User.get(identity.user_id, lock=True)
        db.session.refresh(identity)  # it was read before the user was locked
        if claims.is_newer_than(identity.role, identity.claimed_at):
            identity.role, identity.claimed_at = claims.role_after(identity.role), claims.at
            with suppress(Refusal):
                user.change(role=identity.role, by=by)

    @classmethod
    def _create(cls, claims: IdentityClaims, by: Principal) -> None:
        try:
            user = User.create(username=_free_name(claims), password_hash="", role=claims.role or "guest", by=by)
            db.session.add(
                cls(
                    user_id=user.id,
                    issuer=claims.issuer,
                    subject=claims.subject,
                    role=claims.role,
                    claimed_at=claims.at,
                )
            )
            db.session.flush()
        except (Refusal, IntegrityError) as error:
            raise RetryTransaction from error


_USER_OF = PreparedQuery(
    select(
        User.id,
        User.username,
        User.role,
        User.active,
        User.location_ids,
        Identity.role.label("claimed_role"),
        Identity.claimed_at,
    )
    .join(Identity, Identity.user_id == User.id)
    .where(Identity.issuer == bindparam("issuer"), Identity.subject == bindparam("subject")),
    IdentityUser,
)


def _free_name(claims: IdentityClaims) -> str:
    """Return the claimed name or, if it is taken, the name with a suffix derived from issuer and subject."""
    if normalized(claims.name) not in RESERVED_USERNAMES and User.by_name(claims.name) is None:
        return claims.name
    suffix = hashed(f"{claims.issuer} {claims.subject}")[:SUFFIX_LENGTH]
    return f"{claims.name[: USERNAME_LENGTH - SUFFIX_LENGTH - 1]}-{suffix}"
