"""What was measured, as a table for readers and a plot for the README."""

import os
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import matplotlib as mpl
from measuring import ADDED, LOOSE, POSTGRESQL, PROCESSES, Measured
from services import BENCH

mpl.use("Agg")
from matplotlib import pyplot as plt

US = "Stockroom"
PEERS = {"FastAPI": "FastAPI + SQLAlchemy, uvicorn", "Django": "Django REST framework, waitress"}
NAMES = {
    **PEERS,
    "hello": 'Flask-RESTful "hello", waitress',
    "bare": "bare WSGI, waitress",
}
COLOURS = {
    US: "#1f6f5c",
    LOOSE: "#7db3a4",
    PROCESSES: "#3f8f7c",
    POSTGRESQL: "#4f7fa6",
    "FastAPI": "#8fa3ad",
    "Django": "#b9a77c",
    "hello": "#d5d5d5",
    "bare": "#e5e5e5",
}


def write(measured: Measured) -> None:
    """Write bench/results.md and bench/results.png."""
    text = "\n".join([*preface(measured), *rates(measured), *single_figures(measured), *judged(measured)])
    (BENCH / "results.md").write_text(f"{text}\n", encoding="utf-8")
    plot(measured, BENCH / "results.png")
    print(text)


def preface(measured: Measured) -> Iterator[str]:
    """Where, when, how loaded."""
    shares = ", ".join(f"{share:.0%}" for share in measured.others)
    yield "# Measured"
    yield ""
    yield f"By `python bench/run.py`, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, at commit {measured.commit}."
    yield f"Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} processors."
    yield f"Median of {measured.rounds} rounds of {measured.seconds} s each, by turns;"
    yield "a round with any wrong answer is invalid and does not count."
    yield f"Load average before: {measured.load:.1f}. Of the processors' time, others took {shares} in the rounds."
    yield "Ratios within a run say more than rates: [docs/performance.md](../docs/performance.md) explains each row."
    yield ""


def rate(measured: Measured, work: str, service: str = US) -> float:
    """The median rate; 0 where no round was valid."""
    return median(measured.rates.get((work, service), [0.0]))


def rates(measured: Measured) -> Iterator[str]:
    """The table of works; ratios are those of the service's rate to that of another at the same work."""
    yield "| work | service | answers/s | min | max | p99 ms | CPU ms | × hello | × FastAPI | × Django | invalid |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    keys = dict.fromkeys([*measured.rates, *measured.invalid])
    for work, service in sorted(keys, key=lambda key: [work for work, _ in keys].index(key[0])):
        found = measured.rates.get((work, service), [0.0])
        ratios = " | ".join(
            f"{median(found) / rate(measured, work, other):.2f}"
            if rate(measured, work, other) and service != other
            else ""
            for other in ("hello", *PEERS)
        )
        p99 = median(measured.p99.get((work, service), [0.0]))
        cost = median(measured.cost.get((work, service), [0.0]))
        figures = f"{median(found):,.0f} | {min(found):,.0f} | {max(found):,.0f} | {p99:.1f} | {cost:.2f} | {ratios}"
        yield f"| {work} | {NAMES.get(service, service)} | {figures} | {measured.invalid.get((work, service), 0)} |"
    yield ""


def single_figures(measured: Measured) -> Iterator[str]:
    """What is measured once."""
    yield "| | start to first answer, s | idle, MB |"
    yield "| --- | ---: | ---: |"
    for service, seconds in measured.starts.items():
        yield f"| {NAMES.get(service, service)} | {seconds:.2f} | {measured.idle[service]:.0f} |"
    yield ""
    yield f"| {US} | |"
    yield "| --- | ---: |"
    yield from (f"| {name} | {value:,.0f} |" for name, value in measured.once.items())
    yield ""


def judged(measured: Measured) -> Iterator[str]:
    """The targets of the project, and which are met."""
    yield "| target | wanted | measured | met |"
    yield "| --- | ---: | ---: | --- |"
    for name, sign, wanted, value in targets(measured):
        met = value >= wanted if sign == "≥" else 0 < value <= wanted
        yield f"| {name} | {sign} {wanted:,g} | {value:,.{0 if value >= 100 else 2}f} | {'yes' if met else '**no**'} |"


