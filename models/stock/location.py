"""The model `Location`: a place where stock lies. There is always the main one, and one of them is the default."""

from datetime import datetime
from typing import Any, Self

from sqlalchemy import Boolean, ColumnElement, bindparam, false, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column

from models.database.base import Model, db, table_of
from models.database.column_types import UtcTime, exact_text
from models.database.filters import BoundQuery, FilterSet
from models.database.reading import PreparedQuery
from models.database.transactions import RetryTransaction, is_writing, refusing_duplicates
from models.event import Event
from models.json_schema import BOOLEAN, ID, TEXT, TIME
from models.principal import Principal
from models.refusals import NotFound, Refusal
from models.representation import Representation
from models.stock.item_fields import NORMALIZED_GROWTH
from models.stock.location_stock import LocationStock
from models.stock.place import IN_TRANSIT_ID, MAIN_ID, Place
from models.stock.reservation import Reservation
from models.stock.transfer import Transfer
from models.values import normalized, now

CODE_LENGTH = 64
NAME_LENGTH = 200


class Location(Model):
    """A place where stock lies. `is_default` is true for the one that a movement is at which names none, else None."""

    __tablename__ = "locations"

    REPRESENTATION = Representation(
        "Location",
        {
            "id": ID,
            "code": TEXT,
            "name": TEXT,
            "default": BOOLEAN,
            "archived": BOOLEAN,
            "version": ID,
            "created_at": TIME,
            "updated_at": TIME,
        },
    )
    SCHEMA = REPRESENTATION.schema

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(exact_text(CODE_LENGTH))
    code_key: Mapped[str] = mapped_column(exact_text(CODE_LENGTH * NORMALIZED_GROWTH), unique=True)
    name: Mapped[str] = mapped_column(exact_text(NAME_LENGTH))
    is_default: Mapped[bool | None] = mapped_column(Boolean(), unique=True)
    archived: Mapped[bool] = mapped_column(Boolean())
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcTime())
    updated_at: Mapped[datetime] = mapped_column(UtcTime())

    @property
    def default(self) -> bool:
        """Whether a movement that names no location is at this one."""
        return bool(self.is_default)

    @classmethod
    def create(cls, *, by: Principal, code: str, name: str = "", default: bool = False) -> Self:
        """Add a location and return it; raises Refusal `code_taken`."""
        if default:
            _wait_for_changes()
        created_at = now()
        location = cls(
            code=code,
            code_key=normalized(code),
            name=name,
            is_default=None,
            archived=False,
            version=1,
            created_at=created_at,
            updated_at=created_at,
        )
        db.session.add(location)
        location._flush()
        if default:
            location._become_default(by)
        Event.record("location.created", location.to_dict(), by)
        return location

    @classmethod
    def get(cls, location_id: int, *, lock: bool = False) -> Self:
        """Return the location; with `lock`, only this transaction changes locations until it ends. Raises NotFound."""
        return cls._get_one(cls.id, location_id, lock, f"id {location_id}")

    @classmethod
    def by_code(cls, code: str, *, lock: bool = False) -> Self:
        """Return the location with this code in any case, like `get`."""
        return cls._get_one(cls.code_key, normalized(code), lock, f"code {code!r}")

    @classmethod
    def _get_one(cls, column: InstrumentedAttribute[Any], value: Any, lock: bool, name: str) -> Self:
        if lock:
            cls._lock_with_default(column == value)
        query = select(cls).where(column == value, cls.id != IN_TRANSIT_ID)
        found = db.session.scalars(query.execution_options(populate_existing=lock)).one_or_none()
        if found is None:
            raise NotFound(f"There is no location with the {name}.")
        return found

    @classmethod
    def _lock_with_default(cls, condition: ColumnElement[bool]) -> None:
        """Lock a location, and the one that may stop being the default, in the order of their ids."""
        # One by one: MariaDB reads all of a small table, and would lock that of goods on their way in passing.
        _wait_for_changes()
        query = select(cls.id).where(or_(condition, cls.is_default.is_(True)), cls.id != IN_TRANSIT_ID)
        for location_id in db.session.scalars(query.order_by(cls.id)).all():
            db.session.execute(select(cls.id).where(cls.id == location_id).with_for_update())

    @classmethod
    def default_place(cls) -> Place:
        """Return the location of a movement that names none; a write that asks ends before it is archived.

        Raises RetryTransaction if another location has just become the default.
        """
        [row] = _DEFAULT.rows()
        if row.id != MAIN_ID and is_writing() and not _LOCK_DEFAULT.rows(id=row.id):
            raise RetryTransaction
        return Place.of(row.id, row.code)

    @classmethod
    def id_of(cls, code: str) -> int:
        """Return the id of the location with this code in any case; 0, which none has, if there is none."""
        row = _ID_OF.one_or_none(key=normalized(code))
        return row.id if row else 0

    @classmethod
    def versions(cls, *, lock: bool = False) -> dict[int, int]:
        """Return the version of each location by id; with `lock`, none changes until the transaction ends."""
        query = select(cls.id, cls.version).order_by(cls.id)
        rows = db.session.execute(query.with_for_update(read=True) if lock else query)
        return {row.id: row.version for row in rows}

    @classmethod
    def are_several(cls) -> bool:
        """Return whether there is another location than one, archived ones aside."""
        return len(_SOME.rows()) > 1

    @classmethod
    def matching(cls, *, archived: bool = False) -> BoundQuery:
        """Return the query of the locations that are archived, or of those that are not."""
        return _LOCATIONS.where(archived=archived)

    def change(self, *, by: Principal, code: str | None = None, name: str | None = None, default: bool = False) -> bool:
        """Set what is given of a locked location and return whether anything changed.

        With `default` it becomes the default one. Raises Refusal `location_archived` or `code_taken`.
        """
        if self.archived:
            raise Refusal("location_archived", f"Location {self.code!r} is archived; restore it first.")
        given = {"code": code, "name": name}
        changed = {key: value for key, value in given.items() if value is not None and value != getattr(self, key)}
        becomes_default = default and not self.is_default
        if not changed and not becomes_default:
            return False
        for key, value in changed.items():
            setattr(self, key, value)
        self.code_key = normalized(self.code)
        self._touch()
        self._flush()
        if becomes_default:
            self._become_default(by)
        Event.record("location.updated", self.to_dict(), by)
        return True

    def set_archived(self, archived: bool, *, by: Principal) -> bool:
        """Archive or restore a locked location; return whether anything changed.

        Raises Refusal `location_in_use` for one to be archived that is the main or the default one, has stock, or has
        goods on their way.
        """
        if self.archived == archived:
            return False
        if archived:
            self._check_unused()
        self.archived = archived
        self._touch()
        db.session.flush()
        Event.record("location.archived" if archived else "location.restored", self.to_dict(), by)
        return True

    def _become_default(self, by: Principal) -> None:
        """Take being the default from the one that is it; no other transaction changes a location meanwhile."""
        query = select(Location).where(Location.is_default.is_(True))
        before = db.session.scalars(query.execution_options(populate_existing=True)).one()
        before.is_default = None
        before._touch()
        db.session.flush()
        Event.record("location.updated", before.to_dict(), by)
        self.is_default = True
        db.session.flush()

    def _check_unused(self) -> None:
        if self.id == MAIN_ID:
            reason = "is the main location; give it another code or name instead"
        elif self.is_default:
            reason = "is the default location; make another one the default first"
        elif LocationStock.is_at(self.id):
            reason = "has stock; move it first"
        elif Transfer.is_on_its_way(self.id):
            reason = "has goods on their way from or to it; receive them first"
        elif Reservation.is_open_at(self.id):
            reason = "has reservations; release them first"
        else:
            return
        raise Refusal("location_in_use", f"Location {self.code!r} {reason}.")

    def _touch(self) -> None:
        self.version += 1
        self.updated_at = now()

    def _flush(self) -> None:
        taken = Refusal("code_taken", f"There is a location with the code {self.code!r} already.")
        with refusing_duplicates(uq_locations_code_key=taken):
            db.session.flush()

    def to_dict(self) -> dict[str, Any]:
        """Return the location as clients see it."""
        return self.REPRESENTATION.of(self)


def _wait_for_changes() -> None:
    """Lock the main location, as whoever changes one does first: so no two changes of locations run at the same time.

    Of the movements, only those that name the main location wait for it.
    """
    db.session.execute(_LOCK_MAIN)


_table = table_of(Location)
_LOCATIONS = FilterSet(
    select(*Location.REPRESENTATION.columns(_table, default=_table.c.is_default.is_not(None))).where(
        _table.c.id != IN_TRANSIT_ID
    ),
    {"archived": Location.archived == bindparam("archived")},
)
_DEFAULT = PreparedQuery(select(_table.c.id, _table.c.code).where(_table.c.is_default == true()))
_ID_OF = PreparedQuery(select(_table.c.id).where(_table.c.code_key == bindparam("key")))
_SOME = PreparedQuery(select(_table.c.id).where(_table.c.archived == false(), _table.c.id != IN_TRANSIT_ID).limit(2))
_LOCK_DEFAULT = PreparedQuery(
    select(_table.c.id).where(_table.c.id == bindparam("id"), _table.c.is_default == true()).with_for_update(read=True)
)
_LOCK_MAIN = select(_table.c.id).where(_table.c.id == MAIN_ID).with_for_update()
