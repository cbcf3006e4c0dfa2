"""The model `ApiToken`: tokens of scripts, returned once, stored as a hash, revocable at once."""

import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self

from sqlalchemy import ForeignKey, String, bindparam, or_, select, update
from sqlalchemy.orm import Mapped, mapped_column

from models.database.base import Model, db, table_of
from models.database.column_types import Json, UtcTime, exact_text
from models.database.filters import BoundQuery, FilterSet
from models.event import ACCESS, Event
from models.json_schema import ID, TEXT, TIME, list_of, nullable, one_of
from models.location_codes import LOCATIONS, LocationCodes
from models.people.secrets import ALPHABET, SECRET_LENGTH, hashed, random_letters
from models.principal import SCOPES, SYSTEM, Principal
from models.refusals import NotFound
from models.representation import Representation
from models.values import now

PREFIX = "stk_"
CHECKSUM_LENGTH = 6  # CRC-32 in base 62: a mistyped token is refused without a look-up
PAIRS = [first + second for first in ALPHABET for second in ALPHABET]  # two digits of base 62
PREFIX_LENGTH = 12
# The precision of `last_used_at`: one write a minute for each token or cookie, not one a request.
LAST_USE_EVERY = timedelta(seconds=60)
# How long a rotated token remains valid, so that its script can get the successor meanwhile.
OVERLAP = timedelta(hours=24)


class IssuedToken(NamedTuple):
    """A new token: the row, and the secret, which is not stored and so returned only here."""

    row: "ApiToken"
    secret: str