def targets(measured: Measured) -> Iterator[tuple[str, str, float, float]]:
    """Each target: its name, at least or at most, what is wanted, what was measured."""

    def against(work: str, other: str, of: str | None = None, us: str = US) -> float:
        below = rate(measured, of or work, other)
        return rate(measured, work, us) / below if below else 0.0

    def by_two(work: str) -> float:
        return against(f"{work}, free", US, work, PROCESSES)

    one, listed, moved = "GET one", "list of 50", "POST one movement"
    yield "GET one ÷ hello", "≥", 0.65, against(one, "hello")
    yield "GET one ÷ FastAPI", "≥", 3.5, against(one, "FastAPI")
    yield "GET one ÷ Django", "≥", 5, against(one, "Django")
    yield "list of 50 ÷ FastAPI", "≥", 3.2, against(listed, "FastAPI")
    yield "304 ÷ GET one", "≥", 1, against("GET one, unchanged (304)", US, one)
    yield "HTTP Basic ÷ token", "≥", 0.9, against("GET one, HTTP Basic", US, one)
    yield "GET one, free ÷ FastAPI", "≥", 2.5, against(f"{one}, free", "FastAPI", us=LOOSE)
    many = f"{one}, 256 connections"
    yield "GET one, free, 256 connections ÷ 16", "≥", 0.9, against(f"{many}, free", LOOSE, f"{one}, free", LOOSE)
    yield "GET one, 256 connections ÷ 16", "≥", 0.9, against(many, US, one)
    yield "POST one movement ÷ FastAPI", "≥", 3, against(moved, "FastAPI")
    yield "p99 of POST one movement, ms", "≤", 20, median(measured.p99.get((moved, US), [0.0]))
    yield "POST one movement, Idempotency-Key ÷ without", "≥", 0.7, against(f"{moved}, Idempotency-Key", US, moved)
    yield "GET one, PROCESSES=2 ÷ 1", "≥", 1.5, by_two(one)
    yield "list of 50, PROCESSES=2 ÷ 1", "≥", 1.5, by_two(listed)
    yield "POST one movement, PROCESSES=2 ÷ 1", "≥", 1, by_two(moved)
    p99 = median(measured.p99.get((f"{moved}, free", PROCESSES), [0.0]))
    yield "p99 of POST one movement, PROCESSES=2, ms", "≤", 30, p99
    for work, most in ((one, 5), (listed, 12), (moved, 20)):
        hello = median(measured.cost.get((one, "hello"), [0.0]))
        cost = median(measured.cost.get((work, POSTGRESQL), [0.0]))
        yield f"{work}, PostgreSQL: CPU ÷ hello", "≤", most, cost / hello if hello else 0.0
    yield "import of 100,000 new, rows/s", "≥", 10_000, measured.once["import of 100,000 new, rows/s"]
    yield "import of 100,000 unchanged, rows/s", "≥", 25_000, measured.once["import of 100,000 unchanged, rows/s"]
    yield "export, rows/s", "≥", 100_000, measured.once["export, rows/s"]
    for name, megabytes in measured.once.items():
        if name.startswith(ADDED):
            yield name, "≤", 50, megabytes
    grown = f"{US}, {measured.items:,} items"
    for work, service in dict.fromkeys([*measured.rates, *measured.invalid]):
        if service == grown:
            after = rate(measured, work, grown)
            name = f"{work}: time at {measured.items:,} items ÷ at 10,000"
            yield name, "≤", 1.3, rate(measured, work) / after if after else 0.0
    yield "start to first answer, s", "≤", 1, measured.starts[US]
    yield "idle, MB", "≤", 95, measured.idle[US]


def plot(measured: Measured, path: Path) -> None:
    """Bars for three works, and the rate of GET one by connections."""
    plt.rcParams.update({"font.size": 9, "xtick.labelsize": 8, "axes.spines.top": False, "axes.spines.right": False})
    figure, axes = plt.subplots(1, 4, figsize=(12, 3.2), layout="constrained")
    for axis, work in zip(axes, ("GET one", "list of 50", "POST one movement"), strict=False):
        services = [name for name in COLOURS if name != "bare" and (work, name) in measured.rates]
        values = [rate(measured, work, name) for name in services]
        found = [measured.rates[work, name] for name in services]
        spread = [
            [v - min(f) for v, f in zip(values, found, strict=True)],
            [max(f) - v for v, f in zip(values, found, strict=True)],
        ]
        bars = axis.bar(services, values, color=[COLOURS[name] for name in services], yerr=spread, ecolor="#555555")
        axis.bar_label(bars, fmt="{:,.0f}", padding=2)
        axis.set_xticks(axis.get_xticks(), services, rotation=20, ha="right", rotation_mode="anchor")
        axis.set_title(work)
    axes[0].set_ylabel("answers a second")
    works = ["GET one, free", "GET one, 64 connections, free", "GET one, 256 connections, free"]
    for name in (LOOSE, PROCESSES, *PEERS):
        axes[3].plot(
            ["16", "64", "256"], [rate(measured, w, name) for w in works], "o-", color=COLOURS[name], label=name
        )
    axes[3].set(title="GET one, free, by connections", ylim=(0, None))
    axes[3].legend(frameon=False, fontsize=7, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.12))
    figure.savefig(path, dpi=110, metadata={"Software": None})
