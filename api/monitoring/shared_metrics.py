"""Metrics of several processes that serve on one port: whichever answers `/metrics` answers for all.

Each counts in files of its own in a folder that they share (the multiprocess mode of prometheus_client). They are named
by the number of the process, so one that is started again goes on counting where its predecessor ended, however it did.
"""

import threading
import time
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import Counter, Gauge, values
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from environment import set_metrics_folder

MIB = 1024 * 1024
# The files of a process, and more than they will ever need. They are mapped into memory, where a page that the disk has
# no room for ends the process: so each is written to its end before it is used.
FILES = {"counter": MIB, "histogram": MIB, "gauge_sum": MIB // 16, "gauge_max": MIB // 16}
# What of a process makes no sense as a sum.
NOT_SUMMED = {"process_start_time_seconds", "process_max_fds"}
MIRROR_SECONDS = 1.0


def make_files(folder: Path, processes: int) -> None:
    """Make the files of so many processes; raises OSError where there is no room for them."""
    for number in range(processes):
        for kind, size in FILES.items():
            (folder / f"{kind}_{number}.db").write_bytes(bytes(size))


class SharedMetrics:
    """The metrics of the process of this number in the folder; every metric made from now on counts there."""

    def __init__(self, folder: Path, number: int) -> None:
        self._folder = folder
        self._mirrored: dict[str, tuple[Counter | Gauge, float]] = {}
        set_metrics_folder(folder)
        # Else it would be the pid, and every process that ends would leave files behind.
        values.ValueClass = values.MultiProcessValue(lambda: number)  # type: ignore[no-untyped-call]

    def collector(self) -> Collector:
        """Return the collector of the sums over all processes."""
        return MultiProcessCollector(None, str(self._folder))  # type: ignore[no-untyped-call]

    def mirror(self, collectors: Iterable[Collector]) -> None:
        """Share what these collect, which is without labels, now and once a second from now on."""

        def keep_up() -> None:
            while True:
                time.sleep(MIRROR_SECONDS)
                self._mirror_all(collectors)

        self._mirror_all(collectors)
        threading.Thread(target=keep_up, daemon=True, name="metrics").start()

    def _mirror_all(self, collectors: Iterable[Collector]) -> None:
        for collector in collectors:
            for family in collector.collect():
                self._mirror(family)

    def _mirror(self, family: Metric) -> None:
        name, value = family.name, family.samples[0].value
        if name not in self._mirrored:
            self._mirrored[name] = _like(family), 0.0
        shared, before = self._mirrored[name]
        if isinstance(shared, Counter):
            shared.inc(value - before)
        else:
            shared.set(value)
        self._mirrored[name] = shared, value


def _like(family: Metric) -> Counter | Gauge:
    """Return a metric of the same name and kind, which counts in the files."""
    if family.type == "counter":
        return Counter(family.name, family.documentation, registry=None)
    mode = "max" if family.name in NOT_SUMMED else "sum"
    return Gauge(family.name, family.documentation, registry=None, multiprocess_mode=mode)  # type: ignore[arg-type]
