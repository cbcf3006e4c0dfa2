"""`/metrics`, outside the base path, authentication and limits; and the movements that it counts."""

from collections import Counter as Tally

from flask import Flask, Response, request
from prometheus_client.exposition import choose_encoder
from sqlalchemy import event
from sqlalchemy.orm import Session

from api.services import services
from models.database.base import db
from models.database.current_write import AFTER_COMMIT, Info
from models.event import RECORDED


def init_metrics(app: Flask) -> None:
    """Add the route `/metrics`."""
    app.add_url_rule("/metrics", "metrics", _page)


def _page() -> Response:
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(services().metrics.registry), content_type=content_type)


@event.listens_for(db.session, "after_commit")
def _count_movements(session: Session) -> None:
    _count_recorded(session.info)


def _count_recorded(info: Info) -> None:
    recorded: Tally[str] = info.pop(RECORDED, Tally())
    for kind, count in recorded.items():
        services().metrics.movements.labels(kind).inc(count)


AFTER_COMMIT.append(_count_recorded)
