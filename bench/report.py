"""What was measured, as a table for readers and a plot for the README."""

import os
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import matplotlib as mpl
from measuring import ADDED, Measured
from services import BENCH

mpl.use("Agg")
from matplotlib import pyplot as plt

US = "Stockroom"
LOOSE = f"{US}, CPU_AFFINITY=off"
PEERS = {"FastAPI": "FastAPI + SQLAlchemy, uvicorn", "Django": "Django REST framework, waitress"}
NAMES = {
    **PEERS,
    "hello": 'Flask-RESTful "hello", waitress',
    "bare": "bare WSGI, waitress",
}
COLOURS = {
    US: "#1f6f5c",
    LOOSE: "#7db3a4",
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

    for peer in PEERS:
        for work in ("GET one", "list of 50"):
            yield f"{work} ÷ {peer}", "≥", 4, against(work, peer)
            yield f"{work} ÷ {peer}, CPU_AFFINITY=off", "≥", 2.5, against(work, peer, us=LOOSE)
        yield f"POST one movement ÷ {peer}", "≥", 2, against("POST one movement", peer)
    yield "GET one ÷ hello", "≥", 0.9, against("GET one", "hello")
    yield "GET one ÷ hello, CPU_AFFINITY=off", "≥", 0.5, against("GET one", "hello", us=LOOSE)
    yield "HTTP Basic ÷ token", "≥", 0.9, against("GET one, HTTP Basic", US, "GET one")
    yield "304 ÷ GET one", "≥", 1, against("GET one, unchanged (304)", US, "GET one")
    for connections in (64, 256):
        name = f"GET one, {connections} connections"
        yield f"{name} ÷ 16", "≥", 0.9, against(name, US, "GET one")
    yield "p99 of POST one movement, ms", "≤", 30, median(measured.p99.get(("POST one movement", US), [0.0]))
    yield "import of 100,000 new, rows/s", "≥", 10_000, measured.once["import of 100,000 new, rows/s"]
    yield "import of 100,000 unchanged, rows/s", "≥", 20_000, measured.once["import of 100,000 unchanged, rows/s"]
    yield "export, rows/s", "≥", 30_000, measured.once["export, rows/s"]
    for name, megabytes in measured.once.items():
        if name.startswith(ADDED):
            yield name, "≤", 50, megabytes
    grown = f"{US}, {measured.items:,} items"
    for work, service in dict.fromkeys([*measured.rates, *measured.invalid]):
        if service == grown:
            after = rate(measured, work, grown)
            name = f"{work}: time at {measured.items:,} items ÷ at 10,000"
            yield name, "≤", 1.3, rate(measured, work) / after if after else 0.0
    yield "start to first answer, s", "≤", 2, measured.starts[US]
    yield "idle, MB", "≤", 90, measured.idle[US]


def plot(measured: Measured, path: Path) -> None:
    """Bars for three works, and the rate of GET one by connections."""
    plt.rcParams.update({"font.size": 9, "xtick.labelsize": 8, "axes.spines.top": False, "axes.spines.right": False})
    figure, axes = plt.subplots(1, 4, figsize=(12, 3.2), layout="constrained")
    for axis, work in zip(axes, ("GET one", "list of 50", "POST one movement"), strict=False):
        services = [name for name in COLOURS if name not in (LOOSE, "bare") and (work, name) in measured.rates]
        values = [rate(measured, work, name) for name in services]
        found = [measured.rates[work, name] for name in services]
        spread = [
            [v - min(f) for v, f in zip(values, found, strict=True)],
            [max(f) - v for v, f in zip(values, found, strict=True)],
        ]
        bars = axis.bar(services, values, color=[COLOURS[name] for name in services], yerr=spread, ecolor="#555555")
        axis.bar_label(bars, fmt="{:,.0f}", padding=2)
        axis.set_title(work)
    axes[0].set_ylabel("answers a second")
    works = ["GET one", "GET one, 64 connections", "GET one, 256 connections"]
    for name in (US, LOOSE, *PEERS):
        axes[3].plot(
            ["16", "64", "256"], [rate(measured, w, name) for w in works], "o-", color=COLOURS[name], label=name
        )
    axes[3].set(title="GET one, by connections", ylim=(0, None))
    axes[3].legend(frameon=False, fontsize=7, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.12))
    figure.savefig(path, dpi=110, metadata={"Software": None})
