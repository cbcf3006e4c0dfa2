"""`/metrics`, outside the base path, authentication and limits; and the movements that it counts."""

from flask import Flask, Response, request
from prometheus_client.exposition import choose_encoder

from api.services import services
from models.database.current_write import AFTER_COMMIT, Info
from models.event import RECORDED


def init_metrics(app: Flask) -> None:
    """Add the route `/metrics`."""
    app.add_url_rule("/metrics", "metrics", _page)


def _page() -> Response:
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(services().metrics.registry), content_type=content_type)


def _count_recorded(info: Info) -> None:
    recorded = info.pop(RECORDED, None)
    if recorded:
        services().metrics.count_movements(recorded)


AFTER_COMMIT.append(_count_recorded)