class ApiToken(Model):
    """One API token: the credential of a script, with some of its owner's scopes."""

    __tablename__ = "api_tokens"

    REPRESENTATION = Representation(
        "Token",
        {
            "id": ID,
            "prefix": TEXT,
            "name": TEXT,
            "scopes": list_of(one_of(*SCOPES)),
            "expires_at": nullable(TIME),
            "allowed_ips": nullable(list_of(TEXT)),
            "locations": LOCATIONS,
            "last_used_at": nullable(TIME),
            "last_used_ip": nullable(TEXT),
            "created_at": TIME,
        },
    )
    SCHEMA = REPRESENTATION.schema

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str] = mapped_column(exact_text(100))
    prefix: Mapped[str] = mapped_column(String(16))
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]] = mapped_column(Json())
    expires_in_days: Mapped[int | None] = mapped_column()
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime())
    allowed_ips: Mapped[list[str] | None] = mapped_column(Json())
    # Sorted. None: all locations of the owner.
    location_ids: Mapped[list[int] | None] = mapped_column(Json())
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTime())
    # No foreign key: SQLite adds none to a table that is there.
    successor_id: Mapped[int | None] = mapped_column()
    last_used_at: Mapped[datetime | None] = mapped_column(UtcTime())
    last_used_ip: Mapped[str | None] = mapped_column(String(45))
    created_at: Mapped[datetime] = mapped_column(UtcTime())

    @classmethod
    def issue(
        cls,
        *,
        user_id: int,
        name: str,
        scopes: Sequence[str],
        expires_in_days: int | None,
        allowed_ips: Sequence[str] | None = None,
        location_ids: list[int] | None = None,
        by: Principal = SYSTEM,
    ) -> IssuedToken:
        """Issue a token; without `expires_in_days` it never expires, without `allowed_ips` any address may use it.

        With `location_ids`, which are sorted, it may change stock at no other locations than these.
        """
        secret = new_secret()
        created_at = now()
        token = cls(
            user_id=user_id,
            name=name,
            prefix=secret[:PREFIX_LENGTH],
            hash=hashed(secret),
            scopes=list(scopes),
            expires_in_days=expires_in_days,
            expires_at=created_at + timedelta(days=expires_in_days) if expires_in_days else None,
            allowed_ips=list(allowed_ips) if allowed_ips else None,
            location_ids=location_ids,
            created_at=created_at,
        )
        db.session.add(token)
        db.session.flush()
        Event.record("token.created", token.to_dict(), by, stream=ACCESS)
        return IssuedToken(token, secret)

    @property
    def locations(self) -> list[str]:
        """The codes of the locations that the token is bound to."""
        return LocationCodes().of(self.location_ids)

    @classmethod
    def owned(cls, user_id: int) -> BoundQuery:
        """Return the query of the tokens of a user that are not revoked, expired ones included."""
        return _TOKENS.where(user_id=user_id)

    @classmethod
    def get(cls, token_id: int, user_id: int | None, *, lock: bool = False) -> Self:
        """Return a token of this user, or with None of any; with `lock`, locked.

        Raises NotFound, also for a token that is revoked or another user's.
        """
        token = db.session.get(cls, token_id, with_for_update=lock, populate_existing=lock)
        if token is None or user_id not in (None, token.user_id) or token.revoked_at is not None:
            raise NotFound(f"There is no token {token_id}." if user_id is None else f"You have no token {token_id}.")
        return token

    @classmethod
    def revoke_all_of(cls, user_id: int, by: Principal) -> None:
        """Revoke every token of a user."""
        tokens = select(cls).where(cls.user_id == user_id, cls.revoked_at.is_(None)).order_by(cls.id)
        for token in db.session.scalars(tokens.with_for_update().execution_options(populate_existing=True)).all():
            token.revoke(by)

    @classmethod
    def record_use(cls, token_id: int, address: str | None) -> None:
        """Record the time and address of a use, unless one was recorded within the last minute.

        A row that another transaction has locked is skipped: no request waits for this.
        """
        used_at = now()
        is_stale = or_(cls.last_used_at.is_(None), cls.last_used_at <= used_at - LAST_USE_EVERY)
        unlocked = select(cls.id).where(cls.id == token_id, is_stale).with_for_update(skip_locked=True)
        if db.session.scalar(unlocked) is not None:
            use = (
                update(cls)
                .where(cls.id == token_id)
                .values(last_used_at=used_at, last_used_ip=address and address[:45])
            )
            db.session.execute(use.execution_options(synchronize_session=False))

    def rotate(self, by: Principal, most_days: int | None = None) -> IssuedToken:
        """Issue a successor with the same name, scopes, lifetime, networks and locations; this token is locked.

        With `most_days`, the successor lives no longer than these.
        This one remains valid for another `OVERLAP`, unless it expires sooner. A successor that it has already is
        revoked: its secret may have been lost with the answer, and of two rotations at once one successor is left.
        """
        successor = db.session.get(ApiToken, self.successor_id, with_for_update=True) if self.successor_id else None
        if successor and successor.revoked_at is None:
            successor.revoke(by)
        end = now() + OVERLAP
        self.expires_at = min(self.expires_at or end, end)
        issued = self.issue(
            user_id=self.user_id,
            name=self.name,
            scopes=self.scopes,
            expires_in_days=min(filter(None, (self.expires_in_days, most_days)), default=None),
            allowed_ips=self.allowed_ips,
            location_ids=self.location_ids,
            by=by,
        )
        self.successor_id = issued.row.id
        return issued

    def revoke(self, by: Principal = SYSTEM) -> None:
        """Revoke the token: the next request with it is refused."""
        self.revoked_at = now()
        Event.record("token.revoked", self.to_dict(), by, stream=ACCESS)

    def to_dict(self) -> dict[str, Any]:
        """Return the token as its owner sees it, with no more of the secret than its first letters."""
        return self.REPRESENTATION.of(self)


def new_secret() -> str:
    """Return the secret of a new token: `stk_`, 43 random letters and digits, and their checksum."""
    body = random_letters(SECRET_LENGTH)
    return PREFIX + body + checksum(body)


def is_well_formed(secret: str) -> bool:
    """Return whether this can be a token: whether prefix, length and checksum are right."""
    body, check = secret[len(PREFIX) : -CHECKSUM_LENGTH], secret[-CHECKSUM_LENGTH:]
    return secret.startswith(PREFIX) and len(body) == SECRET_LENGTH and secret.isascii() and checksum(body) == check


def checksum(body: str) -> str:
    """Return the CRC-32 of the random part as six digits of base 62."""
    rest, last = divmod(zlib.crc32(body.encode()), len(PAIRS))
    first, middle = divmod(rest, len(PAIRS))
    return PAIRS[first] + PAIRS[middle] + PAIRS[last]


_TOKENS = FilterSet(
    select(*ApiToken.REPRESENTATION.columns(table_of(ApiToken), locations=ApiToken.location_ids)).where(
        ApiToken.revoked_at.is_(None)
    ),
    {"user_id": ApiToken.user_id == bindparam("user_id")},
)
