"""Metrics for Prometheus: `/metrics`, outside the base path, without authentication and limits.

Every label has few values: the route of an unknown path is `unknown`, a method that HTTP does not define is `other`.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache

import prometheus_client as prometheus
from flask import Flask
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from api.monitoring.shared_metrics import SharedMetrics
from api.single_flight import SingleFlight
from models.database.base import db
from models.database.reader_pool import reader_pool_of
from models.outbound.status import COUNTED, Lag, failing_subscriptions, lags
from models.stock.movement import ALL_KINDS
from settings import VERSION, Settings

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
# How long the database may take to answer, in seconds.
TIMEOUT = 2.0
# How many combinations of labels are cached.
CACHED = 1024
# The upper bounds of the histogram's buckets, in seconds.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The metrics of one application, in a registry of their own; those of several processes are their sums."""

    def __init__(self, app: Flask, settings: Settings, shared: SharedMetrics | None = None) -> None:
        self.registry = prometheus.CollectorRegistry()
        registry = None if shared else self.registry  # of what this process counts: of several, the files have it
        self.requests = prometheus.Counter(
            "stockroom_http_requests",
            "Requests answered.",
            ["method", "route", "status"],
            registry=registry,
        )
        self.seconds = prometheus.Histogram(
            "stockroom_http_request_duration_seconds",
            "How long requests took, from their arrival at the application to the last byte.",
            ["route"],
            registry=registry,
            buckets=BUCKETS,
        )
        self.movements = prometheus.Counter(
            "stockroom_movements_recorded", "Movements recorded.", ["kind"], registry=registry
        )
        self._movements_of = {kind: self.movements.labels(kind) for kind in ALL_KINDS}
        self.failed_sign_ins = prometheus.Counter(
            "stockroom_sign_in_failures", "Requests whose credential was wrong.", registry=registry
        )
        prometheus.Info("stockroom", "The service.", registry=self.registry).info(
            {"version": VERSION, "environment": settings.app_env}
        )
        prometheus.PlatformCollector(registry=self.registry)
        of_process = (_Connections(app), prometheus.ProcessCollector(registry=None))
        if shared:
            shared.mirror(of_process)
        for collector in (shared.collector(),) if shared else of_process:
            self.registry.register(collector)
        self.registry.register(_Outbound(app))
        self._labelled = lru_cache(CACHED)(self._label)

    def _label(self, method: str, route: str | None, status: int) -> tuple[prometheus.Counter, prometheus.Histogram]:
        route = route or "unknown"
        counted = self.requests.labels(method if method in METHODS else "other", route, status)
        return counted, self.seconds.labels(route)

    def count_request(self, method: str, route: str | None, status: int, seconds: float, problem: str | None) -> None:
        """Count one request and its duration; `problem` is the code of its error response, if it has one."""
        counted, timed = self._labelled(method, route, status)
        counted.inc()
        timed.observe(seconds)
        if problem == "invalid_credentials":
            self.failed_sign_ins.inc()

    def count_movements(self, kinds: Mapping[str, int]) -> None:
        """Count movements that were recorded, so many of each kind."""
        for kind, count in kinds.items():
            self._movements_of[kind].inc(count)


class _Outbound(Collector):
    """What is yet to be sent, read from the database at each scrape; nothing of it while that can't be read."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._running: SingleFlight[str, tuple[list[Lag], int] | None] = SingleFlight("metrics")

    def describe(self) -> Iterator[Metric]:
        """Return nothing: else the registry would collect, and so read, when it is made."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        try:
            read = self._running.start("outbound", self._read).result(TIMEOUT)
        except TimeoutError:
            return
        if read is None:
            return
        found, failing = read
        events = GaugeMetricFamily(
            "stockroom_webhook_lag_events",
            f"Events that a webhook has yet to get, {COUNTED} at most.",
            labels=["webhook"],
        )
        seconds = GaugeMetricFamily(
            "stockroom_webhook_lag_seconds", "How long the first of them has been there.", labels=["webhook"]
        )
        attempts = GaugeMetricFamily(
            "stockroom_webhook_failed_attempts", "Failed attempts of that one so far.", labels=["webhook"]
        )
        for lag in found:
            labels = [str(lag.webhook_id)]
            events.add_metric(labels, lag.events)
            seconds.add_metric(labels, max(0.0, (lag.now - lag.since).total_seconds()) if lag.since else 0.0)
            attempts.add_metric(labels, lag.attempts)
        paused = sum(not lag.active for lag in found)
        yield from (events, seconds, attempts)
        yield GaugeMetricFamily(
            "stockroom_webhooks_paused", "Webhooks that get nothing until they are switched on.", paused
        )
        yield GaugeMetricFamily(
            "stockroom_subscriptions_failing", "Subscriptions whose last mail was not sent.", failing
        )

    def _read(self) -> tuple[list[Lag], int] | None:
        with self._app.app_context():
            try:
                return lags(), failing_subscriptions()
            except SQLAlchemyError:
                return None


class _Connections(Collector):
    """The connections to the database, and the reads that the driver failed, counted at each scrape."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def collect(self) -> Iterator[Metric]:
        with self._app.app_context():
            engine = db.engine
        if isinstance(engine.pool, QueuePool):
            name, help_text = "stockroom_database_connections", "Connections of the pool"
            yield GaugeMetricFamily(f"{name}_in_use", f"{help_text} that are in use.", engine.pool.checkedout())
            yield GaugeMetricFamily(f"{name}_limit", f"{help_text} at most.", engine.pool.size())
        readers = reader_pool_of(engine).state()
        name, help_text = (
            "stockroom_database_reader_connections",
            "Connections that the database driver reads on by itself",
        )
        yield GaugeMetricFamily(f"{name}_in_use", f"{help_text}, in use.", readers.in_use)
        yield GaugeMetricFamily(f"{name}_open", f"{help_text}, in use or idle.", readers.open)
        yield CounterMetricFamily(
            "stockroom_driver_read_failures",
            "Reads that the database driver failed to make, and SQLAlchemy made instead.",
            readers.failures,
        )
