"""Who a user is to the OpenID provider: the issuer and its subject, never a name or an address."""

from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ForeignKey, String, UniqueConstraint, bindparam, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from models.database.base import Model, db
from models.database.column_types import UtcTime, exact_text
from models.database.reading import PreparedQuery
from models.database.transactions import RetryTransaction
from models.people.secrets import hashed
from models.people.user import User
from models.principal import Principal
from models.refusals import Refusal
from settings import ISSUER_LENGTH, USERNAME_LENGTH

SUBJECT_LENGTH = 255
SUFFIX_LENGTH = 8


class IdentityClaims(NamedTuple):
    """What a token tells of somebody: `role` is None if it tells none, `at` is when it was issued."""

    issuer: str
    subject: str
    name: str
    role: str | None
    at: datetime

    def is_newer_than(self, role: str | None, at: datetime) -> bool:
        """Whether it tells a role that was not told before; tokens are dated to the second."""
        return self.role is not None and self.at >= at and (self.at, self.role) != (at, role)


class Identity(Model):
    """One subject of an issuer, and the user it is here; `role` is the one it was told to have, at `told_at`."""

    __tablename__ = "identities"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    issuer: Mapped[str] = mapped_column(exact_text(ISSUER_LENGTH))
    subject: Mapped[str] = mapped_column(exact_text(SUBJECT_LENGTH))
    role: Mapped[str | None] = mapped_column(String(16))
    told_at: Mapped[datetime] = mapped_column(UtcTime())

    @classmethod
    def user_of(cls, issuer: str, subject: str) -> Any:
        """The user and what was told of them, as one row, in one indexed look-up; or None."""
        return _USER_OF.one_or_none(issuer=issuer, subject=subject)

    @classmethod
    def learn(cls, told: IdentityClaims, by: Principal) -> None:
        """Make the user on first sight, or give them the role told; the last admin stays one.

        Raises Overtaken when another transaction met them first, or took the name.
        """
        identity = db.session.scalar(select(cls).where(cls.issuer == told.issuer, cls.subject == told.subject))
        if identity is None:
            cls._meet(told, by)
            return
        user = User.get(identity.user_id, lock=True)
        db.session.refresh(identity)  # it was read before the user was locked
        if told.is_newer_than(identity.role, identity.told_at):
            identity.role, identity.told_at = told.role, told.at
            with suppress(Refusal):
                user.change(role=told.role, by=by)

    @classmethod
    def _meet(cls, told: IdentityClaims, by: Principal) -> None:
        try:
            user = User.create(username=_free_name(told), password_hash="", role=told.role or "guest", by=by)
            db.session.add(
                cls(user_id=user.id, issuer=told.issuer, subject=told.subject, role=told.role, told_at=told.at)
            )
            db.session.flush()
        except (Refusal, IntegrityError) as twin:
            raise RetryTransaction from twin


_USER_OF = PreparedQuery(
    select(
        User.id,
        User.username,
        User.role,
        User.active,
        Identity.role.label("told_role"),
        Identity.told_at,
    )
    .join(Identity, Identity.user_id == User.id)
    .where(Identity.issuer == bindparam("issuer"), Identity.subject == bindparam("subject"))
)


def _free_name(told: IdentityClaims) -> str:
    """The name, or, if somebody has it, the name with a suffix that is this subject's own."""
    if User.by_name(told.name) is None:
        return told.name
    suffix = hashed(f"{told.issuer} {told.subject}")[:SUFFIX_LENGTH]
    return f"{told.name[: USERNAME_LENGTH - SUFFIX_LENGTH - 1]}-{suffix}"
