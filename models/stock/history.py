"""The history of a stock: its quantity at times of equal distance, as a plot needs it."""

from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

from sqlalchemy import BigInteger, Select, bindparam, case, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from models.database.filters import Unindexed
from models.database.reading import PreparedQuery
from models.json_schema import INTEGER, TIME, closed
from models.refusals import NotFound, Refusal
from models.stock.item import Item
from models.stock.location import Location
from models.stock.movement import Movement
from models.stock.place import MAIN_ID
from models.values import rfc3339

STEPS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
MAX_POINTS = 1000
SCHEMA = closed("QuantityAt", {"at": TIME, "quantity": INTEGER})
COLUMNS = tuple(SCHEMA["properties"])
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class StepsUntil(FunctionElement[int]):
    """How many steps after a time another one is reached: of (time, start, step), the last two in microseconds.

    Whole numbers, since no database has fractions of a second and of a step that both are exact.
    """

    type = BigInteger()
    inherit_cache = True


def _steps(element: StepsUntil, compiler: SQLCompiler, microseconds: str, division: str) -> str:
    time, start, step = (compiler.process(clause) for clause in element.clauses)
    return f"(({microseconds.format(time)} - {start} + {step} - 1) {division} {step})"


@compiles(StepsUntil)
def _mariadb(element: StepsUntil, compiler: SQLCompiler, **_: Any) -> str:
    return _steps(element, compiler, "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', {0})", "DIV")


@compiles(StepsUntil, "postgresql")
def _postgresql(element: StepsUntil, compiler: SQLCompiler, **_: Any) -> str:
    return _steps(element, compiler, "CAST(EXTRACT(EPOCH FROM {0}) * 1000000 AS BIGINT)", "/")


@compiles(StepsUntil, "sqlite")
def _sqlite(element: StepsUntil, compiler: SQLCompiler, **_: Any) -> str:
    # SQLite would round the second: to itself it is a number of milliseconds.
    second = "CAST(strftime('%s', substr({0}, 1, 19)) AS INTEGER)"
    return _steps(element, compiler, f"({second} * 1000000 + CAST(substr({{0}}, 21) AS INTEGER))", "/")


def _changes(*conditions: Any) -> Select[Any]:
    """Return the sum of the movements between any two points, with the number of the later one."""
    occurred_at = Movement.occurred_at
    start = bindparam("start", type_=BigInteger())
    point = StepsUntil(occurred_at, start, bindparam("step", type_=BigInteger()))
    before = occurred_at <= bindparam("since", type_=occurred_at.type)
    moved = (
        select(case((before, 0), else_=point).label("point"), Movement.delta)
        .where(
            Movement.item_id == bindparam("item_id"),
            occurred_at <= bindparam("last", type_=occurred_at.type),
            *conditions,
        )
        .subquery()
    )
    return select(moved.c.point, func.sum(moved.c.delta).label("delta")).group_by(moved.c.point)


_ITEM = PreparedQuery(select(Item.id).where(Item.id == bindparam("item_id")))
_CHANGES = PreparedQuery(_changes())
_CHANGES_AT = PreparedQuery(
    _changes(Unindexed(func.coalesce(Movement.location_id, MAIN_ID) == bindparam("location_id")))
)


def points_of(since: datetime, until: datetime, step: str) -> int:
    """Return how many points a history has: one at `since`, and one after each step until `until`."""
    return (until - since) // STEPS[step] + 1


def history(
    item_id: int, since: datetime, until: datetime, step: str, location: str | None = None
) -> list[dict[str, Any]]:
    """Return the quantity of an item at each point, as clients see it: `SCHEMA`, of all it has or at a location.

    Raises NotFound, or Refusal `unknown_location`.
    """
    if _ITEM.one_or_none(item_id=item_id) is None:
        raise NotFound(f"There is no item with the id {item_id}.")
    length, count = STEPS[step], points_of(since, until, step)
    times = [since + number * length for number in range(count)]
    values = {"item_id": item_id, "since": since, "last": times[-1]}
    values |= {"start": _microseconds(since - EPOCH), "step": _microseconds(length)}
    if location is None:
        rows = _CHANGES.tuples(**values)
    else:
        location_id = Location.id_of(location)
        if not location_id:
            raise Refusal("unknown_location", f"There is no location with the code {location!r}.")
        rows = _CHANGES_AT.tuples(**values, location_id=location_id)
    deltas = dict.fromkeys(range(count), 0) | {int(point): int(delta) for point, delta in rows}
    quantities = accumulate(deltas.values())
    return [{"at": rfc3339(at), "quantity": quantity} for at, quantity in zip(times, quantities, strict=True)]


def _microseconds(length: timedelta) -> int:
    return length // timedelta.resolution
