"""A peer: FastAPI with SQLAlchemy's ORM, as its tutorials teach it: a session and a user by dependencies,
pydantic models for the answers.

`python fastapi_peer.py FOLDER PORT ITEMS` fills the database in that folder if it is new, and serves it.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict
from sqlalchemy import JSON, ForeignKey, Numeric, String, create_engine, event, func, insert, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from stock import TOKEN, items

LIMIT = 50


class Base(DeclarativeBase):
    """The tables."""


class User(Base):
    """Who sends tokens."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(64), unique=True)
    is_active: Mapped[bool] = mapped_column(default=True)


class ApiToken(Base):
    """A token, by its hash."""

    __tablename__ = "api_tokens"
    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    user: Mapped[User] = relationship(lazy="joined")


class Item(Base):
    """One kind of thing in stock."""

    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(200), index=True)
    description: Mapped[str]
    unit: Mapped[str] = mapped_column(String(32))
    price: Mapped[Decimal] = mapped_column(Numeric(14, 4))
    quantity: Mapped[int]
    reorder_level: Mapped[int | None]
    bin: Mapped[str] = mapped_column(String(100))
    barcode: Mapped[str | None] = mapped_column(String(64), unique=True)
    tags: Mapped[list[str]] = mapped_column(JSON)
    attributes: Mapped[dict[str, Any]] = mapped_column(JSON)
    archived: Mapped[bool] = mapped_column(default=False)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))
    updated_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))


class Movement(Base):
    """One row of the ledger."""

    __tablename__ = "movements"
    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[str] = mapped_column(String(16))
    delta: Mapped[int]
    quantity_after: Mapped[int]
    reason: Mapped[str] = mapped_column(String(500))
    created_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))


class ItemOut(BaseModel):
    """An item as clients see it."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    sku: str
    name: str
    description: str
    unit: str
    price: Decimal
    quantity: int
    reorder_level: int | None
    bin: str
    barcode: str | None
    tags: list[str]
    attributes: dict[str, Any]
    archived: bool
    version: int
    created_at: datetime
    updated_at: datetime


class PageOut(BaseModel):
    """A counted page."""

    data: list[ItemOut]
    total_items: int


class MovementIn(BaseModel):
    """A movement as clients send it."""

    kind: str
    quantity: int
    reason: str


class MovementOut(BaseModel):
    """A movement as clients see it."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    item_id: int
    kind: str
    delta: int
    quantity_after: int
    reason: str
    created_at: datetime


folder, port, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
database = folder / "fastapi.sqlite3"
# Its requests hold a connection while they wait for a thread: with fewer connections than clients, they wait for ever.
engine = create_engine(f"sqlite:///{database}", connect_args={"check_same_thread": False}, pool_size=300)
app = FastAPI()


@event.listens_for(engine, "connect")
def set_pragmas(connection: Any, _: Any) -> None:
    """As durable as the service."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def get_session() -> Iterator[Session]:
    """A session a request."""
    with Session(engine) as session:
        yield session


SessionDep = Annotated[Session, Depends(get_session)]
BearerDep = Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]


def get_user(session: SessionDep, bearer: BearerDep) -> User:
    """Whose token it is."""
    token_hash = sha256(bearer.credentials.encode()).hexdigest()
    token = session.scalar(select(ApiToken).where(ApiToken.token_hash == token_hash))
    if token is None or not token.user.is_active:
        raise HTTPException(401)
    return token.user


UserDep = Annotated[User, Depends(get_user)]


@app.get("/items/{item_id}")
def read_item(item_id: int, session: SessionDep, user: UserDep) -> ItemOut:
    """One item."""
    item = session.get(Item, item_id)
    if item is None:
        raise HTTPException(404)
    return item


@app.get("/items")
def read_items(session: SessionDep, user: UserDep, page: int = 1) -> PageOut:
    """A counted page of items."""
    total = session.scalar(select(func.count()).select_from(Item))
    rows = session.scalars(select(Item).order_by(Item.id).offset((page - 1) * LIMIT).limit(LIMIT)).all()
    return PageOut(data=rows, total_items=total)


@app.post("/items/{item_id}/movements", status_code=201)
def create_movement(item_id: int, body: MovementIn, session: SessionDep, user: UserDep) -> MovementOut:
    """Move stock, and say so in the ledger."""
    guarded = update(Item).where(Item.id == item_id, Item.quantity + body.quantity >= 0)
    quantity = session.scalar(guarded.values(quantity=Item.quantity + body.quantity).returning(Item.quantity))
    if quantity is None:
        raise HTTPException(409)
    movement = Movement(
        item_id=item_id,
        user_id=user.id,
        kind=body.kind,
        delta=body.quantity,
        quantity_after=quantity,
        reason=body.reason,
    )
    session.add(movement)
    session.commit()
    session.refresh(movement)
    return movement


def fill() -> None:
    """Make the tables and their rows."""
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        user = User(username="bench")
        session.add(ApiToken(token_hash=sha256(TOKEN.encode()).hexdigest(), user=user))
        session.execute(insert(Item), [{**item, "price": Decimal(item["price"])} for item in items(1, count)])
        session.commit()


if __name__ == "__main__":
    if not database.exists():
        fill()
    uvicorn.run(app, host="127.0.0.1", port=port)
